//! The segments of the tier: which there are, and what goes with one.

use std::sync::Arc;

use super::counts::Failure;
use super::index::Index;
use super::journal::Journal;
use super::segment::Segment;
use super::tier::{Tier, lock};

impl Tier {
    pub(super) fn segment(&self, number: u32) -> Option<Arc<Segment>> {
        lock(&self.segments).get(&number).cloned()
    }

    pub(super) fn add_segment(&self, segment: Arc<Segment>) {
        lock(&self.segments).insert(segment.number, segment);
    }

    /// The oldest segment, and whether there is another one.
    pub(super) fn oldest(&self) -> Option<(Arc<Segment>, bool)> {
        let segments = lock(&self.segments);
        let oldest = segments.values().next().cloned()?;
        Some((oldest, segments.len() > 1))
    }

    /// Takes a segment out: nobody finds anything in it from now on.
    pub(super) fn take_out(&self, number: u32) {
        lock(&self.segments).remove(&number);
    }

    /// Takes a segment out that cannot be trusted.
    pub(super) fn drop_segment(&self, segment: &Segment) {
        self.take_out(segment.number);
        if segment.unlink().is_err() {
            self.counts.failed(Failure::Write);
        }
    }

    /// Drops everything.
    pub(super) fn drop_all(&self) {
        self.index.clear();
        let segments = std::mem::take(&mut *lock(&self.segments));
        segments.values().for_each(|segment| self.drop_segment(segment));
    }

    /// Takes in what a segment says, if it is still there.
    pub(super) fn take_in(&self, segment: &Segment, take: impl FnOnce(&Index, &Journal, usize)) {
        // Behind the lock, so that an eviction comes wholly before or after.
        let segments = lock(&self.segments);
        if segments.contains_key(&segment.number) {
            take(&self.index, &self.journal, self.variants);
        }
    }
}
