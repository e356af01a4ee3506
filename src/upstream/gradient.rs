//! How many exchanges an upstream can have under way before they only wait in it: found out from how long they take. Pure.
//!
//! By Little's law an upstream that answers in the same time however many it is asked has room, and one that takes longer the more it is
//! asked has none left. So the time of a window is compared with the time without load: as long as it is about the same the limit grows by its
//! square root, and when it is longer the limit shrinks in proportion, by half at most. (The gradient of Netflix's and Envoy's limiters.)
//!
//! The time without load is found by a probe: for a window the limit is a quarter of what it was. The first windows are probes, and every
//! half a minute there is one, so that what was believed under load, or of a service that has changed, is corrected.

use std::time::Duration;

use super::Moment;

/// The least limit: below that nothing can be measured.
const LEAST: f64 = 3.0;
/// The greatest limit.
const MOST: f64 = 1000.0;
/// The limit before anything was measured.
const FIRST: f64 = 20.0;
/// How much longer than without load is still the same: a quarter.
const TOLERANCE: f64 = 1.25;
/// What is left of the limit while a probe lasts.
const PROBE: f64 = 0.25;
/// From one probe to the next.
const PROBE_EVERY: Duration = Duration::from_secs(30);
/// A probe that finds less than this part of what the one before found is not the last: there was still load.
const STILL: f64 = 0.8;

/// Exchanges that a window has at least.
pub const SAMPLES: u64 = 50;
/// How long a window is at least.
pub const WINDOW: Duration = Duration::from_millis(100);

/// What a window has seen.
#[derive(Clone, Copy, Debug)]
pub struct Window {
    /// Mean time to the head of a response, in microseconds.
    pub mean: f64,
    /// The most that were under way at once.
    pub peak: usize,
}

/// What is done at the moment.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Phase {
    /// A probe has begun; what was let in before it is still answered.
    Settle,
    /// A probe.
    Probe,
    /// The limit is adjusted, until the next probe.
    Adjust(Moment),
}

/// The limit, and what it is found from.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gradient {
    limit: f64,
    /// Microseconds without load; 0 before the first probe.
    unloaded: f64,
    phase: Phase,
}

impl Default for Gradient {
    fn default() -> Self {
        Self { limit: FIRST, unloaded: 0.0, phase: Phase::Probe }
    }
}

impl Gradient {
    /// From what [`Gradient::parts`] gave; zeros are the begin.
    pub fn from_parts([limit, unloaded, phase]: [u64; 3]) -> Self {
        if limit == 0 {
            return Self::default();
        }
        let phase = match phase {
            0 => Phase::Settle,
            1 => Phase::Probe,
            micros => Phase::Adjust(Moment::from_micros(micros)),
        };
        Self { limit: f64::from_bits(limit), unloaded: f64::from_bits(unloaded), phase }
    }

    /// For atomics.
    pub fn parts(self) -> [u64; 3] {
        let phase = match self.phase {
            Phase::Settle => 0,
            Phase::Probe => 1,
            Phase::Adjust(next) => next.micros().max(2),
        };
        [self.limit.to_bits(), self.unloaded.to_bits(), phase]
    }

    /// How many may be under way.
    pub fn limit(self) -> usize {
        match self.phase {
            Phase::Adjust(_) => self.limit as usize,
            Phase::Settle | Phase::Probe => (self.limit * PROBE).max(LEAST) as usize,
        }
    }

    /// After a window.
    #[must_use]
    pub fn after(self, window: Window, now: Moment) -> Self {
        let mean = window.mean.max(1.0);
        match self.phase {
            Phase::Settle => Self { phase: Phase::Probe, ..self },
            Phase::Probe => self.probed(mean, now),
            Phase::Adjust(next) if now >= next => Self { phase: Phase::Settle, ..self.adjusted(mean, window.peak) },
            Phase::Adjust(_) => self.adjusted(mean, window.peak),
        }
    }

