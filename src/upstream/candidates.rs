//! From which endpoints one is chosen, and with how much weight each. Pure: seats, rules and the time in, weights out.
//!
//! An endpoint is usable while it is not down, not ejected and not drained (see [`super::standing`]). Candidates are the first of these
//! that are not empty, without those that the exchange has tried already:
//!
//! 1. where fewer than `panic_threshold` of the primaries are usable, yet one is, or no backup is: **all primaries** (*panic*). So few
//!    could not carry the load, and what says that the others are bad is perhaps wrong itself. Drained ones stay out, and do not count;
//! 2. in the zone of this process, as long as `panic_threshold` of the primaries there are usable: the usable primaries **of the zone**
//!    that have room;
//! 3. the usable **primaries**;
//! 4. the usable **backups**.
//!
//! An exchange that has tried those in vain may go to **the rest** of them (see [`weigh_rest`]): what is said of the others is perhaps not true
//! any more, and there is nothing left to lose.
//!
//! An endpoint that has joined or come back has a tenth of its weight at first, and all of it when `slow_start` is over; in between it grows
//! evenly.

use std::sync::Arc;
use std::time::Duration;

use super::{Endpoint, Moment};
use crate::config::model::UpstreamProtocol;

/// What a weight of 1 is in the arithmetic, so that a part of it is still something.
pub const UNIT: u32 = 256;
/// The least part of its weight that an endpoint begins with: one of so many.
const LEAST: u32 = 10;

/// An endpoint's place in an upstream.
#[derive(Clone, Debug)]
pub struct Seat {
    /// The endpoint.
    pub endpoint: Arc<Endpoint>,
    /// In parts of [`UNIT`].
    pub weight: u32,
    /// Used only while no other can be.
    pub backup: bool,
    /// Whether it is in the zone of this process.
    pub local: bool,
}

/// What the config says about candidates.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// How long the slow start takes.
    pub slow_start: Option<Duration>,
    /// In percent; 0: never.
    pub panic_threshold: u32,
    /// Connections that an endpoint may have before it is full; 0 is no limit.
    pub max_connections: usize,
}

/// Endpoints that an exchange has tried already, as a set of places; those beyond 64 are tried again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tried(u64);

impl Tried {
    /// Adds a place.
    pub fn add(&mut self, place: usize) {
        self.0 |= 1u64.checked_shl(place as u32).unwrap_or(0);
    }

    /// Whether it was tried.
    pub fn has(self, place: usize) -> bool {
        place < 64 && self.0 & (1 << place) != 0
    }

    /// Those of both.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether none was.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

/// Which candidates there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tier {
    /// All primaries: too few of them are usable.
    Panic,
    /// Usable primaries of the zone of this process.
    Local,
    /// Usable primaries.
    Primary,
    /// Usable backups.
    Backup,
    /// Those that are not usable: the usable ones were tried.
    Rest,
}

/// The weights of the candidates, into `weights`; 0 for all others. `None` where there is no candidate.
pub fn weigh(seats: &[Seat], rules: &Rules, tried: Tried, now: Moment, weights: &mut Vec<u32>) -> Option<Tier> {
    let counts = Counts::of(seats, now);
    let panic = counts.panics(rules);
    let tiers = [
        (Tier::Panic, panic),
        (Tier::Local, !panic && counts.stays_local(rules)),
        (Tier::Primary, !panic),
        (Tier::Backup, true),
    ];
    let mut tiers = tiers.into_iter().filter(|(_, holds)| *holds).map(|(tier, _)| tier);
    tiers.find(|tier| {
        let fits = |seat: &Seat| match tier {
            Tier::Panic => !seat.backup && !seat.endpoint.standing.drained(),
            Tier::Local => seat.local && !seat.backup && seat.endpoint.standing.usable(now) && seat.has_room(rules),
            Tier::Primary => !seat.backup && seat.endpoint.standing.usable(now),
            Tier::Backup => seat.backup && seat.endpoint.standing.usable(now),
            Tier::Rest => false,
        };
        fill(weights, seats, |place, seat| (!tried.has(place) && fits(seat)).then(|| seat.weight_now(rules, now)))
    })
}

