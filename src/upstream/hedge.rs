//! When a second endpoint is asked too, because the first is slow to answer. Pure: times in, a time out.
//!
//! The second attempt is worth what it costs where it is rare: after the p95 it is made for one request in twenty, of which most are those
//! that have met with a pause, a queue or an endpoint that is unwell.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::record::{BUCKETS, bound, bucket};
use crate::config::model::{self, HedgeAfter};

/// Answers before the p95 says anything.
const FEWEST: u32 = 128;
/// From one look at the counts to the next, in answers.
const EVERY: u32 = 32;
/// At so many answers the counts are halved, so that what is old counts less and less.
const WINDOW: u32 = 1024;

/// When a route asks a second endpoint too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hedge {
    /// After the upstream's p95, but not before that time.
    P95(Duration),
    /// After that time.
    Time(Duration),
}

impl Hedge {
    /// From the config.
    pub fn compile(hedge: &model::Hedge) -> Self {
        match hedge.after {
            HedgeAfter::P95 => Self::P95(hedge.min),
            HedgeAfter::Time(time) => Self::Time(time),
        }
    }

    /// How long the first attempt has; `None` while too little is known.
    pub fn after(self, pace: &Pace) -> Option<Duration> {
        match self {
            Self::Time(time) => Some(time),
            Self::P95(min) => pace.p95().map(|p95| p95.max(min)),
        }
    }
}

/// How long the answers of an upstream take, in the whole process.
#[derive(Debug)]
pub struct Pace {
    counts: [AtomicU32; BUCKETS],
    total: AtomicU32,
    /// In microseconds; 0 while nothing is known.
    p95: AtomicU64,
}

impl Default for Pace {
    fn default() -> Self {
        let counts = [const { AtomicU32::new(0) }; BUCKETS];
        Self { counts, total: AtomicU32::new(0), p95: AtomicU64::new(0) }
    }
}

impl Pace {
    /// An answer took so long to its first byte; or at least so long, where it was no longer waited for.
    pub fn note(&self, took: Duration) {
        self.counts[bucket(took)].fetch_add(1, Relaxed);
        let total = self.total.fetch_add(1, Relaxed) + 1;
        if total.is_multiple_of(EVERY) && total >= FEWEST {
            self.settle();
        }
    }

    /// The time within which 19 of 20 answers came, rounded up by a fifth at most.
    pub fn p95(&self) -> Option<Duration> {
        Some(self.p95.load(Relaxed)).filter(|micros| *micros > 0).map(Duration::from_micros)
    }

    /// Workers may do so at the same time: of what is counted in that moment a little may be lost.
    fn settle(&self) {
        let counts = self.counts.each_ref().map(|count| count.load(Relaxed));
        let total: u32 = counts.iter().sum();
        let mut left = total - total / 20;
        let place = counts.iter().position(|count| {
            left = left.saturating_sub(*count);
            left == 0
        });
        self.p95.store(bound(place.unwrap_or(BUCKETS - 1) + 1), Relaxed);
        if total >= WINDOW {
            self.counts.iter().zip(counts).for_each(|(place, count)| place.store(count / 2, Relaxed));
            self.total.store(counts.iter().map(|count| count / 2).sum(), Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::balance::Draw;
    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn nothing_is_said_before_there_is_something_to_say() {
        let pace = Pace::default();
        let hedge = Hedge::P95(5 * MS);
        for _ in 0..FEWEST - 1 {
            pace.note(20 * MS);
            assert_eq!(hedge.after(&pace), None);
        }
        pace.note(20 * MS);
        let after = hedge.after(&pace).expect("enough is known");
        assert!(after >= 20 * MS && after <= 25 * MS, "{after:?}");
        assert_eq!(Hedge::P95(70 * MS).after(&pace), Some(70 * MS), "not before that");
        assert_eq!(Hedge::Time(3 * MS).after(&Pace::default()), Some(3 * MS), "a fixed time needs no measure");
    }

    #[test]
    fn nineteen_of_twenty_are_within_it() {
        let (pace, mut draw) = (Pace::default(), Draw::new(3));
        // Even between 1 and 100 ms.
        (0..5000).for_each(|_| pace.note(Duration::from_micros(1_000 + draw.below(99_000))));
        let p95 = pace.p95().expect("known");
        assert!((95 * MS..=125 * MS).contains(&p95), "{p95:?}");
    }

    #[test]
    fn it_follows_an_upstream_that_changes() {
        let pace = Pace::default();
        (0..3000).for_each(|_| pace.note(10 * MS));
        (0..3000).for_each(|_| pace.note(400 * MS));
        assert!(pace.p95().is_some_and(|p95| p95 >= 400 * MS));
        (0..10_000).for_each(|_| pace.note(10 * MS));
        assert!(pace.p95().is_some_and(|p95| p95 <= 13 * MS), "{:?}", pace.p95());
        pace.note(Duration::MAX);
        pace.note(Duration::ZERO);
    }

    #[test]
    fn threads_may_note_at_once() {
        let pace = Pace::default();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..20_000).for_each(|_| pace.note(10 * MS)));
            }
        });
        assert!(pace.p95().is_some_and(|p95| (10 * MS..=13 * MS).contains(&p95)));
        assert!(pace.total.load(Relaxed) <= WINDOW + 4 * EVERY);
    }
}
