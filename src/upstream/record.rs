//! What the exchanges with an endpoint came to, counted by all workers, read by outlier detection.
//!
//! An answer costs one addition, in the bucket of its time to the first byte. Counts are those of a window, which outlier detection begins
//! anew when it has compared them; what is added in that moment may be lost, and nobody minds.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::moment::micros;

/// Buckets: four for each doubling, from a microsecond to more than a minute.
pub(super) const BUCKETS: usize = 27 * 4;

/// Why an endpoint is ejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Failures of the gateway kind in a row.
    GatewayFailures,
    /// It fails more often than the others.
    SuccessRate,
    /// It answers much slower than the others.
    Latency,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Self; 3] = [Self::GatewayFailures, Self::SuccessRate, Self::Latency];

    /// The word for logs and metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Self::GatewayFailures => "gateway_failures",
            Self::SuccessRate => "success_rate",
            Self::Latency => "latency",
        }
    }
}

/// The record of one endpoint.
#[derive(Debug)]
pub struct Record {
    /// Failures of the gateway kind since the last answer.
    pub(super) in_a_row: AtomicU32,
    /// Attempts of this window that failed, and answers of 500 and more.
    failed: AtomicU32,
    /// Answers of this window below 500, by their time to the first byte.
    answered: [AtomicU32; BUCKETS],
    /// Attempts in a row that another endpoint was asked beside, and was quicker.
    outrun: AtomicU32,
    /// Whether it ever answered.
    alive: AtomicBool,
    /// Comparisons that this window was too small for.
    pub(super) age: AtomicU32,
    /// How many attempts there were at the last comparison of latency.
    pub(super) compared: AtomicU32,
    /// Comparisons of latency in a row that it lost.
    pub(super) slow: AtomicU32,
    /// How many times as long as the first one the last ejection was.
    pub(super) ejections: AtomicU32,
    /// Since when that number has stood, in microseconds.
    pub(super) ejections_since: AtomicU64,
    totals: [AtomicU64; Reason::ALL.len()],
}

impl Default for Record {
    fn default() -> Self {
        Self {
            in_a_row: AtomicU32::new(0),
            failed: AtomicU32::new(0),
            answered: [const { AtomicU32::new(0) }; BUCKETS],
            outrun: AtomicU32::new(0),
            alive: AtomicBool::new(false),
            age: AtomicU32::new(0),
            compared: AtomicU32::new(0),
            slow: AtomicU32::new(0),
            ejections: AtomicU32::new(0),
            ejections_since: AtomicU64::new(0),
            totals: Default::default(),
        }
    }
}

/// What a window holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// Attempts.
    pub(super) attempts: u32,
    /// Of these, failures.
    pub(super) failed: u32,
    /// Of the answers' times the middle one, in microseconds.
    pub(super) median: u64,
}

impl Record {
    /// An answer below 500.
    pub(super) fn answered(&self, took: Duration) {
        self.answered[bucket(took)].fetch_add(1, Relaxed);
        // Written only where it changes: the line is shared.
        if self.in_a_row.load(Relaxed) != 0 {
            self.in_a_row.store(0, Relaxed);
        }
        if self.outrun.load(Relaxed) != 0 {
            self.outrun.store(0, Relaxed);
        }
        if !self.alive.load(Relaxed) {
            self.alive.store(true, Relaxed);
        }
    }

    /// An answer of 500 or more that is not of the gateway kind.
    pub(super) fn error(&self) {
        self.failed.fetch_add(1, Relaxed);
        self.in_a_row.store(0, Relaxed);
    }

    /// A failure of the gateway kind. Gives back how many there are in a row.
    pub(super) fn gateway_failure(&self) -> u32 {
        self.failed.fetch_add(1, Relaxed);
        self.in_a_row.fetch_add(1, Relaxed).saturating_add(1)
    }