/// Likewise, for an exchange whose attempts at the usable ones have failed: whoever it has not tried, primaries before backups, and nobody who is
/// drained. With a `panic_threshold` of 0 there is no such candidate: what is said of endpoints holds then, whatever comes of it.
pub fn weigh_rest(seats: &[Seat], rules: &Rules, tried: Tried, weights: &mut Vec<u32>) -> Option<Tier> {
    if rules.panic_threshold == 0 {
        return None;
    }
    let any = [false, true].into_iter().any(|backup| {
        let fits = |seat: &Seat| seat.backup == backup && !seat.endpoint.standing.drained();
        fill(weights, seats, |place, seat| (!tried.has(place) && fits(seat)).then_some(seat.weight))
    });
    any.then_some(Tier::Rest)
}

/// Makes the weights anew, 0 for who has none; whether anybody has one.
fn fill(weights: &mut Vec<u32>, seats: &[Seat], weight: impl Fn(usize, &Seat) -> Option<u32>) -> bool {
    weights.clear();
    weights.extend(seats.iter().enumerate().map(|(place, seat)| weight(place, seat).unwrap_or(0)));
    weights.iter().any(|weight| *weight > 0)
}

/// Whether an exchange may go to that place although nothing else speaks for it: what a sticky session asks.
pub fn admits(seat: &Seat, now: Moment) -> bool {
    seat.endpoint.standing.is_plain() || seat.endpoint.standing.usable(now)
}

impl Seat {
    /// Whether it can take one more with the connections that it may have. One of HTTP/2 carries many at once.
    pub(super) fn has_room(&self, rules: &Rules) -> bool {
        let shared = self.endpoint.identity.protocol != UpstreamProtocol::Http1;
        rules.max_connections == 0 || shared || self.endpoint.in_flight() < rules.max_connections
    }

    fn weight_now(&self, rules: &Rules, now: Moment) -> u32 {
        let (Some(window), Some(since)) = (rules.slow_start, self.endpoint.standing.ramp_since(now)) else {
            return self.weight;
        };
        ramp(self.weight, now.since(since), window)
    }
}

/// A weight while it grows: at least a tenth of it, and all of it after `window`. Never 0.
pub fn ramp(weight: u32, since: Duration, window: Duration) -> u32 {
    if since >= window {
        return weight;
    }
    let part = (f64::from(weight) * since.as_secs_f64() / window.as_secs_f64()) as u32;
    part.max(weight / LEAST).max(1)
}

/// How many of which kind.
#[derive(Default)]
struct Counts {
    primaries: usize,
    usable: usize,
    local: usize,
    local_usable: usize,
    backups_usable: usize,
}

impl Counts {
    fn of(seats: &[Seat], now: Moment) -> Self {
        let mut counts = Self::default();
        for seat in seats {
            let (usable, drained) = (seat.endpoint.standing.usable(now), seat.endpoint.standing.drained());
            if seat.backup {
                counts.backups_usable += usize::from(usable);
            } else if !drained {
                counts.primaries += 1;
                counts.usable += usize::from(usable);
                counts.local += usize::from(seat.local);
                counts.local_usable += usize::from(seat.local && usable);
            }
        }
        counts
    }

    fn panics(&self, rules: &Rules) -> bool {
        let few = self.usable * 100 < self.primaries * rules.panic_threshold as usize;
        few && (self.usable > 0 || self.backups_usable == 0)
    }

    fn stays_local(&self, rules: &Rules) -> bool {
        self.local_usable > 0 && self.local_usable * 100 >= self.local * rules.panic_threshold as usize
    }
}

