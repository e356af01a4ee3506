//! The folder: who owns it, what it is called, and which files are in it.
//!
//! ```text
//! lock           held by the process that owns the folder
//! meta           the folder's secret, and how many processes have owned it
//! 0000002a.seg   segments, by number
//! ```

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, OFlags, flock};
use twox_hash::XxHash3_128;

/// Files are for this user alone.
const FILE: u32 = 0o600;
const FOLDER: u32 = 0o700;
const MAGIC: &str = "tidegate cache 1";

/// A folder that is ours until this is dropped.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    /// Which process in a row we are.
    pub(super) epoch: u32,
    /// What checksums and hashes are seeded with.
    pub(super) secret: u64,
    /// The segments that were there, in order.
    pub(super) found: Vec<u32>,
    _lock: File,
}

/// Why a folder cannot be used.
#[derive(Debug)]
pub(super) enum OpenError {
    /// Another process owns it.
    Busy,
    /// The system refuses.
    System(io::Error),
}

impl From<io::Error> for OpenError {
    fn from(error: io::Error) -> Self {
        Self::System(error)
    }
}

impl Folder {
    /// Takes the folder, and makes it where it is missing.
    ///
    /// # Errors
    /// Where another process owns it, or it cannot be written.
    pub(super) fn open(path: &Path) -> Result<Self, OpenError> {
        DirBuilder::new().recursive(true).mode(FOLDER).create(path)?;
        let lock = plain().read(true).write(true).create(true).truncate(false).open(path.join("lock"))?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(OpenError::Busy),
            Err(error) => return Err(OpenError::System(error.into())),
        }
        let mut found = segments(path)?;
        let known = read_meta(&path.join("meta")).filter(|(_, epoch)| *epoch < (1 << 23));
        let (secret, epoch) = match known {
            Some((secret, epoch)) => (secret, epoch + 1),
            None => {
                // Without the secret nothing in them can be told from anything else.
                for number in found.drain(..) {
                    fs::remove_file(path.join(name(number)))?;
                }
                (secret()?, 1)
            }
        };
        write_meta(path, secret, epoch)?;
        Ok(Self { path: path.to_owned(), epoch, secret, found, _lock: lock })
    }

    /// Makes sure that the names in it outlive a loss of power. Where it cannot be, they only may not.
    pub(super) fn sync(&self) {
        let _ = File::open(&self.path).and_then(|folder| folder.sync_all());
    }

    /// Where a segment is.
    pub(super) fn segment(&self, number: u32) -> PathBuf {
        self.path.join(name(number))
    }
}

/// Options for a file that only we may read, and that is not somewhere else.
pub(super) fn plain() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.mode(FILE).custom_flags(OFlags::NOFOLLOW.bits() as i32);
    options
}

fn name(number: u32) -> String {
    format!("{number:08x}.seg")
}

/// The numbers of the segments in a folder; whatever else is in it is not ours.
fn segments(path: &Path) -> io::Result<Vec<u32>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(path)? {
        let entry = entry?;
        let Some(number) = entry.file_name().to_str().and_then(|text| u32::from_str_radix(text.get(..8)?, 16).ok())
        else {
            continue;
        };
        if entry.file_name().to_str() == Some(&name(number)) {
            found.push(number);
        }
    }
    found.sort_unstable();
    Ok(found)
}

fn secret() -> io::Result<u64> {
    let mut octets = [0; 8];
    aws_lc_rs::rand::fill(&mut octets).map_err(|_| io::Error::other("no random octets"))?;
    Ok(u64::from_le_bytes(octets))
}

fn line(secret: u64, epoch: u32) -> String {
    let said = format!("{MAGIC}\nsecret {secret:016x}\nowner {epoch}\n");
    let sum = XxHash3_128::oneshot(said.as_bytes());
    format!("{said}sum {sum:032x}\n")
}

fn read_meta(path: &Path) -> Option<(u64, u32)> {
    let mut text = String::new();
    plain().read(true).open(path).ok()?.take(4096).read_to_string(&mut text).ok()?;
    let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let known = (u64::from_str_radix(value("secret")?, 16).ok()?, value("owner")?.parse().ok()?);
    (line(known.0, known.1) == text).then_some(known)
}

/// Whole or not at all: a number that was used is never used again.
fn write_meta(path: &Path, secret: u64, epoch: u32) -> io::Result<()> {
    let new = path.join("meta.new");
    let mut file = plain().write(true).create(true).truncate(true).open(&new)?;
    file.write_all(line(secret, epoch).as_bytes())?;
    file.sync_all()?;
    fs::rename(&new, path.join("meta"))?;
    File::open(path)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn it_is_owned_by_one_and_keeps_its_secret() {
        let scratch = tempfile::tempdir().expect("a folder");
        let path = scratch.path().join("a/b");
        let first = Folder::open(&path).expect("ours");
        assert!(matches!(Folder::open(&path), Err(OpenError::Busy)));
        let (secret, epoch) = (first.secret, first.epoch);
        drop(first);
        let second = Folder::open(&path).expect("ours again");
        assert_eq!((second.secret, second.epoch), (secret, epoch + 1));
        let mode = |path: &Path| fs::metadata(path).expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&path), mode(&path.join("meta")), mode(&path.join("lock"))), (0o700, 0o600, 0o600));
    }

    #[test]
    fn what_was_written_under_a_lost_secret_goes_and_the_rest_stays() {
        let scratch = tempfile::tempdir().expect("a folder");
        let path = scratch.path();
        let secret = Folder::open(path).expect("ours").secret;
        for name in ["0000000a.seg", "00000009.seg", "0000000A.seg", "x.seg", "0000000a.seg.old"] {
            fs::write(path.join(name), "x").expect("written");
        }
        let folder = Folder::open(path).expect("ours");
        assert_eq!(folder.found, [9, 10]);
        drop(folder);
        let meta = fs::read_to_string(path.join("meta")).expect("read");
        fs::write(path.join("meta"), meta.replace("owner", "ovner")).expect("written");
        let folder = Folder::open(path).expect("ours");
        assert!(folder.found.is_empty() && folder.secret != secret && folder.epoch == 1);
        assert!(!path.join("00000009.seg").exists() && path.join("x.seg").exists());
        assert!(path.join("0000000A.seg").exists());
    }

    #[test]
    fn a_link_is_not_followed() {
        let scratch = tempfile::tempdir().expect("a folder");
        let target = scratch.path().join("target");
        fs::write(&target, "precious").expect("written");
        let path = scratch.path().join("folder");
        fs::create_dir(&path).expect("made");
        std::os::unix::fs::symlink(&target, path.join("lock")).expect("linked");
        assert!(matches!(Folder::open(&path), Err(OpenError::System(_))));
        assert_eq!(fs::read_to_string(target).expect("read"), "precious");
    }
}
