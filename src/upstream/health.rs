//! Whether an endpoint is well, from the results of its probes. Pure: results and the time in, a verdict and the time of the next probe out.
//!
//! ```text
//!                first result passes                      `fall` failures in a row
//!   unknown ------------------------------> up ------------------------------------> down
//!      |                                     ^                                        |
//!      |         first result fails          |      `rise` passes in a row            |
//!      +------------------------------> down +----------------------------------------+
//! ```
//!
//! The first result decides alone, so that an endpoint that is dead at the start gets no requests for `fall` intervals.

use std::time::{Duration, Instant};

use super::standing::Verdict;
use crate::config::model::Health as Plan;

/// What is known of one endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    verdict: Verdict,
    /// Results in a row that speak against the verdict.
    against: u32,
    /// No result has come yet under this plan.
    fresh: bool,
    since: Instant,
    due: Instant,
    /// Probes that passed.
    pub passed: u64,
    /// Probes that failed.
    pub failed: u64,
}

impl Health {
    /// Before the first probe, which is due now. `verdict` is what an earlier plan found out, if there was one: it holds until the first result.
    pub const fn begin(verdict: Verdict, now: Instant) -> Self {
        Self { verdict, against: 0, fresh: true, since: now, due: now, passed: 0, failed: 0 }
    }

    /// Takes a result. `draw` is any number from 0 to 1: it spreads the probes of many endpoints and of many proxies. Gives back the new
    /// verdict where there is one.
    pub fn record(&mut self, passed: bool, plan: &Plan, now: Instant, draw: f64) -> Option<Verdict> {
        self.due = now + jittered(plan.interval, draw);
        if passed {
            self.passed += 1;
        } else {
            self.failed += 1;
        }
        let (said, enough) = if passed { (Verdict::Up, plan.rise) } else { (Verdict::Down, plan.fall) };
        let fresh = std::mem::take(&mut self.fresh);
        if said == self.verdict {
            self.against = 0;
            return None;
        }
        self.against += 1;
        if !fresh && self.against < enough {
            return None;
        }
        (self.verdict, self.against, self.since) = (said, 0, now);
        Some(said)
    }

    /// What the probes say.
    pub const fn verdict(&self) -> Verdict {
        self.verdict
    }

    /// Since when they say so.
    pub const fn since(&self) -> Instant {
        self.since
    }

    /// When the next probe is due.
    pub const fn due(&self) -> Instant {
        self.due
    }
}

/// The interval, give or take a tenth.
fn jittered(interval: Duration, draw: f64) -> Duration {
    interval.mul_f64(0.9 + 0.2 * draw.clamp(0.0, 1.0))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::model::HealthProbe;

    fn plan(rise: u32, fall: u32) -> Plan {
        let (interval, timeout) = (Duration::from_secs(10), Duration::from_secs(5));
        Plan { probe: HealthProbe::Tcp, interval, timeout, rise, fall }
    }

    /// Results as `+` and `-`; the verdicts after each as `U`, `D`, a dot where nothing changed.
    fn story(from: Verdict, (rise, fall): (u32, u32), results: &str) -> String {
        let start = Instant::now();
        let mut health = Health::begin(from, start);
        let step = |(at, result): (usize, char)| {
            let now = start + Duration::from_secs(at as u64);
            match health.record(result == '+', &plan(rise, fall), now, 0.5) {
                None => '.',
                Some(verdict) => {
                    assert_eq!((health.verdict(), health.since()), (verdict, now));
                    if verdict == Verdict::Up { 'U' } else { 'D' }
                }
            }
        };
        results.chars().enumerate().map(step).collect()
    }

    #[test]
    fn rise_and_fall_count_in_a_row() {
        use Verdict::{Down, Unknown, Up};
        let cases = [
            // The first result decides alone.
            (Unknown, (2, 3), "+", "U"),
            (Unknown, (2, 3), "-", "D"),
            (Unknown, (9, 9), "-+++++++++", "D........U"),
            // From then on they count.
            (Unknown, (2, 3), "+--+--+", "U......"),
            (Unknown, (2, 3), "+---", "U..D"),
            (Unknown, (2, 3), "+---+-++", "U..D...U"),
            (Unknown, (1, 1), "+-+-", "UDUD"),
            (Unknown, (2, 3), "+---------", "U..D......"),
            // Under a new plan what was known holds until its first result, which decides alone.
            (Down, (2, 3), "+", "U"),
            (Up, (2, 3), "-", "D"),
            (Down, (2, 3), "--++", "...U"),
            (Up, (2, 3), "+---", "...D"),
        ];
        for (from, times, results, expected) in cases {
            assert_eq!(story(from, times, results), expected, "{from:?} {times:?} {results}");
        }
    }

    #[test]
    fn probes_are_spread_by_a_tenth() {
        let now = Instant::now();
        let mut health = Health::begin(Verdict::Unknown, now);
        assert_eq!(health.due(), now, "the first one at once");
        for (draw, seconds) in [(0.0, 9), (0.5, 10), (1.0, 11), (7.0, 11), (-1.0, 9)] {
            health.record(true, &plan(2, 3), now, draw);
            let due = health.due() - now;
            assert!(due.abs_diff(Duration::from_secs(seconds)) < Duration::from_millis(1), "{draw}: {due:?}");
        }
        health.record(false, &plan(2, 3), now, 0.0);
        assert_eq!((health.passed, health.failed), (5, 1));
    }
}