/// So many primaries of weight 1.
#[cfg(test)]
pub(super) fn seats(count: usize) -> Vec<Seat> {
    use crate::config::model::EndpointAddress;
    let identity = |place: usize| super::EndpointIdentity {
        upstream: "app".into(),
        address: EndpointAddress::Ip(([127, 0, 0, 1], 9000 + place as u16).into()),
        at: None,
        protocol: UpstreamProtocol::Http1,
        proxy_protocol: None,
        tls: None,
    };
    let seat = |place| Seat { endpoint: Endpoint::new(identity(place)), weight: UNIT, backup: false, local: false };
    (0..count).map(seat).collect()
}

#[cfg(test)]
mod tests {
    use super::super::standing::Verdict;
    use super::*;

    const RULES: Rules = Rules { slow_start: None, panic_threshold: 50, max_connections: 0 };
    const NOW: Moment = Moment::from_micros(100_000_000);

    fn seat(kind: &str) -> Seat {
        let endpoint = seats(1).remove(0).endpoint;
        for letter in kind.chars() {
            match letter {
                'd' => drop(endpoint.standing.set_probe(Verdict::Down, "t", NOW)),
                'e' => endpoint.standing.eject(NOW.after(Duration::from_secs(1)), "t"),
                'o' => endpoint.standing.set_drained(true, NOW),
                _ => {}
            }
        }
        Seat { endpoint, weight: UNIT, backup: kind.contains('b'), local: kind.contains('l') }
    }

    /// Letters of endpoints: u usable, d down, e ejected, o drained by the operator, b backup, l local.
    #[test]
    fn candidates_by_tier() {
        let cases: [(&str, u32, Option<Tier>, &str); 22] = [
            ("u u u", 50, Some(Tier::Primary), "111"),
            ("u d e", 30, Some(Tier::Primary), "100"),
            ("u u e", 50, Some(Tier::Primary), "110"),
            ("u e", 50, Some(Tier::Primary), "10"),
            // Fewer than half: all of them, but the drained one.
            ("u d e", 50, Some(Tier::Panic), "111"),
            ("u d e o", 50, Some(Tier::Panic), "1110"),
            ("d e", 50, Some(Tier::Panic), "11"),
            ("d", 50, Some(Tier::Panic), "1"),
            ("u o o o", 50, Some(Tier::Primary), "1000"),
            ("o", 50, None, "0"),
            ("d e", 0, None, "00"),
            // Backups: not beside a usable primary, and not in a panic that has one.
            ("u b", 50, Some(Tier::Primary), "10"),
            ("d b", 50, Some(Tier::Backup), "01"),
            ("d b", 0, Some(Tier::Backup), "01"),
            ("u d e b", 50, Some(Tier::Panic), "1110"),
            ("d bd", 50, Some(Tier::Panic), "10"),
            ("b b", 50, Some(Tier::Backup), "11"),
            // Zones.
            ("l u u", 50, Some(Tier::Local), "100"),
            ("ld u u", 50, Some(Tier::Primary), "011"),
            ("l ld ld u u u", 50, Some(Tier::Primary), "100111"),
            ("lb u", 50, Some(Tier::Primary), "01"),
            ("ld ld u", 50, Some(Tier::Panic), "111"),
        ];
        for (kinds, panic_threshold, tier, expected) in cases {
            let seats: Vec<_> = kinds.split(' ').map(seat).collect();
            let mut weights = Vec::new();
            let found = weigh(&seats, &Rules { panic_threshold, ..RULES }, Tried::default(), NOW, &mut weights);
            let shown: String = weights.iter().map(|weight| if *weight > 0 { '1' } else { '0' }).collect();
            assert_eq!((found, shown.as_str()), (tier, expected), "{kinds} at {panic_threshold}");
        }
    }

