//! Opens files beneath a root, and nothing else. Runs on blocking threads.
//!
//! The kernel resolves a name and refuses every step out of the root (openat2 with `RESOLVE_BENEATH`), so that no symbolic link, and no
//! race with one, leads outside; an absolute link counts as outside. Where the kernel has no openat2, a file is located first without
//! being opened, and opened only if it turns out to be below the root.
//!
//! The root is opened anew for each request: operators deploy by turning a link to another folder.

use std::ffi::OsStr;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::{HeaderValue, StatusCode};
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, Stat};
use rustix::io::Errno;

/// Why there is no file to answer with.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileFault {
    /// The client's: there is none, or none that is shown.
    NotFound,
    /// The client's: neither GET nor HEAD.
    Method,
    /// Ours: the process may not read it.
    Forbidden,
    /// Ours: no file descriptor or memory left.
    Exhausted,
    /// Ours: the file system failed.
    Unreadable,
}

impl FileFault {
    /// The word for it in metrics, logs and docs.
    pub const fn label(self) -> &'static str {
        match self {
            Self::NotFound => "file_not_found",
            Self::Method => "file_method",
            Self::Forbidden => "file_forbidden",
            Self::Exhausted => "file_exhausted",
            Self::Unreadable => "file_unreadable",
        }
    }

    /// The status of the answer.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::Method => StatusCode::METHOD_NOT_ALLOWED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::Exhausted => StatusCode::SERVICE_UNAVAILABLE,
            Self::Unreadable => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// `Allow`, which a 405 must have (RFC 9110 §15.5.6).
    pub fn allow(self) -> Option<HeaderValue> {
        (self == Self::Method).then(|| HeaderValue::from_static("GET, HEAD"))
    }
}

impl fmt::Display for FileFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

impl std::error::Error for FileFault {}

impl From<Errno> for FileFault {
    fn from(errno: Errno) -> Self {
        match errno {
            Errno::ACCESS | Errno::PERM => Self::Forbidden,
            Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::AGAIN => Self::Exhausted,
            // XDEV and LOOP: a link out of the root, or round and round. NXIO and NODEV: a socket or device.
            Errno::NOENT
            | Errno::NOTDIR
            | Errno::XDEV
            | Errno::LOOP
            | Errno::NAMETOOLONG
            | Errno::NXIO
            | Errno::NODEV => Self::NotFound,
            _ => Self::Unreadable,
        }
    }
}

/// An open file and its state at that moment.
#[derive(Debug)]
pub(super) struct Opened {
    pub(super) file: OwnedFd,
    pub(super) size: u64,
    /// Nanoseconds since 1970.
    pub(super) modified: i128,
    pub(super) inode: u64,
}

/// What a name stands for.
#[derive(Debug)]
pub(super) enum Entry {
    File(Opened),
    Folder,
}

/// A folder whose files are served.
#[derive(Clone, Debug)]
pub(super) struct Folder {
    root: PathBuf,
    resolver: Resolver,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Resolver {
    /// openat2(2), Linux 5.6 and later
    Kernel,
    /// Look where it leads, then open
    Located,
}

/// Non-blocking, or a FIFO would hold the thread until somebody writes.
const READ: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY).union(OFlags::CLOEXEC);
const LOCATE: OFlags = OFlags::PATH.union(OFlags::CLOEXEC);

impl Folder {
    /// That folder.
    ///
    /// # Errors
    /// The system's, where it is not there or no folder.
    pub(super) fn new(root: &Path) -> io::Result<Self> {
        let opened = rustix::fs::open(root, LOCATE | OFlags::DIRECTORY, Mode::empty())?;
        let probe = rustix::fs::openat2(&opened, ".", LOCATE, Mode::empty(), ResolveFlags::BENEATH);
        // Some sandboxes answer EPERM to system calls that they do not know.
        let resolver =
            if matches!(probe, Err(Errno::NOSYS | Errno::PERM)) { Resolver::Located } else { Resolver::Kernel };
        Ok(Self { root: root.to_owned(), resolver })
    }

    /// Opens the root, to open several names of the same folder.
    pub(super) fn root(&self) -> Result<OwnedFd, FileFault> {
        Ok(rustix::fs::open(&self.root, LOCATE | OFlags::DIRECTORY, Mode::empty())?)
    }

    /// What is there under a name that has no dot segments; the empty name is the root.
    pub(super) fn open(&self, root: &OwnedFd, name: &[u8]) -> Result<Entry, FileFault> {
        let name = Path::new(OsStr::from_bytes(if name.is_empty() { b"." } else { name }));
        let file = match self.resolver {
            Resolver::Kernel => open_beneath(root, name)?,
            Resolver::Located => open_located(root, name)?,
        };
        let stat = rustix::fs::fstat(&file)?;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => Ok(Entry::File(Opened::new(file, &stat))),
            FileType::Directory => Ok(Entry::Folder),
            _ => Err(FileFault::NotFound),
        }
    }
}

fn open_beneath(root: &OwnedFd, name: &Path) -> rustix::io::Result<OwnedFd> {
    let open =
        || rustix::fs::openat2(root, name, READ, Mode::empty(), ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS);
    // EAGAIN: something above was renamed meanwhile, and the kernel could not be sure.
    (0..3).find_map(|_| Some(open()).filter(|opened| !matches!(opened, Err(Errno::AGAIN)))).unwrap_or_else(open)
}

