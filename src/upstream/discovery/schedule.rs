//! When a name is looked up again. Pure: what came and chance in, a time to wait out.

use std::time::Duration;

use crate::config::model;

/// The longest wait after failures.
const LONGEST: Duration = Duration::from_secs(30);

/// The bounds of one resolver, and how often a look-up has failed in a row.
#[derive(Clone, Debug)]
pub struct Schedule {
    min: Duration,
    max: Duration,
    failures: u32,
}

impl Schedule {
    /// Nothing was looked up yet.
    pub fn new(resolver: &model::Resolver) -> Self {
        Self { min: resolver.min_ttl, max: resolver.max_ttl, failures: 0 }
    }

    /// How often it has failed since it succeeded last.
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// The wait after an answer that is good for so long.
    pub fn answered(&mut self, ttl: Duration) -> Duration {
        self.failures = 0;
        ttl.clamp(self.min, self.max)
    }

    /// The wait after a failure: `min_ttl`, doubled for each one in a row, at most 30 s, of which chance takes up to a half. `draw` is any number
    /// below the one that it is given.
    pub fn failed(&mut self, draw: impl FnOnce(u64) -> u64) -> Duration {
        let doubled = self.min.saturating_mul(1 << self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        let whole = doubled.min(LONGEST.max(self.min));
        whole - Duration::from_micros(draw(whole.as_micros() as u64 / 2 + 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schedule() -> Schedule {
        Schedule { min: Duration::from_secs(1), max: Duration::from_secs(60), failures: 0 }
    }

    #[test]
    fn an_answer_counts_for_its_ttl_within_bounds() {
        for (ttl, expected) in [(0, 1), (1, 1), (5, 5), (60, 60), (86400, 60)] {
            assert_eq!(schedule().answered(Duration::from_secs(ttl)), Duration::from_secs(expected), "{ttl}");
        }
    }

    #[test]
    fn failures_wait_longer_and_longer_until_one_succeeds() {
        let mut schedule = schedule();
        let waits: Vec<_> = (0..8).map(|_| schedule.failed(|_| 0).as_secs()).collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 30, 30, 30]);
        assert_eq!(schedule.failures(), 8);
        schedule.answered(Duration::ZERO);
        assert_eq!(schedule.failed(|below| below - 1), Duration::from_millis(500), "chance takes a half at most");
        schedule.failures = u32::MAX;
        assert_eq!(schedule.failed(|_| 0), LONGEST);
    }
}
