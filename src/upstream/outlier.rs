//! Outlier detection: an endpoint is kept out for what its exchanges came to. Pure: seats, rules and the time in, ejections out.
//!
//! | sign | ejected | looks |
//! |---|---|---|
//! | failures of the gateway kind in a row: no connection, reset, timeout, 502, 503, 504 | at once | workers, at each outcome |
//! | success rate: it fails more often than the others | at the next comparison | the control thread, each `interval` |
//! | latency: it answers, but much slower than the others ("gray" failure) | at the second comparison in a row | likewise |
//! | latency, too: another endpoint that was asked beside it (a hedge) was quicker, 30 times in a row | at once | workers |
//!
//! Comparisons are with the *other* endpoints, of which there must be two at least, each with enough requests; so one bad endpoint does not
//! spoil the measure that it is held against. Counts that are too small for a comparison wait for the next ones, a minute at most.
//!
//! The first ejection lasts `base_ejection`, the n-th one n times that, up to `max_ejection`; for each `base_ejection` without one n is one
//! less. At most `max_ejected` of the endpoints are out at a time, but one in any case; and never the last usable one.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use super::candidates::{Rules, Seat};
use super::record::{Reason, Window};
use super::{Endpoint, Moment};
use crate::config::model::Outlier;
use crate::observe::log;

/// How many standard deviations of the others' success rates an endpoint must be below their mean (Envoy's 1.9).
const DEVIATIONS: f64 = 1.9;
/// Comparisons that a window may be too small for.
const OLDEST: u32 = 6;
/// Comparisons of latency in a row that an endpoint must lose: one may be a pause.
const SLOW: u32 = 2;
/// Attempts in a row that lose to a hedge. Of those of a healthy endpoint one in twenty does, so that is no chance.
const OUTRUN: u32 = 30;
/// Endpoints that a comparison needs.
const GROUP: usize = 3;

/// What an attempt came to, as far as it says something about the endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It answered with that status.
    Answered(u16),
    /// No connection, a reset, no answer in time, or one that cannot be read.
    Failed,
    /// Another endpoint that was asked beside it answered first, and this attempt was cancelled.
    Outrun,
}

/// An endpoint that was ejected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ejection {
    /// Its place.
    pub place: usize,
    /// Why.
    pub reason: Reason,
    /// For how long.
    pub time: Duration,
}

impl Ejection {
    /// Tells the log, once.
    pub fn tell(&self, seats: &[Seat]) {
        let endpoint = &seats[self.place].endpoint;
        let fields = [
            ("upstream", (&*endpoint.identity.upstream).into()),
            ("endpoint", (&*endpoint.label).into()),
            ("reason", self.reason.label().into()),
            ("seconds", self.time.as_secs().into()),
        ];
        log::warn("endpoint ejected", &fields);
    }
}

/// Takes the outcome of an attempt that took so long to its first byte. Gives back the ejection that follows from it.
pub fn report(
    (seats, rules): (&[Seat], &Outlier),
    endpoint: &Endpoint,
    outcome: Outcome,
    took: Duration,
    clock: impl FnOnce() -> Moment,
) -> Option<Ejection> {
    if !rules.enabled {
        return None;
    }
    let (in_a_row, most, reason) = match outcome {
        Outcome::Answered(502..=504) | Outcome::Failed => {
            (endpoint.record.gateway_failure(), rules.consecutive_failures, Reason::GatewayFailures)
        }
        Outcome::Outrun => {
            let most = if rules.latency { OUTRUN } else { 0 };
            (endpoint.record.outrun(took), most, Reason::Latency)
        }
        Outcome::Answered(500..) => {
            endpoint.record.error();
            return None;
        }
        Outcome::Answered(_) => {
            endpoint.record.answered(took);
            return None;
        }
    };
    if most == 0 || in_a_row < most {
        return None;
    }
    let place = seats.iter().position(|seat| std::ptr::eq(&*seat.endpoint, endpoint))?;
    eject(seats, rules, place, reason, clock())
}