fn open_located(root: &OwnedFd, name: &Path) -> rustix::io::Result<OwnedFd> {
    let place = rustix::fs::openat(root, name, LOCATE, Mode::empty())?;
    if !located(&place)?.starts_with(located(root)?) {
        return Err(Errno::XDEV);
    }
    let kind = FileType::from_raw_mode(rustix::fs::fstat(&place)?.st_mode);
    if !matches!(kind, FileType::RegularFile | FileType::Directory) {
        return Err(Errno::NXIO);
    }
    rustix::fs::openat(CWD, descriptor(&place), READ, Mode::empty())
}

/// Where an open file is, by the kernel's own word.
fn located(file: &OwnedFd) -> rustix::io::Result<PathBuf> {
    let path = rustix::fs::readlink(descriptor(file), Vec::new())?;
    Ok(PathBuf::from(OsStr::from_bytes(path.as_bytes())))
}

fn descriptor(file: &OwnedFd) -> String {
    format!("/proc/self/fd/{}", file.as_raw_fd())
}

impl Opened {
    fn new(file: OwnedFd, stat: &Stat) -> Self {
        let modified = i128::from(stat.st_mtime) * 1_000_000_000 + i128::from(stat.st_mtime_nsec);
        Self { file, size: u64::try_from(stat.st_size).unwrap_or(0), modified, inode: stat.st_ino }
    }
}

/// Reads `octets` octets from `offset` on; fewer come only where the file ends.
pub(super) fn read_at(file: impl AsFd, offset: u64, octets: usize) -> io::Result<Bytes> {
    let mut buffer = Vec::with_capacity(octets);
    while buffer.len() < octets {
        let at = offset + buffer.len() as u64;
        match rustix::io::pread(&file, rustix::buffer::spare_capacity(&mut buffer), at) {
            Ok(0) => break,
            Ok(_) | Err(Errno::INTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    // The allocator may have given more room than was asked for.
    buffer.truncate(octets);
    Ok(Bytes::from(buffer))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files::tests::TemporaryFolder;

    /// Both ways of opening must agree on all that is not a question of taste.
    #[test]
    fn nothing_outside_the_root_is_opened() {
        let outer = TemporaryFolder::new();
        outer.write("secret", b"secret");
        outer.write("root/a/b.txt", b"inside");
        outer.link("../secret", "root/out");
        outer.link("..", "root/up");
        outer.link("a/b.txt", "root/in");
        outer.link("../root/a", "root/a/around");
        outer.link("/etc/passwd", "root/absolute");
        outer.link("loop", "root/loop");
        outer.fifo("root/fifo");
        let folder = Folder::new(&outer.path("root")).expect("a folder");
        assert_eq!(folder.resolver, Resolver::Kernel);
        for resolver in [Resolver::Kernel, Resolver::Located] {
            let folder = Folder { resolver, ..folder.clone() };
            let root = folder.root().expect("a folder");
            for (name, want) in [
                ("", Ok(None)),
                ("a", Ok(None)),
                ("a/b.txt", Ok(Some(6))),
                ("in", Ok(Some(6))),
                ("out", Err(FileFault::NotFound)),
                ("up", Err(FileFault::NotFound)),
                ("up/secret", Err(FileFault::NotFound)),
                ("../secret", Err(FileFault::NotFound)),
                ("absolute", Err(FileFault::NotFound)),
                ("loop", Err(FileFault::NotFound)),
                ("fifo", Err(FileFault::NotFound)),
                ("none", Err(FileFault::NotFound)),
                ("a/b.txt/c", Err(FileFault::NotFound)),
            ] {
                let got = folder.open(&root, name.as_bytes()).map(|entry| match entry {
                    Entry::File(opened) => Some(opened.size),
                    Entry::Folder => None,
                });
                assert_eq!(got, want, "{resolver:?} {name}");
            }
        }
    }

    #[test]
    fn a_root_must_be_a_folder() {
        let outer = TemporaryFolder::new();
        outer.write("file", b"x");
        assert!(Folder::new(&outer.path("file")).is_err());
        assert!(Folder::new(&outer.path("none")).is_err());
    }

    #[test]
    fn a_turned_link_is_followed_at_once() {
        let outer = TemporaryFolder::new();
        outer.write("one/a", b"1");
        outer.write("two/a", b"22");
        outer.link("one", "now");
        let folder = Folder::new(&outer.path("now")).expect("a folder");
        let size = || match folder.root().and_then(|root| folder.open(&root, b"a")) {
            Ok(Entry::File(opened)) => opened.size,
            other => panic!("{other:?}"),
        };
        assert_eq!(size(), 1);
        outer.remove("now");
        outer.link("two", "now");
        assert_eq!(size(), 2);
    }

    #[test]
    fn faults() {
        for (errno, want, status) in [
            (Errno::ACCESS, FileFault::Forbidden, 403),
            (Errno::MFILE, FileFault::Exhausted, 503),
            (Errno::NOENT, FileFault::NotFound, 404),
            (Errno::IO, FileFault::Unreadable, 500),
        ] {
            let fault = FileFault::from(errno);
            assert_eq!((fault, fault.status().as_u16()), (want, status));
        }
    }
}
