//! One score for each HTTP/2 connection, of all that costs us much and the client little. It decays; honest clients stay far below.
//!
//! Each kind of event has an allowance: as many as may come at once. One event adds one part of that to the score, which loses half of
//! itself in each half-life. Over 1 the connection is closed with ENHANCE_YOUR_CALM; over [`WARN`] it is asked to leave in peace.

use std::time::Instant;

use super::scan::{
    CONTINUATION, DATA_FRAME, END_HEADERS, END_STREAM, HEADERS, PING, PRIORITY, RST_STREAM, SETTINGS, Seen,
    WINDOW_UPDATE,
};
use crate::config::model::AbuseLimits;
use crate::observe::Abuse;

/// From this score on the client is asked to come back on another connection.
const WARN: f64 = 0.75;
/// From this score on it does not pass for one of the usual kind.
const ODD: f64 = 0.25;
/// DATA with fewer octets is tiny.
const TINY: usize = 16;
/// PRIORITY frames that come with a stream, as some clients send them.
const PRIORITIES_OF_A_STREAM: u32 = 2;
/// WINDOW_UPDATE frames that one DATA frame of ours is worth: one for the stream, one for the connection.
const UPDATES_OF_A_FRAME: u32 = 2;
/// So much credit may gather.
const MOST_CREDIT: u32 = 10_000;

/// How a connection stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Conduct {
    /// As it should.
    Good,
    /// It should leave.
    Suspect,
    /// It is closed.
    Bad(Abuse),
}

/// The score of a connection.
#[derive(Debug)]
pub(super) struct Score {
    limits: AbuseLimits,
    score: f64,
    /// When the score was that.
    at: Option<Instant>,
    priorities: u32,
    updates: u32,
    conduct: Conduct,
    latest: Option<Abuse>,
}

impl Score {
    pub(super) fn new(limits: AbuseLimits) -> Self {
        Self { limits, score: 0.0, at: None, priorities: 0, updates: 0, conduct: Conduct::Good, latest: None }
    }

    pub(super) fn conduct(&self) -> Conduct {
        self.conduct
    }

    /// Whether there is more than clients usually come to.
    pub(super) fn is_odd(&self, now: impl FnOnce() -> Instant) -> bool {
        self.score > ODD && self.decayed(now()) > ODD
    }

    /// What was added last.
    pub(super) fn latest(&self) -> Option<Abuse> {
        self.latest
    }

    /// The client sent a frame.
    pub(super) fn received(&mut self, frame: Seen, now: impl FnOnce() -> Instant) {
        let abuse = match frame.kind {
            HEADERS => {
                self.priorities = (self.priorities + PRIORITIES_OF_A_STREAM).min(MOST_CREDIT);
                return;
            }
            DATA_FRAME if frame.flags & END_STREAM != 0 || frame.length >= TINY => return,
            DATA_FRAME if frame.length == 0 => Abuse::EmptyData,
            DATA_FRAME => Abuse::TinyData,
            CONTINUATION if frame.flags & END_HEADERS != 0 => return,
            CONTINUATION => Abuse::Continuations,
            PRIORITY if spend(&mut self.priorities) => return,
            PRIORITY => Abuse::Priorities,
            WINDOW_UPDATE if spend(&mut self.updates) => return,
            WINDOW_UPDATE => Abuse::WindowUpdates,
            RST_STREAM => Abuse::Resets,
            SETTINGS => Abuse::Settings,
            PING => Abuse::Pings,
            _ => Abuse::OtherFrames,
        };
        self.add(abuse, now);
    }

    /// We sent a frame.
    pub(super) fn sent(&mut self, frame: Seen, now: impl FnOnce() -> Instant) {
        /// NO_ERROR and INTERNAL_ERROR (RFC 9113 §7): the upstream's doing or ours.
        const NOT_THEIRS: [u32; 2] = [0, 2];
        match frame.kind {
            DATA_FRAME => self.updates = (self.updates + UPDATES_OF_A_FRAME).min(MOST_CREDIT),
            RST_STREAM if !NOT_THEIRS.contains(&frame.code) => self.add(Abuse::ProvokedResets, now),
            _ => {}
        }
    }

    fn add(&mut self, abuse: Abuse, now: impl FnOnce() -> Instant) {
        let allowance = self.allowance(abuse);
        if allowance == 0 {
            return;
        }
        self.latest = Some(abuse);
        let now = now();
        self.score = self.decayed(now) + 1.0 / f64::from(allowance);
        self.at = Some(now);
        if matches!(self.conduct, Conduct::Bad(_)) {
            return;
        }
        // As many as are allowed are allowed, whatever the sum of their parts comes to.
        if self.score > 1.0 + 1e-9 {
            self.conduct = Conduct::Bad(abuse);
        } else if self.score > WARN {
            self.conduct = Conduct::Suspect;
        }
    }

    /// What is left of it by now.
    fn decayed(&self, now: Instant) -> f64 {
        let elapsed = self.at.map_or(0.0, |at| now.saturating_duration_since(at).as_secs_f64());
        self.score * (-elapsed / self.limits.half_life.as_secs_f64()).exp2()
    }

