//! What the process believes of an endpoint: whether it should get exchanges, and how many.
//!
//! Four things speak, each about its own part, and none needs a lock:
//!
//! | who | says | sets it |
//! |---|---|---|
//! | probes | unknown, up or down | [`Standing::set_probe`], on the control thread |
//! | outlier detection | ejected until then | [`Standing::eject`], [`Standing::readmit`], from any thread |
//! | the operator | drained | [`Standing::set_drained`], on the control thread |
//! | all of them, and discovery | slow start since then | [`Standing::ramp_from`] |
//!
//! An endpoint is *usable* while it is not down, not ejected and not drained. What never was probed is usable. Which of the endpoints
//! of an upstream are then chosen from is said in `candidates`: usable ones, backups where there is no other, and all of
//! them where too few are usable (panic).
//!
//! Workers read it for each choice with relaxed loads: an endpoint of which nothing is to be said costs one. Ejections end by
//! themselves when their time is over; nobody has to be there to end them.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use arc_swap::ArcSwap;

use super::Moment;

/// What probes say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing yet, or they are off.
    Unknown,
    /// It answers as it should.
    Up,
    /// It does not.
    Down,
}

impl Verdict {
    /// `unknown`, `up` or `down`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::Up => "up",
            Self::Down => "down",
        }
    }
}

/// One word for an endpoint's standing, as the admin address, logs and metrics have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// Usable, and probes say so.
    Up,
    /// Usable; no probe has said anything.
    Unknown,
    /// Probes say that it is down.
    Down,
    /// Outlier detection keeps it out for a while.
    Ejected,
    /// The operator keeps it out: what runs on it may finish.
    Draining,
}

impl State {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::Up, Self::Unknown, Self::Down, Self::Ejected, Self::Draining];

    /// The word.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Up => "up",
            Self::Unknown => "unknown",
            Self::Down => "down",
            Self::Ejected => "ejected",
            Self::Draining => "draining",
        }
    }
}

/// Probes said that it is up.
const UP: u32 = 1;
/// Probes said that it is down.
const DOWN: u32 = 1 << 1;
/// An ejection was begun; whether it lasts says its time.
const EJECTED: u32 = 1 << 2;
/// The operator drains it.
const DRAINED: u32 = 1 << 3;
/// A slow start was begun; whether it lasts says its time.
const RAMP: u32 = 1 << 4;
/// Whatever makes an endpoint something else than one to use at its full weight.
const NOTABLE: u32 = DOWN | EJECTED | DRAINED | RAMP;

/// The standing of one endpoint, in a cache line of its own: it is read for each choice and hardly ever written.
#[derive(Debug)]
#[repr(align(64))]
pub struct Standing {
    flags: AtomicU32,
    /// Microseconds.
    ejected_until: AtomicU64,
    /// Microseconds.
    ramp_since: AtomicU64,
    /// Why probes say so, for people.
    probe_reason: ArcSwap<&'static str>,
    /// Why it was ejected, for people.
    eject_reason: ArcSwap<&'static str>,
}

impl Default for Standing {
    fn default() -> Self {
        Self {
            flags: AtomicU32::new(0),
            ejected_until: AtomicU64::new(0),
            ramp_since: AtomicU64::new(0),
            probe_reason: ArcSwap::from_pointee(""),
            eject_reason: ArcSwap::from_pointee(""),
        }
    }
}

impl Standing {
    /// Whether there is nothing to be said of it: usable at its full weight. The one load that most choices need.
    pub fn is_plain(&self) -> bool {
        self.flags.load(Relaxed) & NOTABLE == 0
    }

    /// Whether it may be starting slowly.
    pub fn is_ramping(&self) -> bool {
        self.flags.load(Relaxed) & RAMP != 0
    }

    /// Whether it should get exchanges.
    pub fn usable(&self, now: Moment) -> bool {
        let flags = self.flags.load(Relaxed);
        flags & (DOWN | DRAINED) == 0 && (flags & EJECTED == 0 || self.ejected_until() <= now)
    }

