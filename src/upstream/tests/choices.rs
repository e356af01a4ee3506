//! Each way to choose, as a worker does it: who gets how much, and who moves when an endpoint leaves or comes back.

use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use http::{HeaderName, HeaderValue};

use super::super::balance::chi::assert_fits;
use super::super::candidates::Tried;
use super::super::choice::Choice;
use super::super::plan::Plan;
use super::super::standing::Verdict;
use super::super::{InFlight, Moment};
use super::{plan, upstream};
use crate::http::Headers;
use crate::http::key::KeySource;

const BALANCES: [&str; 6] = ["round_robin", "random", "least_requests", "least_time", "hash", "maglev"];
const KEYED: [&str; 2] = ["hash", "maglev"];
const NOW: Moment = Moment::from_micros(1_000_000_000);
const KEYS: u32 = 20_000;

fn of(balance: &str, endpoints: &str, more: &str) -> (std::sync::Arc<Plan>, Choice) {
    let plan = plan(&upstream(&format!("endpoints = [{endpoints}]\nbalance = \"{balance}\"\n{more}")), None, None);
    (plan.clone(), Choice::new(plan, 77))
}

const FOUR: &str = "\"10.0.0.1:80\", { address = \"10.0.0.2:80\", weight = 3 }, \"10.0.0.3:80\", \"10.0.0.4:80\"";
const WEIGHTS: [u32; 4] = [1, 3, 1, 1];

/// The places of so many clients, at that time.
fn places_at(choice: &Choice, now: Moment) -> Vec<usize> {
    let headers = Headers::new();
    let place = |number: u32| {
        let client = Some(IpAddr::V4(Ipv4Addr::from_bits(number.wrapping_mul(2_654_435_761))));
        choice.choose(&KeySource { client, target: "/", headers: &headers }, Tried::default(), || now)
    };
    (0..KEYS).map(|number| place(number).expect("one is usable")).collect()
}

fn places(choice: &Choice) -> Vec<usize> {
    places_at(choice, NOW)
}

fn counts(places: &[usize]) -> [u32; 4] {
    let mut seen = [0; 4];
    places.iter().for_each(|place| seen[*place] += 1);
    seen
}

#[test]
fn everybody_has_their_share() {
    for balance in BALANCES {
        let (_, choice) = of(balance, FOUR, "");
        let seen = counts(&places(&choice));
        match balance {
            "round_robin" => {
                let exact = WEIGHTS.map(|weight| f64::from(weight * KEYS) / 6.0);
                assert!(
                    seen.iter().zip(exact).all(|(seen, exact)| (f64::from(*seen) - exact).abs() <= 1.0),
                    "{seen:?}"
                );
            }
            // Of two that are drawn by weight the heavier one wins more often than by its share, until there is load.
            "least_requests" | "least_time" => assert_fits(&seen, &power_of_two(WEIGHTS)),
            _ => assert_fits(&seen, &WEIGHTS),
        }
    }
}

/// Shares of two choices among idle endpoints, exact: the cost is the same, so who has more weight wins, and of equals the first one drawn.
fn power_of_two(weights: [u32; 4]) -> [u32; 4] {
    let total: u32 = weights.iter().sum();
    let mut shares = [0.0; 4];
    for first in 0..4 {
        for second in (0..4).filter(|second| *second != first) {
            let chance = f64::from(weights[first]) / f64::from(total) * f64::from(weights[second])
                / f64::from(total - weights[first]);
            shares[if weights[second] > weights[first] { second } else { first }] += chance;
        }
    }
    shares.map(|share| (share * 1_000_000.0).round() as u32)
}

/// Shares of two choices among idle endpoints while one is out, exact. Two are drawn from all four; where the one that is out is among them, two
/// are drawn again from the others.
fn power_of_two_without(weights: [u32; 4], out: usize) -> [u32; 4] {
    let (mut shares, mut met) = ([0.0; 4], 1.0);
    let pairs = (0..4).flat_map(|first| (0..4).map(move |second| (first, second)));
    let pairs: Vec<_> = pairs.filter(|(first, second)| first != second && *first != out && *second != out).collect();
    let all = f64::from(weights.iter().sum::<u32>());
    for (total, again) in [(all, false), (all - f64::from(weights[out]), true)] {
        let part: f64 = if again { met } else { 1.0 };
        for &(first, second) in &pairs {
            let [one, other] = [first, second].map(|place| f64::from(weights[place]));
            let chance = one / total * other / (total - one);
            shares[if other > one { second } else { first }] += part * chance;
            met -= if again { 0.0 } else { chance };
        }
    }
    shares.map(|share| (share * 1_000_000.0).round() as u32)
}

