//! How many exchanges of a route run.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// The exchanges of a route at this moment, in the whole process. It outlives reloads while the route's name stays.
#[derive(Debug)]
pub struct Admission {
    /// The route's name.
    pub(super) name: Arc<str>,
    running: AtomicUsize,
}

/// A place among them until it is dropped.
#[derive(Debug)]
pub struct Admitted(Arc<Admission>);

impl Admission {
    /// None runs.
    pub(super) fn new(name: Arc<str>) -> Arc<Self> {
        Arc::new(Self { name, running: AtomicUsize::new(0) })
    }

    /// Of something that is no route.
    pub fn unnamed() -> Arc<Self> {
        Self::new("".into())
    }

    /// A place, unless `limit` of them are taken.
    pub fn admit(self: &Arc<Self>, limit: usize) -> Option<Admitted> {
        let before = self.running.fetch_add(1, Relaxed);
        let admitted = Admitted(self.clone());
        (before < limit).then_some(admitted)
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Relaxed);
    }
}
