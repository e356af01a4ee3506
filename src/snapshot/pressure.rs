//! How hard it is for the process at the moment, and whose requests are still taken.
//!
//! Refusing early and cheaply keeps the answers to the rest in time. What runs already is never touched.

use std::time::{Duration, Instant};

use crate::config::model::Priority;

/// From which share of the memory on the level is that one, in rising order.
const MEMORY: [(f64, Pressure); 4] =
    [(0.85, Pressure::Raised), (0.90, Pressure::High), (0.95, Pressure::Severe), (0.98, Pressure::Full)];
/// A level is left only so much below where it began: memory moves up and down with every large body.
const SLACK: f64 = 0.02;
/// From how many times `max_delay` on the level is that one.
const DELAY: [(u32, Pressure); 3] = [(1, Pressure::Raised), (4, Pressure::High), (16, Pressure::Severe)];
/// The best of this time counts: one late moment is no overload, a queue that stands is.
const WINDOW: Duration = Duration::from_secs(1);

/// Fewer streams than these are granted only where the listener has fewer.
const FEW_STREAMS: u32 = 10;

/// The levels, each with what it refuses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Pressure {
    /// Nothing.
    #[default]
    Calm,
    /// Routes of `priority = "low"`.
    Raised,
    /// `"normal"` ones too.
    High,
    /// `"high"` ones too.
    Severe,
    /// New connections as well.
    Full,
}

impl Pressure {
    /// Whether a route of that class is served.
    pub const fn serves(self, priority: Priority) -> bool {
        match self {
            Self::Calm => true,
            Self::Raised => !matches!(priority, Priority::Low),
            Self::High => matches!(priority, Priority::High | Priority::Critical),
            Self::Severe | Self::Full => matches!(priority, Priority::Critical),
        }
    }

    /// How many of so many streams a new HTTP/2 connection is granted. Clients then hold back by themselves what would be refused.
    pub const fn streams(self, most: u32) -> u32 {
        let granted = match self {
            Self::Calm => return most,
            Self::Raised => most / 2,
            Self::High => most / 4,
            Self::Severe | Self::Full => most / 10,
        };
        match (granted < FEW_STREAMS, most < FEW_STREAMS) {
            (_, true) => most,
            (true, false) => FEW_STREAMS,
            (false, false) => granted,
        }
    }

    /// The word in logs.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Calm => "calm",
            Self::Raised => "raised",
            Self::High => "high",
            Self::Severe => "severe",
            Self::Full => "full",
        }
    }

    pub(super) const fn from_number(number: u8) -> Self {
        match number {
            0 => Self::Calm,
            1 => Self::Raised,
            2 => Self::High,
            3 => Self::Severe,
            _ => Self::Full,
        }
    }

    /// By the share of the memory that is in use, coming from a level.
    #[must_use]
    pub fn of_memory(share: f64, before: Self) -> Self {
        let from = |&(from, level): &(f64, Self)| share >= if level <= before { from - SLACK } else { from };
        MEMORY.iter().rev().find(|level| from(level)).map_or(Self::Calm, |(_, level)| *level)
    }

    fn of_delay(delay: Duration, most: Duration) -> Self {
        let level = DELAY.iter().rev().find(|(times, _)| delay >= most * *times);
        level.map_or(Self::Calm, |(_, level)| *level)
    }
}

/// How late a worker is with what it has to do.
#[derive(Debug, Default)]
pub struct Lateness {
    window: Option<(Instant, Duration)>,
    level: Pressure,
}

impl Lateness {
    /// Something was so late; what follows from that. `most` is `max_delay`.
    pub fn observe(&mut self, late: Duration, most: Option<Duration>, now: Instant) -> Pressure {
        let Some(most) = most else {
            *self = Self::default();
            return self.level;
        };
        let (since, least) = self.window.map_or((now, late), |(since, least)| (since, least.min(late)));
        self.window = Some((since, least));
        if now >= since + WINDOW {
            self.level = Pressure::of_delay(least, most);
            self.window = None;
        } else if late < most {
            // Nothing stands in the queue any more; that need not wait for the end of the window.
            self.level = Pressure::Calm;
        }
        self.level
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_go_one_after_the_other() {
        let all = [Priority::Low, Priority::Normal, Priority::High, Priority::Critical];
        let served = |level: Pressure| all.iter().filter(|priority| level.serves(**priority)).count();
        let levels = [Pressure::Calm, Pressure::Raised, Pressure::High, Pressure::Severe, Pressure::Full];
        assert_eq!(levels.map(served), [4, 3, 2, 1, 1]);
        assert!(levels.iter().all(|level| Pressure::from_number(*level as u8) == *level));
    }

    #[test]
    fn new_connections_are_granted_fewer_streams() {
        let levels = [Pressure::Calm, Pressure::Raised, Pressure::High, Pressure::Severe, Pressure::Full];
        for (most, granted) in
            [(100, [100, 50, 25, 10, 10]), (1000, [1000, 500, 250, 100, 100]), (16, [16, 10, 10, 10, 10]), (1, [1; 5])]
        {
            assert_eq!(levels.map(|level| level.streams(most)), granted, "of {most}");
        }
    }

    #[test]
    fn memory_has_levels_that_are_not_left_at_once() {
        use Pressure::{Calm, Full, High, Raised, Severe};
        let cases = [
            (0.5, Calm, Calm),
            (0.849, Calm, Calm),
            (0.85, Calm, Raised),
            (0.84, Raised, Raised),
            (0.82, Raised, Calm),
            (0.96, Calm, Severe),
            (0.94, Severe, Severe),
            (0.92, Severe, High),
            (1.5, Calm, Full),
            (0.97, Full, Full),
            (0.5, Full, Calm),
        ];
        for (share, before, expected) in cases {
            assert_eq!(Pressure::of_memory(share, before), expected, "{share} from {before:?}");
        }
    }

    #[test]
    fn only_a_delay_that_stands_counts() {
        let most = Duration::from_millis(100);
        let run = |late: fn(u32) -> u64| {
            let (mut lateness, start) = (Lateness::default(), Instant::now());
            let observe = |n| lateness.observe(Duration::from_millis(late(n)), Some(most), start + n * most);
            (0..40).map(observe).max().unwrap()
        };
        assert_eq!(run(|_| 20), Pressure::Calm);
        assert_eq!(run(|n| if n % 5 == 0 { 0 } else { 5000 }), Pressure::Calm, "bursts");
        assert_eq!(run(|_| 120), Pressure::Raised);
        assert_eq!(run(|_| 500), Pressure::High);
        assert_eq!(run(|_| 2000), Pressure::Severe);
        let (mut lateness, start) = (Lateness::default(), Instant::now());
        for n in 0..30 {
            lateness.observe(2 * most, Some(most), start + n * most);
        }
        assert_eq!(lateness.observe(Duration::ZERO, Some(most), start + 30 * most), Pressure::Calm, "over at once");
        assert_eq!(lateness.observe(20 * most, None, start + 60 * most), Pressure::Calm, "off");
    }
}