/// Whoever is out: the idle ones have what two choices give them, and under load they fill up by their weights.
#[test]
fn the_others_share_exactly_what_one_that_is_out_leaves() {
    let even = FOUR.replace("weight = 3", "weight = 1");
    for (endpoints, weights) in [(FOUR, WEIGHTS), (even.as_str(), [1; 4])] {
        for (balance, out) in
            ["least_requests", "least_time"].into_iter().flat_map(|one| (0..4).map(move |out| (one, out)))
        {
            let (plan, choice) = of(balance, endpoints, "");
            plan.seats[out].endpoint.standing.eject(NOW.after(Duration::from_secs(30)), "t");
            let seen = counts(&places(&choice));
            assert_eq!(seen[out], 0, "{balance} {weights:?} without {out}");
            assert_fits(&seen, &power_of_two_without(weights, out));
            let headers = Headers::new();
            let source = KeySource { client: None, target: "/", headers: &headers };
            plan.seats.iter().for_each(|seat| seat.endpoint.speed.observe(Duration::from_millis(10), NOW));
            let running: Vec<_> = (0..3000)
                .map(|_| {
                    let place = choice.choose(&source, Tried::default(), || NOW).expect("one");
                    InFlight::begin(&plan.seats[place].endpoint)
                })
                .collect();
            let rest = (weights.iter().sum::<u32>() - weights[out]) as usize;
            for (place, seat) in plan.seats.iter().enumerate() {
                let fair = if place == out { 0 } else { 3000 * weights[place] as usize / rest };
                let load = seat.endpoint.in_flight();
                // Two choices keep each within a few exchanges of its part, however many there are.
                assert!(
                    load.abs_diff(fair) <= 15,
                    "{balance} {weights:?} without {out}: {place} has {load}, not {fair}"
                );
            }
            drop(running);
        }
    }
}

/// What runs counts, in all workers: endpoints fill up in proportion to their weight.
#[test]
fn load_settles_at_the_weights() {
    for balance in ["least_requests", "least_time"] {
        let (plan, one) = of(balance, FOUR, "");
        let other = Choice::new(plan.clone(), 78);
        for seat in &plan.seats {
            seat.endpoint.speed.observe(Duration::from_millis(10), NOW);
        }
        let headers = Headers::new();
        let source = KeySource { client: None, target: "/", headers: &headers };
        let running: Vec<_> = (0..6000)
            .map(|turn| {
                let choice = if turn % 2 == 0 { &one } else { &other };
                let place = choice.choose(&source, Tried::default(), || NOW).expect("one");
                InFlight::begin(&plan.seats[place].endpoint)
            })
            .collect();
        let loads: Vec<_> = plan.seats.iter().map(|seat| seat.endpoint.in_flight()).collect();
        let fits = loads.iter().zip(WEIGHTS).all(|(load, weight)| load.abs_diff(1000 * weight as usize) <= 30);
        assert!(fits, "{balance}: {loads:?}");
        drop(running);
    }
}

#[test]
fn the_faster_one_has_more() {
    let (plan, choice) = of("least_time", "\"10.0.0.1:80\", \"10.0.0.2:80\"", "");
    for (place, millis) in [(0, 10), (1, 40)] {
        plan.seats[place].endpoint.speed.observe(Duration::from_millis(millis), NOW);
    }
    let mut running = Vec::new();
    let headers = Headers::new();
    for _ in 0..500 {
        let source = KeySource { client: None, target: "/", headers: &headers };
        let place = choice.choose(&source, Tried::default(), || NOW).expect("one");
        running.push(InFlight::begin(&plan.seats[place].endpoint));
    }
    let loads = plan.seats.iter().map(|seat| seat.endpoint.in_flight()).collect::<Vec<_>>();
    assert_eq!(loads, [400, 100], "four times as fast, four times as much");
}

