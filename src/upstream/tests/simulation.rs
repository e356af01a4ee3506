//! Bad days in virtual time: what must hold on each of them, and that they are bad indeed.
//!
//! `TIDEGATE_SEED=N cargo test --lib simulation` lives through one day again.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::super::balance::Draw;
use super::super::record::Reason;
use super::faults::{Day, SECOND};
use super::world::{Outcomes, World};

/// Days that every run lives through, and the least number of those that chance adds.
const FIXED: u64 = 150;
const FEWEST: u64 = 50;
/// No more of them begin after that.
const TIME: Duration = Duration::from_secs(1);

/// After the last spell: longer than the longest ejection, with its slow start and a comparison.
const RECOVERY: u64 = 22 * SECOND;
/// The same where a failure counts as a second, which has to be forgotten until it is less than the ten milliseconds of the others.
const FORGOTTEN: u64 = 80 * SECOND;
const BALANCES: [&str; 6] = ["round_robin", "random", "least_requests", "least_time", "hash", "maglev"];

/// Tells the seed when a day fails.
struct Tells(u64, String);

impl Drop for Tells {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("seed {} ({}): TIDEGATE_SEED={} cargo test --lib simulation", self.0, self.1, self.0);
        }
    }
}

/// What a day was like.
struct Lived {
    day: Day,
    balance: &'static str,
    endpoints: usize,
    probed: bool,
    outcomes: Outcomes,
    /// When the first and the last spell begin and end.
    spells: (u64, u64),
}

fn live(seed: u64) -> Lived {
    let mut draw = Draw::new(crate::http::key::mix(seed));
    let day = Day::ALL[(seed % Day::ALL.len() as u64) as usize];
    let balance = BALANCES[draw.below(6) as usize];
    let most = if draw.below(4) == 0 { 25 } else { 4 };
    let endpoints = 3 + draw.below(most) as usize;
    let probed = draw.below(2) == 0;
    let _tells = Tells(seed, format!("{day:?}, {balance} of {endpoints}, probed: {probed}"));
    let spells = day.spells(endpoints, &mut draw);
    let (first, last) = (spells.iter().map(|one| one.from).min(), spells.iter().map(|one| one.until).max());
    let (first, last) = (first.unwrap_or(0), last.unwrap_or(0));
    let list: Vec<_> = (0..endpoints).map(|place| format!("\"10.0.0.{place}:80\"")).collect();
    let slow_start = ["0s", "1s", "3s"][draw.below(3) as usize];
    let health =
        if probed { "[upstreams.app.health]\npath = \"/\"\ninterval = \"500ms\"\ntimeout = \"250ms\"\n" } else { "" };
    let keys = format!(
        "endpoints = [{}]\nbalance = \"{balance}\"\nhash_on = \"path\"\nslow_start = \"{slow_start}\"\n\
         [upstreams.app.retry]\non = [\"connect\", \"reset\", \"timeout\", \"503\"]\ntry_timeout = \"1s\"\n\
         [upstreams.app.outlier]\ninterval = \"2s\"\nbase_ejection = \"3s\"\nmax_ejection = \"9s\"\n\
         max_ejected = \"{}%\"\nsuccess_rate_requests = 20\nlatency_requests = 8\n{health}",
        list.join(", "),
        [0, 10, 34, 100][draw.below(4) as usize],
    );
    let keys = if ["hash", "maglev"].contains(&balance) { keys } else { keys.replace("hash_on = \"path\"\n", "") };
    let rate = (12 * endpoints as u64).min(60) * if day == Day::RetryStorm { 2 } else { 1 };
    let recovery = if balance == "least_time" { FORGOTTEN } else { RECOVERY };
    let mut world = World::new(super::upstream(&keys), spells, (rate, last + recovery), seed);
    world.run();
    assert!(world.all_well(), "an endpoint has not recovered: {:?}", world.outcomes.ejections);
    let outcomes = std::mem::take(&mut world.outcomes);
    recovered(&outcomes, world.endpoints(), balance == "least_time");
    Lived { day, balance, endpoints, probed, outcomes, spells: (first, last) }
}

/// In the last seconds each endpoint has about as much as the others; where speed decides, something.
fn recovered(outcomes: &Outcomes, endpoints: usize, by_speed: bool) {
    let fair = outcomes.late.iter().sum::<u64>() / endpoints as u64;
    // Chance makes three standard deviations of it once in a while, and six never.
    let least = (fair as f64 - 6.0 * (fair as f64).sqrt()).max(1.0);
    let enough = outcomes.late.iter().filter(|one| **one as f64 >= if by_speed { 1.0 } else { least }).count();
    // The slowest of many may have nothing for some seconds, and be well.
    let all = if by_speed { endpoints - endpoints / 8 } else { endpoints };
    assert!(fair > 5 && enough >= all, "{:?}", outcomes.late);
}