    fn allowance(&self, abuse: Abuse) -> u32 {
        let limits = &self.limits;
        match abuse {
            Abuse::Resets => limits.resets,
            Abuse::ProvokedResets => limits.provoked_resets,
            Abuse::Settings => limits.settings,
            Abuse::Pings => limits.pings,
            Abuse::Priorities => limits.priorities,
            Abuse::EmptyData => limits.empty_data,
            Abuse::TinyData => limits.tiny_data,
            Abuse::WindowUpdates => limits.window_updates,
            Abuse::Continuations => limits.continuations,
            Abuse::OtherFrames => limits.other_frames,
            // These end a connection at once, by other rules.
            Abuse::FieldBlock | Abuse::SlowFieldBlock | Abuse::ReadsNothing => 0,
        }
    }
}

fn spend(credit: &mut u32) -> bool {
    let there = *credit > 0;
    *credit = credit.saturating_sub(1);
    there
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn limits() -> AbuseLimits {
        AbuseLimits {
            half_life: Duration::from_secs(1),
            resets: 100,
            provoked_resets: 100,
            settings: 50,
            pings: 100,
            priorities: 100,
            empty_data: 100,
            tiny_data: 10_000,
            window_updates: 100,
            continuations: 100,
            other_frames: 500,
        }
    }

    fn seen(kind: u8, flags: u8, length: usize) -> Seen {
        Seen { kind, flags, length, code: 0 }
    }

    /// How many of a frame it takes at once.
    fn enough(frame: Seen) -> Option<usize> {
        let (mut score, now) = (Score::new(limits()), Instant::now());
        (1..20_000).find(|_| {
            score.received(frame, || now);
            matches!(score.conduct(), Conduct::Bad(_))
        })
    }

    #[test]
    fn as_many_as_are_allowed_may_come_at_once() {
        let cases = [
            (seen(RST_STREAM, 0, 4), Some(101)),
            (seen(SETTINGS, 0, 6), Some(51)),
            (seen(PING, 0, 8), Some(101)),
            (seen(PRIORITY, 0, 5), Some(101)),
            (seen(DATA_FRAME, 0, 0), Some(101)),
            (seen(DATA_FRAME, 0, 1), Some(10_001)),
            (seen(WINDOW_UPDATE, 0, 4), Some(101)),
            (seen(CONTINUATION, 0, 1), Some(101)),
            (seen(0x10, 0, 4), Some(501)),
            (seen(HEADERS, END_HEADERS, 40), None),
            (seen(DATA_FRAME, END_STREAM, 0), None),
            (seen(DATA_FRAME, 0, TINY), None),
            (seen(CONTINUATION, END_HEADERS, 1), None),
        ];
        for (frame, expected) in cases {
            assert_eq!(enough(frame), expected, "{frame:?}");
        }
    }

    #[test]
    fn a_rate_that_decays_in_time_goes_on_for_ever() {
        for (every, expected) in [(15, Conduct::Suspect), (13, Conduct::Bad(Abuse::Pings)), (40, Conduct::Good)] {
            let (mut score, start) = (Score::new(limits()), Instant::now());
            for step in 0..5000 {
                score.received(seen(PING, 0, 8), || start + step * Duration::from_millis(every));
            }
            assert_eq!(score.conduct(), expected, "one every {every} ms");
        }
    }

    #[test]
    fn all_kinds_count_together() {
        let (mut score, now) = (Score::new(limits()), Instant::now());
        for number in 1..=50 {
            score.received(seen(PING, 0, 8), || now);
            // Sums of hundredths are not exact.
            assert!(number == 25 || score.is_odd(|| now) == (number > 25), "{number}");
        }
        assert!(!score.is_odd(|| now + Duration::from_secs(2)), "half of it is forgotten every second");
        assert_eq!(score.conduct(), Conduct::Good);
        for _ in 0..50 {
            score.received(seen(RST_STREAM, 0, 4), || now);
        }
        assert_eq!(score.conduct(), Conduct::Suspect);
        score.received(seen(SETTINGS, 0, 0), || now);
        assert_eq!(score.conduct(), Conduct::Bad(Abuse::Settings));
    }

    #[test]
    fn what_goes_with_work_is_free() {
        let (mut score, now) = (Score::new(limits()), Instant::now());
        for _ in 0..1000 {
            score.received(seen(HEADERS, END_HEADERS, 40), || now);
            score.received(seen(PRIORITY, 0, 5), || now);
            score.sent(seen(DATA_FRAME, 0, 16_384), || now);
            score.received(seen(WINDOW_UPDATE, 0, 4), || now);
            score.received(seen(WINDOW_UPDATE, 0, 4), || now);
        }
        assert_eq!(score.conduct(), Conduct::Good);
    }

    #[test]
    fn resets_of_ours_count_where_the_client_is_to_blame() {
        for (code, expected) in [(0, Conduct::Good), (2, Conduct::Good), (1, Conduct::Bad(Abuse::ProvokedResets))] {
            let (mut score, now) = (Score::new(limits()), Instant::now());
            for _ in 0..101 {
                score.sent(Seen { kind: RST_STREAM, flags: 0, length: 4, code }, || now);
            }
            assert_eq!(score.conduct(), expected, "code {code}");
        }
    }
}