    /// Whether outlier detection keeps it out.
    pub fn ejected(&self, now: Moment) -> bool {
        self.flags.load(Relaxed) & EJECTED != 0 && now < self.ejected_until()
    }

    /// Whether the operator keeps it out. Unlike the others, that holds in a panic too.
    pub fn drained(&self) -> bool {
        self.flags.load(Relaxed) & DRAINED != 0
    }

    /// Since when it starts slowly, where it does. Where an ejection has ended by itself that is its end.
    pub fn ramp_since(&self, now: Moment) -> Option<Moment> {
        let flags = self.flags.load(Relaxed);
        if flags & EJECTED != 0 && self.ejected_until() <= now {
            return Some(self.ejected_until());
        }
        (flags & RAMP != 0).then(|| Moment::from_micros(self.ramp_since.load(Relaxed)))
    }

    /// What probes say.
    pub fn verdict(&self) -> Verdict {
        match self.flags.load(Relaxed) {
            flags if flags & DOWN != 0 => Verdict::Down,
            flags if flags & UP != 0 => Verdict::Up,
            _ => Verdict::Unknown,
        }
    }

    /// The word for all of it. What the operator says comes first, then what probes say.
    pub fn state(&self, now: Moment) -> State {
        match self.verdict() {
            _ if self.drained() => State::Draining,
            Verdict::Down => State::Down,
            _ if self.ejected(now) => State::Ejected,
            Verdict::Up => State::Up,
            Verdict::Unknown => State::Unknown,
        }
    }