/// The one that is out has nothing, the others have its share by their own; and of what has a key only its keys move, and come back.
#[test]
fn one_that_leaves_moves_nobody_else() {
    for balance in BALANCES {
        let (plan, choice) = of(balance, FOUR, "");
        let before = places(&choice);
        let standing = &plan.seats[0].endpoint.standing;
        standing.eject(NOW.after(Duration::from_secs(30)), "t");
        let without = places(&choice);
        let seen = counts(&without);
        assert_eq!(seen[0], 0, "{balance}");
        if KEYED.contains(&balance) {
            let stays = before.iter().zip(&without).all(|(old, new)| old == new || *old == 0);
            assert!(stays, "{balance}: a key of another one moved");
            let heirs: Vec<_> =
                before.iter().zip(&without).filter(|(old, _)| **old == 0).map(|(_, new)| *new).collect();
            assert_fits(&counts(&heirs), &[0, 3, 1, 1]);
        } else if balance != "least_requests" && balance != "least_time" {
            let rest = f64::from(KEYS) / 5.0;
            assert!((f64::from(seen[2]) - rest).abs() < rest / 10.0, "{balance}: {seen:?}");
        }
        let later = NOW.after(Duration::from_secs(31));
        standing.readmit(later);
        standing.end_ramp();
        let after = places_at(&choice, later);
        assert!(!KEYED.contains(&balance) || after == before, "{balance}: all are where they were");
        assert!(counts(&after)[0] > 0);
    }
}

/// The same by a new config.
#[test]
fn few_move_when_the_config_loses_one() {
    for (balance, most) in [("hash", 0.0), ("maglev", 0.05)] {
        let before = places(&of(balance, FOUR, "").1);
        let three = FOUR.rsplit_once(", ").expect("four").0;
        let after = places(&of(balance, three, "").1);
        let others = before.iter().zip(&after).filter(|(old, _)| **old != 3);
        let (all, moved) = others.fold((0, 0), |(all, moved), (old, new)| (all + 1, moved + u32::from(old != new)));
        assert!(f64::from(moved) <= f64::from(all) * most, "{balance}: {moved} of {all}");
    }
}

/// Every key that comes to it while it starts slowly stays there.
#[test]
fn a_slow_start_moves_each_key_once() {
    for balance in BALANCES {
        let (plan, choice) = of(balance, "\"10.0.0.1:80\", \"10.0.0.2:80\", \"10.0.0.3:80\"", "slow_start = \"10s\"");
        let all = f64::from(KEYS) / 3.0;
        let start = counts(&places(&choice))[0];
        assert!(f64::from(start) > all * 0.9, "{balance}: nobody starts slowly with the process, {start}");
        plan.seats[0].endpoint.standing.ramp_from(NOW);
        let mut before: Option<Vec<usize>> = None;
        for (seconds, part) in [(0, 0.1), (3, 0.3), (6, 0.6), (9, 0.9), (10, 1.0)] {
            let now = places_at(&choice, NOW.after(Duration::from_secs(seconds)));
            let has = f64::from(counts(&now)[0]);
            // Of three with weights of 1, 1 and part.
            let fair = f64::from(KEYS) * part / (2.0 + part);
            let drawn = balance == "least_requests" || balance == "least_time";
            let fits = if drawn { has <= fair * 1.1 } else { (has - fair).abs() < fair * 0.2 + 20.0 };
            assert!(fits || balance == "maglev", "{balance} after {seconds} s: {has} of {fair}");
            assert!(balance != "maglev" || (has - all * part).abs() < all * 0.05 + 20.0, "{seconds} s: {has}");
            if let Some(before) = before.filter(|_| KEYED.contains(&balance)) {
                assert!(
                    before.iter().zip(&now).all(|(old, new)| old == new || *new == 0),
                    "{balance} after {seconds} s"
                );
            }
            before = Some(now);
        }
    }
}

#[test]
fn in_a_panic_all_are_used_and_backups_only_without_primaries() {
    for balance in BALANCES {
        let endpoints = format!("{FOUR}, {{ address = \"10.0.0.9:80\", backup = true }}");
        let (plan, choice) = of(balance, &endpoints, "");
        let place = || {
            let headers = Headers::new();
            let all: std::collections::BTreeSet<_> = (0..400u32)
                .map(|number| {
                    let client = Some(IpAddr::V4(Ipv4Addr::from_bits(number)));
                    let source = KeySource { client, target: "/", headers: &headers };
                    choice.choose(&source, Tried::default(), || NOW).expect("one")
                })
                .collect();
            all.into_iter().collect::<Vec<_>>()
        };
        let down = |place: usize| {
            plan.seats[place].endpoint.standing.set_probe(Verdict::Down, "t", NOW);
        };
        assert_eq!(place(), [0, 1, 2, 3], "{balance}");
        down(0);
        assert_eq!(place(), [1, 2, 3], "{balance}");
        down(1);
        assert_eq!(place(), [2, 3], "{balance}: half is enough");
        down(2);
        assert_eq!(place(), [0, 1, 2, 3], "{balance}: a panic");
        down(3);
        assert_eq!(place(), [4], "{balance}: the backup is better than nobody");
        down(4);
        assert_eq!(place(), [0, 1, 2, 3], "{balance}");
    }
}