    fn probed(self, mean: f64, now: Moment) -> Self {
        let first = self.unloaded == 0.0;
        if self.limit * PROBE > LEAST && (first || mean < self.unloaded * STILL) {
            return Self { limit: self.limit / 2.0, unloaded: mean, phase: Phase::Settle };
        }
        Self { unloaded: mean, phase: Phase::Adjust(now.after(PROBE_EVERY)), ..self }
    }

    fn adjusted(self, mean: f64, peak: usize) -> Self {
        let unloaded = self.unloaded.min(mean);
        let gradient = (unloaded * TOLERANCE / mean).clamp(0.5, 1.0);
        let limit = match gradient {
            // What was not used says nothing about having more.
            1.0 if (peak as f64) * 2.0 < self.limit => self.limit,
            1.0 => self.limit + self.limit.sqrt(),
            _ => self.limit * gradient,
        };
        Self { limit: limit.clamp(LEAST, MOST), unloaded, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A service that does so many at once in 10 ms each, and lets the others wait; asked for as much as the limit lets in, always.
    fn run(mut gradient: Gradient, workers: usize, windows: std::ops::Range<u64>) -> (Gradient, Vec<f64>) {
        let mut seen = Vec::new();
        for window in windows {
            let asked = gradient.limit();
            let mean = 10_000.0 * (asked as f64 / workers as f64).max(1.0);
            let now = Moment::from_micros(1_000_000 + window * 100_000);
            gradient = gradient.after(Window { mean, peak: asked }, now);
            seen.push(gradient.limit);
        }
        (gradient, seen)
    }

    #[test]
    fn it_finds_what_a_service_can_do_and_stays_there() {
        for workers in [3, 4, 20, 100, 400] {
            let (_, seen) = run(Gradient::default(), workers, 0..1200);
            let later = &seen[150..];
            let (least, most) =
                later.iter().fold((f64::MAX, 0.0_f64), |(least, most), n| (least.min(*n), most.max(*n)));
            let workers = workers as f64;
            assert!(least >= workers * 0.6 && most <= workers * 1.6 + 5.0, "{workers}: {least} to {most}");
        }
    }

    #[test]
    fn a_service_that_gets_slower_is_asked_for_less_and_one_that_recovers_for_more() {
        let (good, _) = run(Gradient::default(), 100, 0..100);
        let (bad, _) = run(good, 10, 100..120);
        assert!(bad.limit < 30.0, "{bad:?} from {good:?}");
        let (again, _) = run(bad, 100, 120..180);
        assert!(again.limit >= 60.0, "{again:?} from {bad:?}");
    }

    #[test]
    fn a_probe_corrects_what_was_believed_under_load() {
        let phase = Phase::Adjust(Moment::from_micros(1_000_000));
        let wrong = Gradient { limit: 400.0, unloaded: 1_000_000.0, phase };
        let (right, seen) = run(wrong, 4, 0..60);
        assert!(right.limit < 15.0, "{seen:?}");
    }

    #[test]
    fn it_stays_within_its_bounds() {
        let now = Moment::from_micros(1);
        let mut gradient = Gradient::default();
        for _ in 0..150 {
            gradient = gradient.after(Window { mean: 1_000.0, peak: 2_000 }, now);
        }
        assert_eq!(gradient.limit(), MOST as usize);
        for _ in 0..20 {
            gradient = gradient.after(Window { mean: 1e9, peak: 2_000 }, now);
        }
        assert_eq!(gradient.limit(), LEAST as usize);
        assert_eq!(Gradient::from_parts(gradient.parts()), gradient);
        assert_eq!(Gradient::from_parts([0; 3]), Gradient::default());
    }

    #[test]
    fn what_is_not_used_does_not_grow() {
        let phase = Phase::Adjust(Moment::from_micros(9));
        let gradient = Gradient { limit: 50.0, unloaded: 1_000.0, phase };
        assert_eq!(gradient.after(Window { mean: 1_000.0, peak: 3 }, Moment::from_micros(1)).limit(), 50);
    }
}