impl Lived {
    /// What a client of this day may see.
    fn check(&self) {
        let Outcomes { lost, ejections, .. } = &self.outcomes;
        if self.day == Day::OneBad {
            self.check_one_bad();
        }
        let wrong = lost.iter().any(|one| one.idempotent && one.why == "method");
        assert!(!wrong, "what may be sent twice was not: {lost:?}");
        let hopeless = [Day::RetryStorm, Day::MassDeath, Day::Mixed];
        if !hopeless.contains(&self.day) {
            let idempotent = || lost.iter().filter(|one| one.idempotent);
            assert!(idempotent().all(|one| one.why == "budget"), "a client was not spared: {lost:?}");
            // The budget of retries holds on every day; once in a great many days chance brings more failures at a time than it allows.
            assert!(idempotent().count() <= 2, "the budget spared too few: {lost:?}");
        }
        // Whatever happened, it is over when it is over: the longest attempt of all has its time, and one that is let in on trial fails.
        let late = lost.iter().filter(|one| one.begun > self.spells.1 + SECOND);
        assert_eq!(late.count(), 0, "{lost:?}");
        let trouble = ejections.iter().all(|(at, ..)| *at >= self.spells.0);
        assert!(trouble, "an endpoint was ejected on a good day: {ejections:?}");
    }

    /// While it is ejected nobody is lost; before, at most those that were not to be sent twice.
    fn check_one_bad(&self) {
        let Outcomes { lost, ejections, .. } = &self.outcomes;
        // Who chooses by speed may have had enough of it after the first failure.
        let avoided = self.probed || self.balance == "least_time";
        assert!(avoided || !ejections.is_empty(), "nobody ejected the bad one");
        let Some((at, _, reason)) = ejections.first() else { return };
        assert_ne!(*reason, Reason::Latency);
        let during = |begun: u64| (*at..*at + 3 * SECOND).contains(&begun);
        let while_out: Vec<_> = lost.iter().filter(|one| during(one.begun)).collect();
        assert!(while_out.is_empty(), "{while_out:?}");
    }
}

/// Sums over all days of a kind.
#[derive(Debug, Default)]
struct Sums {
    days: u64,
    requests: u64,
    retries: u64,
    refused: u64,
    panics: u64,
    ejections: BTreeMap<&'static str, u64>,
}

#[test]
fn a_simulation_of_bad_days() {
    let one = std::env::var("TIDEGATE_SEED").ok().map(|seed| seed.parse::<u64>().expect("TIDEGATE_SEED is a number"));
    if let Some(seed) = one {
        let _tells = Tells(seed, "checked".to_owned());
        live(seed).check();
        return;
    }
    let chance = RandomState::new().hash_one(0) >> 16;
    let (sums, begun) = (Mutex::new(BTreeMap::<String, Sums>::new()), Instant::now());
    let next = std::sync::atomic::AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
                    if number >= FIXED + FEWEST && begun.elapsed() > TIME {
                        break;
                    }
                    let seed = if number < FIXED { number } else { chance.wrapping_add(number) };
                    let tells = Tells(seed, "checked".to_owned());
                    let lived = live(seed);
                    lived.check();
                    drop(tells);
                    let mut sums = sums.lock().expect("no other one has failed");
                    add(sums.entry(format!("{:?}", lived.day)).or_default(), &lived);
                    add(sums.entry(lived.balance.to_owned()).or_default(), &lived);
                    add(sums.entry(if lived.endpoints > 9 { "many" } else { "few" }.to_owned()).or_default(), &lived);
                }
            });
        }
    });
    let sums = sums.into_inner().expect("nobody failed");
    println!("{} days in {:?}", next.into_inner(), begun.elapsed());
    bad_enough(&sums);
}

fn add(sums: &mut Sums, lived: &Lived) {
    let Outcomes { requests, retries, refused_by_budget, panics, ejections, .. } = &lived.outcomes;
    sums.days += 1;
    sums.requests += requests;
    sums.retries += retries;
    sums.refused += refused_by_budget;
    sums.panics += panics;
    ejections.iter().for_each(|(.., reason)| *sums.ejections.entry(reason.label()).or_default() += 1);
}

/// The days were what they are called: the parts that are under test had something to do.
fn bad_enough(sums: &BTreeMap<String, Sums>) {
    println!("{sums:?}");
    let of = |name: &str| sums.get(name).unwrap_or_else(|| panic!("no day of {name}"));
    let ejected = |name: &str, reason: &str| of(name).ejections.get(reason).copied().unwrap_or(0);
    assert!(BALANCES.iter().all(|balance| of(balance).requests > 1000));
    assert!(of("few").days > 0 && of("many").days > 0);
    assert!(ejected("OneBad", "gateway_failures") > 0 && ejected("Flapping", "gateway_failures") > 0);
    assert!(ejected("BrownOut", "success_rate") > 0 && ejected("Gray", "latency") > 0);
    assert!(of("RetryStorm").refused > 0, "the budget was never used up");
    assert!(of("RetryStorm").retries * 2 < of("RetryStorm").requests, "retries multiplied the load");
    assert!(of("MassDeath").panics > 0, "nobody had to panic");
}