#[test]
fn a_client_stays_where_its_cookie_says() {
    for balance in BALANCES {
        let (plan, choice) = of(balance, FOUR, "sticky = { cookie = \"gate\", secret = \"0123456789abcdef\" }");
        let sticky = plan.sticky.as_ref().expect("it is sticky");
        let none = Headers::new();
        let set = sticky.set(&KeySource { client: None, target: "/", headers: &none }, 2, false).expect("a cookie");
        let cookie = set.to_str().expect("plain").split(';').next().expect("a value").to_owned();
        let value = HeaderValue::try_from(cookie).expect("a value");
        let headers: Headers = [(HeaderName::from_static("cookie"), value)].into_iter().collect();
        let source = KeySource { client: None, target: "/", headers: &headers };
        let choose = |tried| choice.choose(&source, tried, || NOW).expect("one");
        assert!((0..100).all(|_| choose(Tried::default()) == 2), "{balance}");
        let mut tried = Tried::default();
        tried.add(2);
        assert_ne!(choose(tried), 2, "{balance}: it was tried");
        plan.seats[2].endpoint.standing.set_probe(Verdict::Down, "t", NOW);
        assert!((0..100).all(|_| choose(Tried::default()) != 2), "{balance}: it is down");
    }
}

/// Nobody else's zone is used while the own one can carry it.
#[test]
fn the_zone_of_the_process_comes_first() {
    for balance in BALANCES {
        let endpoints = "{ address = \"10.0.0.1:80\", zone = \"a\" }, { address = \"10.0.0.2:80\", zone = \"b\" }, \
                         { address = \"10.0.0.3:80\", zone = \"a\" }, \"10.0.0.4:80\"";
        let upstream = upstream(&format!("endpoints = [{endpoints}]\nbalance = \"{balance}\"\nmax_connections = 1"));
        let plan = plan(&upstream, None, Some("a"));
        let choice = Choice::new(plan.clone(), 5);
        assert!(places(&choice).iter().all(|place| [0, 2].contains(place)), "{balance}");
        let held = [0, 2].map(|place: usize| InFlight::begin(&plan.seats[place].endpoint));
        assert!(places(&choice).contains(&1), "{balance}: the zone is full");
        drop(held);
        plan.seats[0].endpoint.standing.set_probe(Verdict::Down, "t", NOW);
        assert!(places(&choice).iter().all(|place| *place == 2), "{balance}: half of the zone is enough");
        plan.seats[2].endpoint.standing.set_probe(Verdict::Down, "t", NOW);
        assert_eq!(counts(&places(&choice))[0] + counts(&places(&choice))[2], 0, "{balance}: the zone is gone");
    }
}

/// A reload that changes anything else keeps what is known of an endpoint; one that is new starts slowly only later.
#[test]
fn what_is_known_of_endpoints_outlives_their_plan() {
    let model = upstream(&format!("endpoints = [{FOUR}]"));
    let first = plan(&model, None, None);
    first.seats[1].endpoint.standing.eject(NOW.after(Duration::from_secs(30)), "t");
    let _running = InFlight::begin(&first.seats[2].endpoint);
    let after = upstream(&format!("endpoints = [\"10.0.0.3:80\", {FOUR}]\nbalance = \"random\"").replacen(
        ", \"10.0.0.3:80\", \"10.0.0.4:80\"",
        "",
        1,
    ));
    let second = plan(&after, Some(&first), None);
    let ejected: Vec<_> = second.seats.iter().map(|seat| seat.endpoint.standing.ejected(NOW)).collect();
    assert_eq!(ejected, [false, false, true]);
    assert_eq!(second.seats[0].endpoint.in_flight(), 1);
}
