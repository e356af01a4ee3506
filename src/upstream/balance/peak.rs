//! How fast an endpoint answers, as a balance needs it: bad news at once, good news slowly (peak EWMA, as Finagle has it).

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::super::Moment;

/// After so long a measurement counts for a third.
const DECAY: Duration = Duration::from_secs(10);
/// What an endpoint costs that has exchanges but has answered none yet, in microseconds: more than any that answers.
const UNKNOWN: u64 = 1_000_000;

/// Time to the first byte, in microseconds: a measurement above it is it; one below moves it there, the more the longer it is since the last
/// one. It decays while nothing is measured, so that an endpoint that was slow once is tried again.
///
/// Workers write it without a lock: of two at the same time one measurement may be lost, which the next makes good.
#[derive(Debug, Default)]
pub struct PeakEwma {
    micros: AtomicU64,
    at: AtomicU64,
}

impl PeakEwma {
    /// Takes a measurement.
    pub fn observe(&self, took: Duration, now: Moment) {
        let took = super::super::moment::micros(took).max(1);
        let before = self.micros.load(Relaxed);
        let value = if took >= before {
            took
        } else {
            let weight = self.weight(now);
            (before as f64 * weight + took as f64 * (1.0 - weight)) as u64
        };
        self.micros.store(value.max(1), Relaxed);
        self.at.store(now.micros(), Relaxed);
    }

    /// What it is now, in microseconds; 0 where nothing was ever measured.
    pub fn micros(&self, now: Moment) -> u64 {
        match self.micros.load(Relaxed) {
            0 => 0,
            micros => ((micros as f64 * self.weight(now)) as u64).max(1),
        }
    }

    /// What one more exchange beside `running` others costs.
    pub fn cost(&self, running: usize, now: Moment) -> u64 {
        let each = match self.micros(now) {
            // Nobody knows it: the first exchange goes there, the second one waits for what comes of it.
            0 if running == 0 => 1,
            0 => UNKNOWN,
            micros => micros,
        };
        each.saturating_mul(running as u64 + 1)
    }

    fn weight(&self, now: Moment) -> f64 {
        let since = now.since(Moment::from_micros(self.at.load(Relaxed)));
        (-since.as_secs_f64() / DECAY.as_secs_f64()).exp()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn at(millis: u64) -> Moment {
        Moment::from_micros(1_000_000 + millis * 1000)
    }

    #[test]
    fn bad_news_counts_at_once_and_good_news_slowly() {
        let ewma = PeakEwma::default();
        assert_eq!(ewma.micros(at(0)), 0);
        ewma.observe(Duration::from_millis(10), at(0));
        assert_eq!(ewma.micros(at(0)), 10_000);
        ewma.observe(Duration::from_millis(500), at(100));
        assert_eq!(ewma.micros(at(100)), 500_000);
        ewma.observe(Duration::from_millis(10), at(1100));
        let after = ewma.micros(at(1100));
        assert!((450_000..460_000).contains(&after), "a second moves a tenth of the way: {after}");
        for step in 0..60 {
            ewma.observe(Duration::from_millis(10), at(1100 + step * 1000));
        }
        let after = ewma.micros(at(60_100));
        assert!((10_000..12_500).contains(&after), "a minute later it is what it measures: {after}");
    }

    #[test]
    fn it_decays_while_nobody_asks() {
        let ewma = PeakEwma::default();
        ewma.observe(Duration::from_secs(2), at(0));
        assert_eq!(ewma.micros(at(10_000)), 735_758, "a third after ten seconds");
        assert_eq!(ewma.micros(at(10_000_000)), 1, "and never nothing: it was measured");
    }

    #[test]
    fn cost_grows_with_what_runs() {
        let ewma = PeakEwma::default();
        assert_eq!((ewma.cost(0, at(0)), ewma.cost(1, at(0))), (1, 2 * UNKNOWN));
        ewma.observe(Duration::from_millis(3), at(0));
        assert_eq!((ewma.cost(0, at(0)), ewma.cost(4, at(0))), (3000, 15_000));
    }
}
