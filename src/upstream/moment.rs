//! A point in time that fits one atomic.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

/// Where moments are counted from. A little before the first use, so that no moment of this process is 0.
static EPOCH: LazyLock<Instant> =
    LazyLock::new(|| Instant::now().checked_sub(Duration::from_secs(1)).unwrap_or_else(Instant::now));

/// Microseconds on the monotonic clock since about the start of the process. Simulations make their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(u64);

impl Moment {
    /// From microseconds.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// The present.
    pub fn now() -> Self {
        Self::of(Instant::now())
    }

    /// Of an instant.
    pub fn of(instant: Instant) -> Self {
        Self(micros(instant.saturating_duration_since(*EPOCH)).max(1))
    }

    /// As microseconds.
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// How long ago `earlier` was; zero where it is not earlier.
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }

    /// Later by so much.
    #[must_use]
    pub fn after(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(micros(duration)))
    }
}

/// A duration in whole microseconds.
pub(super) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_follow_the_clock() {
        let now = Instant::now();
        let (one, other) = (Moment::of(now), Moment::of(now + Duration::from_millis(7)));
        assert!(one > Moment::default() && other > one);
        assert_eq!(other.since(one), Duration::from_millis(7));
        assert_eq!(one.since(other), Duration::ZERO);
        assert_eq!(one.after(Duration::from_millis(7)), other);
        assert_eq!(one.after(Duration::MAX).micros(), u64::MAX);
    }
}