    /// It had not answered after so long, when another endpoint that was asked beside it had. Gives back how often that was in a row.
    pub(super) fn outrun(&self, waited: Duration) -> u32 {
        self.answered[bucket(waited)].fetch_add(1, Relaxed);
        self.outrun.fetch_add(1, Relaxed).saturating_add(1)
    }

    /// Whether it ever answered.
    pub fn is_alive(&self) -> bool {
        self.alive.load(Relaxed)
    }

    pub(super) fn window(&self) -> Window {
        let failed = self.failed.load(Relaxed);
        let counts: Vec<u32> = self.answered.iter().map(|count| count.load(Relaxed)).collect();
        let answered: u32 = counts.iter().sum();
        let mut left = answered / 2;
        let middle = counts.iter().position(|count| match left.checked_sub(*count) {
            Some(rest) => {
                left = rest;
                false
            }
            None => true,
        });
        Window { attempts: answered + failed, failed, median: middle.map_or(0, bound) }
    }

    /// Begins a new window.
    pub(super) fn forget(&self) {
        self.outrun.store(0, Relaxed);
        self.failed.store(0, Relaxed);
        self.answered.iter().for_each(|count| count.store(0, Relaxed));
        self.age.store(0, Relaxed);
        self.compared.store(0, Relaxed);
    }

    /// Nothing of what was counted holds any more; but how often it was ejected does.
    pub(super) fn begin_anew(&self) {
        self.in_a_row.store(0, Relaxed);
        self.slow.store(0, Relaxed);
        self.forget();
    }

    pub(super) fn count(&self, reason: Reason) {
        self.totals[reason as usize].fetch_add(1, Relaxed);
    }

    /// How often it was ejected for that reason.
    pub fn ejections(&self, reason: Reason) -> u64 {
        self.totals[reason as usize].load(Relaxed)
    }
}

pub(super) fn bucket(took: Duration) -> usize {
    let micros = micros(took).max(1);
    let octave = micros.ilog2() as usize;
    // The two bits below the highest one.
    let quarter = if octave >= 2 { (micros >> (octave - 2)) & 3 } else { 0 } as usize;
    (octave * 4 + quarter).min(BUCKETS - 1)
}

/// The least time of a bucket, in microseconds.
pub(super) fn bound(bucket: usize) -> u64 {
    let (octave, quarter) = (bucket / 4, (bucket % 4) as u64);
    (1 << octave) + ((quarter << octave) >> 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_a_fifth_wide_at_most() {
        for micros in [1u64, 2, 3, 4, 5, 7, 99, 100, 1000, 123_456, 3_000_000, 60_000_000] {
            let bound = bound(bucket(Duration::from_micros(micros)));
            assert!(bound <= micros && micros * 4 < bound * 5 + 4, "{micros} in {bound}");
        }
        assert_eq!(bucket(Duration::from_secs(86_400)), BUCKETS - 1);
        assert_eq!(bucket(Duration::ZERO), 0);
    }

    #[test]
    fn a_window_counts_and_begins_anew() {
        let record = Record::default();
        assert_eq!(record.window(), Window { attempts: 0, failed: 0, median: 0 });
        assert!(!record.is_alive());
        for millis in [1, 1, 8, 8, 8, 600, 700] {
            record.answered(Duration::from_millis(millis));
        }
        record.error();
        assert_eq!((record.gateway_failure(), record.gateway_failure()), (1, 2));
        let window = record.window();
        assert_eq!((window.attempts, window.failed), (10, 3));
        assert!((7_000..=8_000).contains(&window.median), "{window:?}");
        record.answered(Duration::from_millis(1));
        assert_eq!(record.gateway_failure(), 1, "not in a row");
        record.error();
        assert_eq!(record.gateway_failure(), 1, "an answer is an answer");
        record.forget();
        assert_eq!(record.window().attempts, 0);
        assert!(record.is_alive());
        let places: Vec<_> = Reason::ALL.iter().map(|reason| *reason as usize).collect();
        assert_eq!(places, [0, 1, 2]);
    }
}