    /// Why it is down or ejected; empty where it is neither.
    pub fn reason(&self, now: Moment) -> &'static str {
        match self.state(now) {
            State::Down => **self.probe_reason.load(),
            State::Ejected => **self.eject_reason.load(),
            State::Up | State::Unknown | State::Draining => "",
        }
    }

    /// Takes the word of probes; `reason` is the label of why. One that was down and is up now starts slowly. Gives back whether
    /// the verdict is another one now, so that it is told once.
    pub fn set_probe(&self, verdict: Verdict, reason: &'static str, now: Moment) -> bool {
        let before = self.verdict();
        self.probe_reason.store(std::sync::Arc::new(reason));
        if before == verdict {
            return false;
        }
        if before == Verdict::Down {
            // It was gone. If it is there again, what was said of it before is over.
            self.ramp_from(now);
            if verdict == Verdict::Up {
                self.pardon();
            }
        }
        let (on, off) = match verdict {
            Verdict::Unknown => (0, UP | DOWN),
            Verdict::Up => (UP, DOWN),
            Verdict::Down => (DOWN, UP),
        };
        self.change(on, off);
        true
    }

    /// Keeps it out until then.
    pub fn eject(&self, until: Moment, reason: &'static str) {
        self.eject_reason.store(std::sync::Arc::new(reason));
        // The time comes first: whoever sees the flag finds it, or one that was over before.
        self.ejected_until.store(until.micros(), Relaxed);
        self.change(EJECTED, 0);
    }

    /// Until when it is, or was, ejected.
    pub fn ejected_until(&self) -> Moment {
        Moment::from_micros(self.ejected_until.load(Relaxed))
    }

    /// Ends an ejection whose time is over; it starts slowly from then. Gives back whether there was one.
    pub fn readmit(&self, now: Moment) -> bool {
        let until = self.ejected_until();
        if self.flags.load(Relaxed) & EJECTED == 0 || now < until {
            return false;
        }
        self.ramp_from(until);
        self.change(0, EJECTED);
        true
    }

    /// Takes an ejection back, as if it had not been.
    pub fn pardon(&self) {
        self.change(0, EJECTED);
    }

    /// Takes the operator's word. One that comes back starts slowly.
    pub fn set_drained(&self, drained: bool, now: Moment) {
        if drained {
            self.change(DRAINED, 0);
        } else if self.drained() {
            self.ramp_from(now);
            self.change(0, DRAINED);
        }
    }

    /// It has joined or come back, and starts slowly where the upstream says so.
    pub fn ramp_from(&self, since: Moment) {
        self.ramp_since.store(since.micros(), Relaxed);
        self.change(RAMP, 0);
    }

    /// Its slow start is over: choices are cheap again.
    pub fn end_ramp(&self) {
        self.change(0, RAMP);
    }

    fn change(&self, on: u32, off: u32) {
        // Others change other bits at the same time. The closure always gives a value.
        let _ = self.flags.fetch_update(Relaxed, Relaxed, |flags| Some(flags & !off | on));
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment::from_micros(seconds * 1_000_000)
    }

    #[test]
    fn a_new_endpoint_is_usable() {
        let standing = Standing::default();
        assert!(standing.is_plain() && standing.usable(at(1)) && !standing.drained());
        assert_eq!((standing.state(at(1)).label(), standing.reason(at(1))), ("unknown", ""));
        assert_eq!(standing.ramp_since(at(1)), None);
    }

    #[test]
    fn probes_speak_and_a_change_is_told_once() {
        let standing = Standing::default();
        assert!(standing.set_probe(Verdict::Up, "", at(1)) && !standing.set_probe(Verdict::Up, "", at(2)));
        assert!(standing.is_plain(), "the first verdict is no recovery");
        assert!(standing.set_probe(Verdict::Down, "connect_refused", at(3)));
        assert!(!standing.usable(at(3)));
        assert_eq!((standing.state(at(3)).label(), standing.reason(at(3))), ("down", "connect_refused"));
        assert!(standing.set_probe(Verdict::Up, "", at(4)));
        assert!(standing.usable(at(4)));
        assert_eq!(standing.ramp_since(at(5)), Some(at(4)));
        standing.end_ramp();
        assert!(standing.is_plain());
        assert_eq!(standing.state(at(5)), State::Up);

        standing.eject(at(60), "gateway_failures");
        standing.set_probe(Verdict::Up, "", at(6));
        assert!(standing.ejected(at(6)), "probes that pass as before are no news");
        standing.set_probe(Verdict::Down, "connect_refused", at(7));
        assert!(standing.ejected(at(7)));
        standing.set_probe(Verdict::Up, "", at(8));
        assert!(
            !standing.ejected(at(8)) && standing.ramp_since(at(9)) == Some(at(8)),
            "it was gone and is there again"
        );
    }

    #[test]
    fn an_ejection_ends_by_itself() {
        let standing = Standing::default();
        standing.eject(at(30), "gateway_failures");
        assert!(!standing.usable(at(29)) && !standing.readmit(at(29)));
        assert_eq!((standing.state(at(29)).label(), standing.reason(at(29))), ("ejected", "gateway_failures"));
        assert!(standing.usable(at(30)) && !standing.ejected(at(30)), "nobody has come by to end it");
        assert_eq!(standing.ramp_since(at(31)), Some(at(30)));
        assert!(standing.readmit(at(33)) && !standing.readmit(at(33)));
        assert_eq!((standing.ramp_since(at(33)), standing.reason(at(33))), (Some(at(30)), ""));

        standing.end_ramp();
        standing.eject(at(60), "latency");
        standing.pardon();
        assert!(standing.is_plain());
    }

    #[test]
    fn what_the_operator_says_comes_first() {
        let standing = Standing::default();
        standing.set_drained(false, at(1));
        assert!(standing.is_plain(), "it was not drained");
        standing.set_probe(Verdict::Down, "timeout", at(1));
        standing.eject(at(9), "latency");
        standing.set_drained(true, at(2));
        assert_eq!(standing.state(at(2)), State::Draining);
        standing.set_drained(false, at(3));
        assert_eq!((standing.state(at(3)), standing.ramp_since(at(3))), (State::Down, Some(at(3))));
        standing.set_probe(Verdict::Unknown, "", at(4));
        assert_eq!(standing.state(at(4)), State::Ejected);
        assert!(!standing.usable(at(4)) && standing.usable(at(4).after(Duration::from_secs(5))));
        let labels: Vec<_> = State::ALL.iter().map(|state| state.label()).collect();
        assert_eq!(labels, ["up", "unknown", "down", "ejected", "draining"]);
    }
}
