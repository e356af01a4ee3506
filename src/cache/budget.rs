//! How much may be on its way into the store at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Octets of all bodies that are being filled, and how many there may be.
#[derive(Debug)]
pub(super) struct Budget {
    used: AtomicU64,
    limit: u64,
}

impl Budget {
    /// So many octets.
    pub(super) fn new(limit: u64) -> Arc<Self> {
        Arc::new(Self { used: AtomicU64::new(0), limit })
    }

    /// Takes some of it; false where there is not so much.
    pub(super) fn take(&self, octets: u64) -> bool {
        if self.used.fetch_add(octets, Relaxed).saturating_add(octets) <= self.limit {
            return true;
        }
        self.give_back(octets);
        false
    }

    /// How much is taken.
    pub(super) fn used(&self) -> u64 {
        self.used.load(Relaxed)
    }

    /// Gives some back.
    pub(super) fn give_back(&self, octets: u64) {
        self.used.fetch_sub(octets, Relaxed);
    }
}