/// Ends what is over: ejections, slow starts, and the memory of ejections. Gives back the places that are back.
pub fn settle(seats: &[Seat], rules: &Outlier, candidates: &Rules, now: Moment) -> Vec<usize> {
    let mut back = Vec::new();
    for (place, seat) in seats.iter().enumerate() {
        let (standing, record) = (&seat.endpoint.standing, &seat.endpoint.record);
        if standing.readmit(now) {
            record.begin_anew();
            record.ejections_since.store(standing.ejected_until().micros(), Relaxed);
            back.push(place);
        }
        let over = |since: Moment| candidates.slow_start.is_none_or(|window| now.since(since) >= window);
        if !standing.ejected(now) && standing.ramp_since(now).is_some_and(over) {
            standing.end_ramp();
        }
        let since = Moment::from_micros(record.ejections_since.load(Relaxed));
        if record.ejections.load(Relaxed) > 0 && !standing.ejected(now) && now.since(since) >= rules.base_ejection {
            record.ejections.fetch_sub(1, Relaxed);
            record.ejections_since.store(now.micros(), Relaxed);
        }
    }
    back
}

/// Compares the endpoints with each other. `comparable` says whether they get the same kind of requests: where a key chooses they do not, and
/// their latencies say nothing.
pub fn compare(seats: &[Seat], rules: &Outlier, comparable: bool, now: Moment) -> Vec<Ejection> {
    if !rules.enabled {
        return Vec::new();
    }
    let windows: Vec<_> = seats.iter().map(|seat| seat.endpoint.record.window()).collect();
    let mut found = Vec::new();
    if rules.success_rate {
        found.extend(failing(seats, &windows, rules, now).into_iter().map(|place| (place, Reason::SuccessRate)));
    }
    if rules.latency && comparable {
        found.extend(slow(seats, &windows, rules, now).into_iter().map(|place| (place, Reason::Latency)));
    }
    for (seat, window) in seats.iter().zip(&windows) {
        let record = &seat.endpoint.record;
        let rate = !rules.success_rate || window.attempts >= rules.success_rate_requests;
        let latency = !rules.latency || window.attempts >= rules.latency_requests;
        if rate && latency || record.age.fetch_add(1, Relaxed) + 1 >= OLDEST {
            record.forget();
        }
    }
    found.into_iter().filter_map(|(place, reason)| eject(seats, rules, place, reason, now)).collect()
}

/// Those whose success rate is too far below the mean of the others, the worst first.
fn failing(seats: &[Seat], windows: &[Window], rules: &Outlier, now: Moment) -> Vec<usize> {
    let counts = |place: &usize| {
        windows[*place].attempts >= rules.success_rate_requests && seats[*place].endpoint.standing.usable(now)
    };
    let rates: Vec<(usize, f64)> = (0..seats.len())
        .filter(counts)
        .map(|place| (place, 1.0 - f64::from(windows[place].failed) / f64::from(windows[place].attempts)))
        .collect();
    if rates.len() < GROUP {
        return Vec::new();
    }
    let others = (rates.len() - 1) as f64;
    let (sum, squares) = rates.iter().fold((0.0, 0.0), |(sum, squares), (_, rate)| (sum + rate, squares + rate * rate));
    let too_low = |(_, rate): &&(usize, f64)| {
        let mean = (sum - rate) / others;
        let deviation = ((squares - rate * rate) / others - mean * mean).max(0.0).sqrt();
        *rate < mean - (DEVIATIONS * deviation).max(f64::from(rules.success_rate_margin) / 100.0)
    };
    let mut failing: Vec<_> = rates.iter().filter(too_low).copied().collect();
    failing.sort_by(|(_, one), (_, other)| one.total_cmp(other));
    failing.into_iter().map(|(place, _)| place).collect()
}

