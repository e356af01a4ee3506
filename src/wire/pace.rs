//! How slow the other side may be: a pause has an end, and so has a trickle.
//!
//! Time counts only while the other side is waited for. There is a budget of it, the timeout; waiting uses it up and each octet gives some
//! back, as much as it may take at the slowest rate. So a pause may last for the timeout, and whoever is slower than the rate on
//! the whole gets that long altogether, however its octets are spread.

use std::time::{Duration, Instant};

/// What is asked of the other side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Patience {
    /// The longest pause; `None` is no bound, whatever the rate.
    pub timeout: Option<Duration>,
    /// Octets a second; 0 bounds pauses alone.
    pub rate: u32,
}

/// The budget of one direction of one stream.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    patience: Patience,
    left: Duration,
    since: Option<Instant>,
}

impl Patience {
    /// For pauses alone.
    pub const fn pauses(timeout: Option<Duration>) -> Self {
        Self { timeout, rate: 0 }
    }
}

impl Pace {
    /// With the whole budget.
    pub fn new(patience: Patience) -> Self {
        Self { patience, left: patience.timeout.unwrap_or_default(), since: None }
    }

    /// The other side is waited for; until when.
    pub fn wait(&mut self, now: impl FnOnce() -> Instant) -> Option<Instant> {
        self.patience.timeout?;
        Some(*self.since.get_or_insert_with(now) + self.left)
    }

    /// Until when the other side is waited for, if it is.
    pub fn due(&self) -> Option<Instant> {
        self.patience.timeout?;
        self.since.map(|since| since + self.left)
    }

    /// All that there was has passed: nobody waits, and what was waited is forgiven.
    pub fn relieve(&mut self) {
        self.since = None;
        self.left = self.patience.timeout.unwrap_or_default();
    }

    /// So many octets have passed. The clock is only asked where there was waiting.
    pub fn passed(&mut self, octets: usize, now: impl FnOnce() -> Instant) {
        let Patience { timeout: Some(timeout), rate } = self.patience else { return };
        if let Some(since) = self.since.take() {
            let waited = now().saturating_duration_since(since);
            self.left = self.left.saturating_sub(waited);
        }
        if self.left < timeout {
            let earned = if rate == 0 { timeout } else { Duration::from_secs_f64(octets as f64 / f64::from(rate)) };
            self.left = timeout.min(self.left + earned);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    /// Octets that come every second, and when it is enough.
    fn ends_after(patience: Patience, octets: impl Fn(u32) -> usize) -> Option<u32> {
        let (mut pace, start) = (Pace::new(patience), Instant::now());
        (0..600).find(|second| {
            let (now, next) = (start + *second * SECOND, start + (*second + 1) * SECOND);
            let late = pace.wait(|| now).is_some_and(|due| due <= next);
            match octets(*second) {
                0 => {}
                octets => pace.passed(octets, || next),
            }
            late
        })
    }

    #[test]
    fn pauses_and_trickles_have_an_end() {
        let patience = Patience { timeout: Some(30 * SECOND), rate: 256 };
        assert_eq!(ends_after(patience, |_| 0), Some(29), "a pause");
        assert_eq!(ends_after(patience, |_| 256), None, "just fast enough");
        assert_eq!(ends_after(patience, |_| 1), Some(30), "a trickle");
        assert_eq!(ends_after(patience, |_| 128), Some(58), "half of what is asked");
        assert_eq!(ends_after(patience, |second| if second % 20 == 19 { 1 << 20 } else { 0 }), None, "in gusts");
        assert_eq!(ends_after(Patience::pauses(Some(30 * SECOND)), |_| 1), None, "no rate");
        assert_eq!(ends_after(Patience { timeout: None, rate: 256 }, |_| 0), None, "off");
    }

    #[test]
    fn time_that_is_not_waited_is_free() {
        let mut pace = Pace::new(Patience { timeout: Some(SECOND), rate: 1000 });
        let start = Instant::now();
        assert_eq!(pace.wait(|| start), Some(start + SECOND));
        pace.passed(1, || start + SECOND / 2);
        assert_eq!(pace.due(), None);
        let later = start + 100 * SECOND;
        assert_eq!(pace.wait(|| later), Some(later + SECOND / 2 + SECOND / 1000));
        assert_eq!(pace.wait(|| later + SECOND), pace.due(), "waiting goes on from when it began");
        pace.relieve();
        assert_eq!(pace.wait(|| later), Some(later + SECOND));
    }
}
