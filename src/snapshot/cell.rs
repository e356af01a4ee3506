//! The one place where the snapshot in force is found.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use arc_swap::ArcSwap;

use super::{Admission, Pressure, Snapshot};

/// Holds the snapshot in force. A worker compares the version, a plain load, and takes the snapshot only when that has changed.
///
/// The version counts publications: a snapshot whose endpoints have changed is of the same generation, and of another version.
#[derive(Debug)]
pub struct Cell {
    snapshot: ArcSwap<Snapshot>,
    version: AtomicU64,
    memory: AtomicU8,
    /// Exchanges of the whole process, where they have a limit.
    pub requests: Arc<Admission>,
}

impl Cell {
    /// With the first snapshot.
    pub fn new(snapshot: Arc<Snapshot>) -> Arc<Self> {
        let (memory, requests) = (AtomicU8::new(Pressure::Calm as u8), Admission::unnamed());
        Arc::new(Self { snapshot: ArcSwap::new(snapshot), version: AtomicU64::new(1), memory, requests })
    }

    /// Puts a snapshot in force. It cannot fail.
    pub fn publish(&self, snapshot: Arc<Snapshot>) {
        self.snapshot.store(snapshot);
        // After the snapshot: whoever sees the number finds it.
        self.version.fetch_add(1, Ordering::Release);
    }

    /// Which publication is in force.
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }

    /// How hard it is by the memory of the process.
    pub fn memory_pressure(&self) -> Pressure {
        Pressure::from_number(self.memory.load(Ordering::Relaxed))
    }

    /// From now on it is that hard.
    pub fn set_memory_pressure(&self, level: Pressure) {
        self.memory.store(level as u8, Ordering::Relaxed);
    }

    /// The snapshot in force.
    pub fn load(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }
}
