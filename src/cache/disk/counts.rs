//! What the tier counts.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Why a job for the disk was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// Too much waits to be read: a miss.
    ReadQueue,
    /// Too much waits to be written: not stored on the disk.
    WriteQueue,
}

impl Refusal {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::ReadQueue, Self::WriteQueue];

    /// The word for it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::ReadQueue => "read_queue",
            Self::WriteQueue => "write_queue",
        }
    }
}

/// What went wrong on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// The folder cannot be used.
    Open,
    /// There is no room, or the disk refuses: nothing is stored for a while.
    Write,
    /// The disk does not give what was written: a miss.
    Read,
    /// It gives something else than was written: a miss.
    Checksum,
    /// The disk took too long: a miss.
    Slow,
}

impl Failure {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Open, Self::Write, Self::Read, Self::Checksum, Self::Slow];

    /// The word for it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Write => "write",
            Self::Read => "read",
            Self::Checksum => "checksum",
            Self::Slow => "slow",
        }
    }
}

/// How the tier is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DiskSize {
    /// Whether this process owns the folder and uses it.
    pub open: bool,
    /// Whether the index is still being built.
    pub rebuilding: bool,
    /// Whether the disk takes nothing at the moment: it is full, or refuses.
    pub failing: bool,
    /// Stored responses that the index knows.
    pub entries: u64,
    /// Octets on the disk.
    pub octets: u64,
    /// Octets that there may be.
    pub limit: u64,
    /// Octets of memory that the index takes.
    pub index: u64,
    /// Octets that wait to be written.
    pub queued: u64,
    /// Responses that were written, ever.
    pub written: u64,
    /// Responses that were read, ever.
    pub read: u64,
    /// Responses that had to go for others, ever.
    pub evicted: u64,
    /// By [`Refusal::ALL`].
    pub refused: [u64; 2],
    /// By [`Failure::ALL`].
    pub failed: [u64; 5],
}

/// The counters.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) written: AtomicU64,
    pub(super) read: AtomicU64,
    pub(super) evicted: AtomicU64,
    refused: [AtomicU64; 2],
    failed: [AtomicU64; 5],
}

impl Counts {
    pub(super) fn refused(&self, refusal: Refusal) {
        self.refused[refusal as usize].fetch_add(1, Relaxed);
    }

    pub(super) fn failed(&self, failure: Failure) {
        self.failed[failure as usize].fetch_add(1, Relaxed);
    }

    /// Adds them to what is known otherwise.
    pub(super) fn fill(&self, size: &mut DiskSize) {
        let all = |counters: &[AtomicU64], into: &mut [u64]| {
            into.iter_mut().zip(counters).for_each(|(into, counter)| *into = counter.load(Relaxed));
        };
        size.written = self.written.load(Relaxed);
        size.read = self.read.load(Relaxed);
        size.evicted = self.evicted.load(Relaxed);
        all(&self.refused, &mut size.refused);
        all(&self.failed, &mut size.failed);
    }
}