    #[test]
    fn what_was_tried_is_no_candidate_and_then_come_the_next_ones() {
        let seats: Vec<_> = "l u b".split(' ').map(seat).collect();
        let (mut tried, mut weights, mut tiers) = (Tried::default(), Vec::new(), Vec::new());
        assert!(tried.is_empty());
        for place in 0..4 {
            tiers.push(weigh(&seats, &RULES, tried, NOW, &mut weights));
            tried.add(place);
        }
        assert_eq!(tiers, [Some(Tier::Local), Some(Tier::Primary), Some(Tier::Backup), None]);
        tried.add(64);
        assert!(!tried.has(64) && tried.has(3));
    }

    /// Letters as above, and t: tried.
    #[test]
    fn whoever_is_left_when_the_usable_ones_were_tried() {
        let cases: [(&str, u32, Option<Tier>, &str); 9] = [
            ("ut d", 50, Some(Tier::Rest), "01"),
            ("ut e d", 1, Some(Tier::Rest), "011"),
            ("ut d o", 50, Some(Tier::Rest), "010"),
            ("ut o", 50, None, "00"),
            ("ut dt", 50, None, "00"),
            ("ut d", 0, None, ""),
            // Primaries before backups.
            ("ut d bd", 50, Some(Tier::Rest), "010"),
            ("ut dt bd", 50, Some(Tier::Rest), "001"),
            ("ut bdt", 50, None, "00"),
        ];
        for (kinds, panic_threshold, tier, expected) in cases {
            let seats: Vec<_> = kinds.split(' ').map(seat).collect();
            let (mut weights, mut tried) = (Vec::new(), Tried::default());
            let places = kinds.split(' ').enumerate().filter(|(_, kind)| kind.contains('t'));
            places.for_each(|(place, _)| tried.add(place));
            let found = weigh_rest(&seats, &Rules { panic_threshold, ..RULES }, tried, &mut weights);
            let shown: String = weights.iter().map(|weight| if *weight > 0 { '1' } else { '0' }).collect();
            assert_eq!((found, shown.as_str()), (tier, expected), "{kinds} at {panic_threshold}");
        }
    }

    #[test]
    fn a_zone_that_is_full_spills_over() {
        let seats: Vec<_> = "l u".split(' ').map(seat).collect();
        let rules = Rules { max_connections: 1, ..RULES };
        let mut weights = Vec::new();
        assert_eq!(weigh(&seats, &rules, Tried::default(), NOW, &mut weights), Some(Tier::Local));
        let connection = seats[0].endpoint.admit_connection(1);
        let tier = weigh(&seats, &rules, Tried::default(), NOW, &mut weights);
        assert_eq!(tier, Some(Tier::Local), "a connection that is idle takes the next one");
        let running = crate::upstream::InFlight::begin(&seats[0].endpoint);
        assert_eq!(weigh(&seats, &rules, Tried::default(), NOW, &mut weights), Some(Tier::Primary));
        drop((connection, running));
        assert_eq!(weigh(&seats, &rules, Tried::default(), NOW, &mut weights), Some(Tier::Local));
    }

    #[test]
    fn a_slow_start_grows_evenly_from_a_tenth() {
        let seconds = Duration::from_secs;
        let cases = [(0, 25), (1, 25), (3, 25), (6, 51), (15, 128), (29, 247), (30, 256), (99, 256)];
        for (since, expected) in cases {
            assert_eq!(ramp(UNIT, seconds(since), seconds(30)), expected, "{since}");
        }
        assert_eq!(ramp(1, seconds(0), seconds(30)), 1);

        let seat = seat("u");
        let rules = Rules { slow_start: Some(seconds(30)), ..RULES };
        assert_eq!(seat.weight_now(&rules, NOW), UNIT, "not at the start of the process");
        seat.endpoint.standing.ramp_from(NOW);
        assert_eq!(seat.weight_now(&rules, NOW.after(seconds(15))), UNIT / 2);
        assert_eq!(seat.weight_now(&RULES, NOW), UNIT, "off");
        seat.endpoint.standing.eject(NOW.after(seconds(60)), "t");
        assert_eq!(seat.weight_now(&rules, NOW.after(seconds(75))), UNIT / 2, "from the end of an ejection");
    }
}