/// Those whose median is too far above the median of the others' medians, for the second time in a row, the slowest first.
fn slow(seats: &[Seat], windows: &[Window], rules: &Outlier, now: Moment) -> Vec<usize> {
    let fresh = |place: &usize| {
        let (window, record) = (&windows[*place], &seats[*place].endpoint.record);
        let more = window.attempts.saturating_sub(record.compared.load(Relaxed)) >= rules.latency_requests;
        more && window.median > 0 && seats[*place].endpoint.standing.usable(now)
    };
    let mut medians: Vec<(usize, u64)> =
        (0..seats.len()).filter(fresh).map(|place| (place, windows[place].median)).collect();
    if medians.len() < GROUP {
        return Vec::new();
    }
    medians.sort_by_key(|(_, median)| *median);
    let margin = super::moment::micros(rules.latency_margin);
    let mut slow = Vec::new();
    for (rank, (place, median)) in medians.iter().enumerate() {
        // The lower middle one of the others: this one is cut out.
        let middle = (medians.len() - 2) / 2;
        let (_, of_others) = medians[if rank <= middle { middle + 1 } else { middle }];
        let record = &seats[*place].endpoint.record;
        record.compared.store(windows[*place].attempts, Relaxed);
        let loses = *median > of_others.saturating_mul(u64::from(rules.latency_factor)) && *median > of_others + margin;
        let in_a_row = if loses { record.slow.load(Relaxed) + 1 } else { 0 };
        record.slow.store(in_a_row, Relaxed);
        if in_a_row >= SLOW {
            slow.push(*place);
        }
    }
    slow.reverse();
    slow
}

/// Ejects an endpoint, unless it is out already, or too many are, or no other would be left.
fn eject(seats: &[Seat], rules: &Outlier, place: usize, reason: Reason, now: Moment) -> Option<Ejection> {
    let Endpoint { standing, record, .. } = &*seats[place].endpoint;
    let allowed = (seats.len() * rules.max_ejected as usize / 100).max(1);
    let ejected = || seats.iter().filter(|seat| seat.endpoint.standing.ejected(now)).count();
    let other_left = || {
        let others = seats.iter().enumerate().filter(|(other, _)| *other != place);
        others.into_iter().any(|(_, seat)| seat.endpoint.standing.usable(now))
    };
    if standing.ejected(now) || ejected() >= allowed || !other_left() {
        return None;
    }
    let times = record.ejections.load(Relaxed).saturating_add(1);
    let time = rules.base_ejection.saturating_mul(times).min(rules.max_ejection.max(rules.base_ejection));
    standing.eject(now.after(time), reason.label());
    if ejected() > allowed || !other_left() {
        // Another worker ejected another one in this moment. The next failure asks again.
        standing.pardon();
        return None;
    }
    record.ejections.store(times, Relaxed);
    record.ejections_since.store(now.after(time).micros(), Relaxed);
    record.begin_anew();
    record.count(reason);
    Some(Ejection { place, reason, time })
}

#[cfg(test)]
mod tests {
    use super::super::candidates::seats;
    use super::super::standing::Verdict;
    use super::*;

    const RULES: Outlier = Outlier::PLAIN;
    const CANDIDATES: Rules = Rules { slow_start: None, panic_threshold: 50, max_connections: 0 };
    const MS: Duration = Duration::from_millis(1);

    fn at(seconds: u64) -> Moment {
        Moment::from_micros(1_000_000 * (1000 + seconds))
    }

    fn tell(seats: &[Seat], place: usize, outcomes: &[Outcome], now: Moment) -> Vec<Ejection> {
        let one = |outcome: &Outcome| report((seats, &RULES), &seats[place].endpoint, *outcome, MS, || now);
        outcomes.iter().filter_map(one).collect()
    }

    /// So many answers that took so long, and so many that are 500.
    fn answers(seats: &[Seat], place: usize, (good, bad): (u32, u32), took: Duration) {
        let endpoint = &seats[place].endpoint;
        for _ in 0..good {
            report((seats, &RULES), endpoint, Outcome::Answered(200), took, || at(0));
        }
        for _ in 0..bad {
            report((seats, &RULES), endpoint, Outcome::Answered(500), took, || at(0));
        }
    }

