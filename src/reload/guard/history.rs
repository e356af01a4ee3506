//! What routes did lately: what a reload is compared with.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::observe::metrics::{Counts, since};

/// Slices that a window has.
const SLICES: u32 = 8;

/// The last window of counts, in slices.
#[derive(Debug)]
pub(super) struct History {
    slices: VecDeque<(Counts, Duration)>,
    /// Until where they reach.
    last: (Counts, Instant),
}

impl History {
    /// Of nothing yet.
    pub(super) fn new(counts: Counts, now: Instant) -> Self {
        Self { slices: VecDeque::new(), last: (counts, now) }
    }

    /// Adds what has come, once that is a slice.
    pub(super) fn note(&mut self, counts: &Counts, now: Instant, window: Duration) {
        let length = now.saturating_duration_since(self.last.1);
        if length >= window / SLICES {
            self.slices.push_back((since(counts, &self.last.0), length));
            self.last = (counts.clone(), now);
        }
        while self.slices.len() > SLICES as usize {
            self.slices.pop_front();
        }
    }

    /// Forgets what came since; what was before that stays.
    pub(super) fn skip(&mut self, counts: Counts, now: Instant) {
        self.last = (counts, now);
    }

    /// Everything from here on is another world: only what came since that moment counts.
    pub(super) fn begin_with(&mut self, came: Counts, passed: Duration, (counts, now): (Counts, Instant)) {
        self.slices = VecDeque::from([(came, passed)]);
        self.last = (counts, now);
    }

    /// All of it, and how long that was.
    pub(super) fn lately(&self, counts: &Counts, now: Instant) -> (Counts, Duration) {
        let (mut sum, mut time) = (since(counts, &self.last.0), now.saturating_duration_since(self.last.1));
        for (slice, length) in &self.slices {
            time += *length;
            for (id, counts) in slice {
                let all = sum.entry(*id).or_default();
                *all = all.and(counts);
            }
        }
        (sum, time)
    }
}
