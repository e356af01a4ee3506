//! One file of the log.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::files::{Folder, plain};
use super::record::Place;

/// A segment. Its file may be gone from the folder while somebody still reads it; what it takes is given back after the last one.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) number: u32,
    file: File,
    path: PathBuf,
    octets: AtomicU64,
    /// Octets of all segments.
    used: Arc<AtomicU64>,
}

impl Segment {
    /// A new one.
    ///
    /// # Errors
    /// Those of the system; the name must be free.
    pub(super) fn create(folder: &Folder, number: u32, used: &Arc<AtomicU64>) -> io::Result<Self> {
        let path = folder.segment(number);
        let file = plain().read(true).write(true).create_new(true).open(&path)?;
        folder.sync();
        Ok(Self { number, file, path, octets: AtomicU64::new(0), used: used.clone() })
    }

    /// One that is there.
    ///
    /// # Errors
    /// Those of the system.
    pub(super) fn open(folder: &Folder, number: u32, used: &Arc<AtomicU64>) -> io::Result<Self> {
        let path = folder.segment(number);
        let file = plain().read(true).open(&path)?;
        let octets = file.metadata()?.len();
        used.fetch_add(octets, Relaxed);
        Ok(Self { number, file, path, octets: AtomicU64::new(octets), used: used.clone() })
    }

    /// Octets of it.
    pub(super) fn len(&self) -> u64 {
        self.octets.load(Relaxed)
    }

    /// The place behind everything.
    pub(super) fn end(&self) -> Option<Place> {
        u32::try_from(self.len()).ok().map(|offset| Place::new(self.number, offset))
    }

    /// Writes behind the end; it counts from [`Segment::commit`] on. Only one thread may.
    ///
    /// # Errors
    /// Those of the system, such as a full disk.
    pub(super) fn write(&self, at: u64, octets: &[u8]) -> io::Result<()> {
        self.file.write_all_at(octets, at)
    }

    /// The end is there now.
    pub(super) fn commit(&self, end: u64) {
        let before = self.octets.swap(end, Relaxed);
        self.used.fetch_add(end - before, Relaxed);
    }

    /// Cuts off what was not committed. Where even that fails it is written over the next time, and fails its checksum until then.
    pub(super) fn cut(&self) {
        let _ = self.file.set_len(self.len());
    }

    /// Reads so many octets.
    ///
    /// # Errors
    /// Those of the system; `UnexpectedEof` where there are not so many.
    pub(super) fn read(&self, offset: u64, into: &mut [u8]) -> io::Result<()> {
        self.file.read_exact_at(into, offset)
    }

    /// Makes sure that it outlives a loss of power.
    ///
    /// # Errors
    /// Those of the system.
    pub(super) fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }

    /// Takes it out of the folder.
    ///
    /// # Errors
    /// Those of the system.
    pub(super) fn unlink(&self) -> io::Result<()> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        self.used.fetch_sub(self.len(), Relaxed);
    }
}