    #[test]
    fn failures_in_a_row_eject_at_once_and_longer_each_time() {
        let seats = seats(3);
        use Outcome::{Answered, Failed};
        assert_eq!(tell(&seats, 0, &[Failed, Failed, Answered(502), Answered(503)], at(0)), []);
        assert_eq!(tell(&seats, 0, &[Answered(200)], at(0)), []);
        let five = [Failed, Answered(504), Failed, Answered(503), Failed];
        let mut now = at(0);
        for seconds in [30, 60, 90, 120, 150, 180, 210, 240, 270, 300, 300] {
            let time = Duration::from_secs(seconds);
            let ejection = Ejection { place: 0, reason: Reason::GatewayFailures, time };
            assert_eq!(tell(&seats, 0, &five, now), [ejection]);
            assert!(!seats[0].endpoint.standing.usable(now));
            assert_eq!(tell(&seats, 0, &five, now), [], "it is out already");
            assert!(settle(&seats, &RULES, &CANDIDATES, now.after(time - MS)).is_empty());
            now = now.after(time);
            assert_eq!(settle(&seats, &RULES, &CANDIDATES, now), [0]);
            assert!(seats[0].endpoint.standing.is_plain(), "no slow start is set");
        }
        assert_eq!(seats[0].endpoint.record.ejections(Reason::GatewayFailures), 11);
        // Good behaviour is remembered: one less for each 30 seconds.
        for _ in 0..11 {
            now = now.after(Duration::from_secs(30));
            settle(&seats, &RULES, &CANDIDATES, now);
        }
        assert_eq!(tell(&seats, 0, &five, now)[0].time, Duration::from_secs(30));
    }

    #[test]
    fn one_that_always_loses_to_a_hedge_is_ejected_and_one_that_sometimes_does_is_not() {
        let seats = seats(3);
        let lose = |count: u32| tell(&seats, 0, &vec![Outcome::Outrun; count as usize], at(0));
        assert_eq!(lose(OUTRUN - 1), []);
        assert_eq!(tell(&seats, 0, &[Outcome::Answered(200)], at(0)), []);
        assert_eq!(lose(OUTRUN - 1), [], "not in a row");
        let ejection = Ejection { place: 0, reason: Reason::Latency, time: RULES.base_ejection };
        assert_eq!(lose(1), [ejection]);
        let off = Outlier { latency: false, ..RULES };
        for _ in 0..9 * OUTRUN {
            assert_eq!(report((&seats, &off), &seats[1].endpoint, Outcome::Outrun, MS, || at(0)), None);
        }
    }

    #[test]
    fn answers_of_the_service_itself_are_no_gateway_failures() {
        let seats = seats(3);
        for status in [200, 404, 500, 501, 505] {
            let outcomes = vec![Outcome::Answered(status); 50];
            assert_eq!(tell(&seats, 0, &outcomes, at(0)), [], "{status}");
        }
        let off = Outlier { enabled: false, ..RULES };
        let none = Outlier { consecutive_failures: 0, ..RULES };
        for rules in [off, none] {
            for _ in 0..20 {
                assert_eq!(report((&seats, &rules), &seats[0].endpoint, Outcome::Failed, MS, || at(0)), None);
            }
        }
    }

    #[test]
    fn a_share_is_ejected_at_most_but_one_in_any_case_and_never_the_last() {
        for (count, allowed) in [(1, 0), (2, 1), (3, 1), (10, 1), (20, 2), (35, 3)] {
            let seats = seats(count);
            let dead = (0..count).map(|place| tell(&seats, place, &[Outcome::Failed; 9], at(0)).len());
            assert_eq!(dead.sum::<usize>(), allowed, "{count}");
        }
        let seats = seats(2);
        seats[1].endpoint.standing.set_probe(Verdict::Down, "t", at(0));
        assert_eq!(tell(&seats, 0, &[Outcome::Failed; 9], at(0)), [], "it is the last usable one");
    }

