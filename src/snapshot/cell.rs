//! The one place where the snapshot in force is found.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use arc_swap::ArcSwap;

use super::Snapshot;

/// Holds the snapshot in force. A worker compares the generation, a plain load, and takes the snapshot only when that has changed.
#[derive(Debug)]
pub struct Cell {
    snapshot: ArcSwap<Snapshot>,
    generation: AtomicU64,
}

impl Cell {
    /// With the first snapshot.
    pub fn new(snapshot: Arc<Snapshot>) -> Arc<Self> {
        let generation = AtomicU64::new(snapshot.generation);
        Arc::new(Self { snapshot: ArcSwap::new(snapshot), generation })
    }

    /// Puts a snapshot in force. It cannot fail.
    pub fn publish(&self, snapshot: Arc<Snapshot>) {
        let generation = snapshot.generation;
        self.snapshot.store(snapshot);
        // After the snapshot: whoever sees the number finds it.
        self.generation.store(generation, Ordering::Release);
    }

    /// The generation in force.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The snapshot in force.
    pub fn load(&self) -> Arc<Snapshot> {
        self.snapshot.load_full()
    }
}