    #[test]
    fn success_rates() {
        // (good, bad) of each endpoint, and who is ejected.
        type Case = (&'static [(u32, u32)], Option<usize>);
        let cases: [Case; 9] = [
            (&[(100, 0), (100, 0), (50, 50)], Some(2)),
            (&[(100, 0), (100, 0), (92, 8)], None), // within the margin
            (&[(100, 0), (100, 0), (88, 12)], Some(2)),
            (&[(100, 0), (50, 50)], None),                     // two are no group
            (&[(100, 0), (100, 0), (49, 50)], None),           // too few requests
            (&[(50, 50), (50, 50), (50, 50)], None),           // all the same: it is not the endpoint
            (&[(0, 100), (0, 100), (100, 0)], None),           // most are bad: nothing stands out
            (&[(100, 0), (60, 40), (90, 10), (55, 45)], None), // the others differ as much
            (&[(99, 1), (98, 2), (97, 3), (100, 0), (40, 60)], Some(4)),
        ];
        for (counts, expected) in cases {
            let seats = seats(counts.len());
            for (place, counts) in counts.iter().enumerate() {
                answers(&seats, place, *counts, MS);
            }
            let found = compare(&seats, &RULES, true, at(10));
            assert_eq!(found.first().map(|found| found.place), expected, "{counts:?}");
            assert!(found.iter().all(|found| found.reason == Reason::SuccessRate));
        }
    }

    #[test]
    fn a_slow_endpoint_is_ejected_at_the_second_comparison() {
        // Milliseconds of each endpoint, and who is ejected.
        type Case = (&'static [u64], Option<usize>);
        let cases: [Case; 7] = [
            (&[2, 2, 502], Some(2)),
            (&[2, 502, 2], Some(1)),
            (&[1, 1, 80], None),      // less than the margin
            (&[200, 200, 700], None), // less than four times
            (&[200, 200, 1100], Some(2)),
            (&[2, 502], None),         // two are no group
            (&[2, 2, 502, 502], None), // each of the slow ones has one beside it; but see the median
        ];
        for (millis, expected) in cases {
            let seats = seats(millis.len());
            let all = |count| {
                for (place, millis) in millis.iter().enumerate() {
                    answers(&seats, place, (count, 0), Duration::from_millis(*millis));
                }
            };
            all(29);
            assert_eq!(compare(&seats, &RULES, true, at(10)), [], "too few");
            all(30);
            assert_eq!(compare(&seats, &RULES, true, at(20)), [], "once may be a pause");
            all(50);
            let found = compare(&seats, &RULES, true, at(30));
            if millis.len() < 4 {
                assert_eq!(found.first().map(|found| found.place), expected, "{millis:?}");
            } else {
                // The lower middle of three others is a fast one: the slow ones go, one at a time.
                assert_eq!(found.len(), 1, "{millis:?}");
            }
            assert!(found.iter().all(|found| found.reason == Reason::Latency));
        }
    }

    #[test]
    fn latencies_are_not_compared_where_keys_choose_nor_twice_the_same() {
        let seats = seats(3);
        for (place, millis) in [2, 2, 502].into_iter().enumerate() {
            answers(&seats, place, (40, 0), Duration::from_millis(millis));
        }
        for round in 0..3 {
            assert_eq!(compare(&seats, &RULES, false, at(10 * round)), [], "not comparable");
        }
        for round in 3..5 {
            assert_eq!(compare(&seats, &RULES, true, at(10 * round)), [], "nothing new has come in");
        }
    }

    #[test]
    fn counts_that_are_too_small_are_forgotten_in_the_end() {
        let seats = seats(3);
        (0..3).for_each(|place| answers(&seats, place, (20, 0), MS));
        for round in 1..=OLDEST {
            assert_eq!(seats[0].endpoint.record.window().attempts, 20, "{round}");
            compare(&seats, &RULES, true, at(10));
        }
        assert_eq!(seats[0].endpoint.record.window().attempts, 0);
    }
}
