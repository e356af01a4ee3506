//! A world without sockets and clocks: requests come, endpoints answer or do not, time goes from event to event.
//!
//! What it checks against is its own bookkeeping, made from what the parts said, and not what they remember of it.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::super::balance::Draw;
use super::super::choice::Choice;
use super::super::group::Reach;
use super::super::health::Health;
use super::super::outlier::{Ejection, Outcome, compare, report, settle};
use super::super::plan::Plan;
use super::super::record::Reason;
use super::super::retry::{Budget, Course, Failed, Next, RetryPolicy, Token, Where};
use super::super::standing::Verdict;
use super::super::{InFlight, Moment, candidates::Tried};
use super::faults::{Ailment, MS, SECOND, Spell};
use crate::config::model;
use crate::http::Headers;
use crate::http::key::KeySource;
use crate::observe::{Cause, NotRetried};

/// How often the control thread looks.
const LOOK: u64 = 200 * MS;
/// How long a request may take as a whole.
const PATIENCE: Duration = Duration::from_secs(8);

/// What may happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrival,
    /// The attempt of a request is over, however.
    Done(u64),
    /// It asks for a place in the budget again.
    Ask(u64),
    /// Its back-off is over.
    Again(u64),
    Look,
    Probe(usize),
}

/// A request on its way.
struct Request {
    begun: u64,
    idempotent: bool,
    key: String,
    course: Course,
    tried: Tried,
    token: Option<Token>,
    attempt: Option<Attempt>,
    /// What the last attempt failed for, and what is to come then.
    next: Option<(Cause, Where, Duration)>,
}

struct Attempt {
    place: usize,
    _in_flight: InFlight,
    begun: u64,
    /// What was to come of it when it began.
    outcome: Result<u16, Cause>,
}

/// A request that a client did not get an answer to.
#[derive(Clone, Debug)]
pub(super) struct Lost {
    pub(super) begun: u64,
    pub(super) idempotent: bool,
    pub(super) why: String,
}

/// What came of it all.
#[derive(Debug, Default)]
pub(super) struct Outcomes {
    pub(super) requests: u64,
    pub(super) answered: u64,
    pub(super) lost: Vec<Lost>,
    pub(super) retries: u64,
    pub(super) refused_by_budget: u64,
    pub(super) panics: u64,
    pub(super) ejections: Vec<(u64, usize, Reason)>,
    /// Attempts since the settled time, by place.
    pub(super) late: Vec<u64>,
}

/// The whole of it.
pub(super) struct World {
    now: u64,
    base: Instant,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    sequence: u64,
    draw: Draw,
    upstream: model::Upstream,
    plan: Arc<Plan>,
    workers: Vec<Choice>,
    policy: RetryPolicy,
    budget: Arc<Budget>,
    probes: Vec<Health>,
    spells: Vec<Spell>,
    requests: BTreeMap<u64, Request>,
    /// Between two arrivals, in the middle.
    pace: u64,
    arrivals_until: u64,
    settled: u64,
    compare_at: u64,
    ejected_until: Vec<u64>,
    down: Vec<bool>,
    pub(super) outcomes: Outcomes,
}

impl World {
    /// With load of so many requests a second until then.
    pub(super) fn new(upstream: model::Upstream, spells: Vec<Spell>, (rate, until): (u64, u64), seed: u64) -> Self {
        let plan = super::plan(&upstream, None, None);
        let (count, base) = (plan.seats.len(), Instant::now());
        let mut world = Self {
            now: SECOND / 1000,
            base,
            events: BinaryHeap::new(),
            sequence: 0,
            draw: Draw::new(crate::http::key::mix(seed)),
            workers: (0..2).map(|worker| Choice::new(plan.clone(), seed ^ worker)).collect(),
            policy: RetryPolicy::compile(&upstream.retry),
            budget: Arc::default(),
            probes: vec![Health::begin(Verdict::Unknown, base); count],
            spells,
            requests: BTreeMap::new(),
            pace: SECOND / rate,
            arrivals_until: until,
            settled: until.saturating_sub(if upstream.balance == model::Balance::LeastTime { 20 } else { 6 } * SECOND),
            compare_at: 0,
            ejected_until: vec![0; count],
            down: vec![false; count],
            outcomes: Outcomes { late: vec![0; count], ..Outcomes::default() },
            plan,
            upstream,
        };
        world.compare_at = world.after(world.upstream.outlier.interval);
        world.put(0, Event::Arrival);
        world.put(LOOK, Event::Look);
        let probed = world.upstream.health.is_some();
        (0..count).filter(|_| probed).for_each(|place| world.put(place as u64 * MS, Event::Probe(place)));
        world
    }

    /// To the end of all requests; then nothing is held any more.
    pub(super) fn run(&mut self) {
        while let Some(Reverse((at, _, event))) = self.events.pop() {
            assert!(at >= self.now, "time goes on");
            self.now = at;
            self.happen(event);
            self.check();
        }
        assert!(self.requests.is_empty(), "a request without an end");
        let seats = &self.plan.seats;
        assert!(seats.iter().all(|seat| seat.endpoint.in_flight() == 0), "something runs that nobody began");
        assert_eq!(self.budget.taken(), 0, "a place in the budget is lost");
        let Outcomes { requests, answered, lost, .. } = &self.outcomes;
        assert_eq!(*requests, answered + lost.len() as u64, "each request ends once");
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrival => self.arrive(),
            Event::Done(id) => self.done(id),
            Event::Ask(id) => self.ask(id),
            Event::Again(id) => self.again(id),
            Event::Look => self.look(),
            Event::Probe(place) => self.probe(place),
        }
    }

    fn put(&mut self, after: u64, event: Event) {
        self.sequence += 1;
        self.events.push(Reverse((self.now + after, self.sequence, event)));
    }

    fn after(&self, time: Duration) -> u64 {
        self.now + time.as_micros() as u64
    }

    fn moment(&self) -> Moment {
        Moment::from_micros(self.now)
    }

    fn instant(&self, at: u64) -> Instant {
        self.base + Duration::from_micros(at)
    }

    /// A time that is that long in the middle (geometric, cut at ten times as much).
    fn about(&mut self, mean: u64) -> u64 {
        let part = (self.draw.below(1_000_000) + 1) as f64 / 1_000_001.0;
        ((-part.ln() * mean as f64) as u64).min(10 * mean).max(1)
    }

    fn arrive(&mut self) {
        let next = self.about(self.pace);
        if self.now + next < self.arrivals_until {
            self.put(next, Event::Arrival);
        }
        self.outcomes.requests += 1;
        let id = self.outcomes.requests;
        let request = Request {
            begun: self.now,
            idempotent: self.draw.below(10) > 0,
            key: format!("/{}", self.draw.below(1000)),
            course: Course::default(),
            tried: Tried::default(),
            token: None,
            attempt: None,
            next: None,
        };
        self.requests.insert(id, request);
        self.attempt(id, Reach::Usable);
    }

    /// Chooses, checks the choice, and begins an attempt.
    fn attempt(&mut self, id: u64, reach: Reach) {
        let (now, headers) = (self.moment(), Headers::new());
        let request = self.requests.get_mut(&id).expect("it is on its way");
        request.attempt = None;
        let source = KeySource { client: None, target: &request.key, headers: &headers };
        let worker = &self.workers[(id % 2) as usize];
        let usable = worker.choose(&source, request.tried, || now);
        let again = || if reach == Reach::All { worker.choose(&source, Tried::default(), || now) } else { None };
        let chosen = usable.or_else(again);
        let rest = || if reach == Reach::Usable { None } else { worker.choose_rest(&source, request.tried, now) };
        let Some(place) = chosen.or_else(rest) else {
            self.lose(id, "no endpoint");
            return;
        };
        request.tried.add(place);
        if chosen.is_some() {
            self.check_choice(place);
        }
        let in_flight = InFlight::begin(&self.plan.seats[place].endpoint);
        let (time, outcome) = self.fate(place);
        self.outcomes.late[place] += u64::from(self.now >= self.settled);
        let attempt = Attempt { place, _in_flight: in_flight, begun: self.now, outcome };
        self.requests.get_mut(&id).expect("it is on its way").attempt = Some(attempt);
        self.put(time, Event::Done(id));
    }

    /// Nobody who is down or ejected gets a request, unless there is a panic; and when that is, nobody needs to be told.
    fn check_choice(&mut self, place: usize) {
        let usable = |place: usize| !self.down[place] && self.ejected_until[place] <= self.now;
        let count = (0..self.down.len()).filter(|place| usable(*place)).count();
        let panic = count * 100 < self.down.len() * self.upstream.spread.panic_threshold as usize;
        self.outcomes.panics += u64::from(panic);
        let (down, until) = (self.down[place], self.ejected_until[place]);
        assert!(panic || usable(place), "{place} gets a request: down {down}, ejected until {until}, {count} usable");
    }

    fn ailment(&self, place: usize) -> Option<Ailment> {
        let holds = |spell: &&Spell| spell.place == place && (spell.from..spell.until).contains(&self.now);
        self.spells.iter().find(holds).map(|spell| spell.ailment)
    }

    /// How long an attempt takes that begins now, and what comes of it.
    fn fate(&mut self, place: usize) -> (u64, Result<u16, Cause>) {
        let try_timeout = self.policy.try_timeout.map_or(SECOND, |time| time.as_micros() as u64);
        match self.ailment(place) {
            None => (self.about(10 * MS), Ok(if self.draw.below(2000) == 0 { 500 } else { 200 })),
            Some(Ailment::BrownOut(percent)) => {
                let fails = self.draw.below(100) < percent;
                (self.about(30 * MS), if fails { Err(Cause::Status503) } else { Ok(200) })
            }
            Some(Ailment::Gray(late)) if late >= try_timeout => (try_timeout, Err(Cause::Timeout)),
            Some(Ailment::Gray(late)) => (late + self.about(10 * MS), Ok(200)),
            Some(Ailment::Dead) => (200, Err(Cause::Connect)),
            Some(Ailment::Silent) => (try_timeout, Err(Cause::Timeout)),
            Some(Ailment::Resets) => (self.about(5 * MS), Err(Cause::Reset)),
        }
    }

    fn done(&mut self, id: u64) {
        let request = self.requests.get_mut(&id).expect("it is on its way");
        let Attempt { place, begun, outcome, .. } = request.attempt.as_ref().expect("it runs");
        let (place, begun, outcome) = (*place, *begun, *outcome);
        // One that dies takes with it what runs on it.
        let died = self.ailment(place) == Some(Ailment::Dead);
        let outcome = if died && outcome.is_ok() { Err(Cause::Reset) } else { outcome };
        let means = match outcome {
            Ok(status) => Outcome::Answered(status),
            Err(Cause::Status503) => Outcome::Answered(503),
            Err(_) => Outcome::Failed,
        };
        let (took, now) = (Duration::from_micros(self.now - begun), self.moment());
        let endpoint = self.plan.seats[place].endpoint.clone();
        endpoint.speed.observe(if outcome.is_err() { took.max(Duration::from_secs(1)) } else { took }, now);
        let ejection = report((&self.plan.seats, &self.plan.outlier), &endpoint, means, took, || now);
        ejection.into_iter().for_each(|ejection| self.ejected(&ejection));
        match outcome {
            Ok(_) => {
                self.outcomes.answered += 1;
                self.requests.remove(&id);
            }
            Err(cause) => self.failed(id, cause),
        }
    }

    fn failed(&mut self, id: u64, cause: Cause) {
        let (now, draw) = (self.instant(self.now), &mut self.draw);
        let request = self.requests.get_mut(&id).expect("it is on its way");
        let until = self.base + Duration::from_micros(request.begun) + PATIENCE;
        let failed = Failed { cause, repeatable: request.idempotent, whole: true, fresh: true };
        match request.course.after(&self.policy, failed, (now, Some(until)), |below| draw.below(below)) {
            Next::Stop(why) => self.lose(id, why.map_or("not retried", NotRetried::label)),
            Next::Again { place, after, budget } => {
                request.next = Some((cause, place, after));
                if budget { self.ask(id) } else { self.pause(id) }
            }
        }
    }

    /// The budget is of what is under way at this moment.
    fn ask(&mut self, id: u64) {
        let under_way = self.plan.seats.iter().map(|seat| seat.endpoint.in_flight()).sum();
        let allowed = self.policy.allowed(under_way);
        let now = self.instant(self.now);
        let request = self.requests.get_mut(&id).expect("it is on its way");
        if request.token.is_none() {
            request.token = self.budget.take(allowed);
            // Exchanges end and the share shrinks, but at the moment when a place is taken it holds.
            let taken = self.budget.taken();
            assert!(request.token.is_none() || taken <= allowed, "{taken} retries of {allowed}");
        }
        if request.token.is_some() {
            self.pause(id);
            let held = self.requests.values().filter(|request| request.token.is_some()).count();
            assert_eq!(held, self.budget.taken(), "places in the budget are those that are held");
            return;
        }
        self.outcomes.refused_by_budget += 1;
        assert!(self.budget.taken() >= allowed, "it was refused although there is room");
        let (until, draw) = (self.base + Duration::from_micros(request.begun) + PATIENCE, &mut self.draw);
        let (cause, ..) = request.next.expect("it failed");
        match request.course.over_budget(&self.policy, cause, (now, Some(until)), |below| draw.below(below)) {
            Ok(wait) => self.put(wait.as_micros() as u64, Event::Ask(id)),
            Err(why) => self.lose(id, why.label()),
        }
    }

    fn pause(&mut self, id: u64) {
        let (.., after) = self.requests[&id].next.expect("it failed");
        self.put(after.as_micros() as u64, Event::Again(id));
    }

    fn again(&mut self, id: u64) {
        self.outcomes.retries += 1;
        let (_, place, _) = self.requests[&id].next.expect("it failed");
        self.attempt(id, place.reach().expect("here every connection is a new one"));
    }

    fn lose(&mut self, id: u64, why: &str) {
        let Request { begun, idempotent, .. } = self.requests.remove(&id).expect("it is on its way");
        self.outcomes.lost.push(Lost { begun, idempotent, why: why.to_owned() });
    }

    fn look(&mut self) {
        let now = self.moment();
        for place in settle(&self.plan.seats, &self.plan.outlier, &self.plan.rules, now) {
            assert!(self.ejected_until[place] <= self.now, "{place} is back too early");
        }
        if self.now >= self.compare_at {
            self.compare_at = self.after(self.plan.outlier.interval);
            let found = compare(&self.plan.seats, &self.plan.outlier, self.plan.is_comparable(), now);
            found.iter().for_each(|ejection| self.ejected(ejection));
        }
        if self.now < self.arrivals_until || !self.requests.is_empty() {
            self.put(LOOK, Event::Look);
        }
    }

    /// At most the share that is allowed, but one in any case; and never all that are usable.
    fn ejected(&mut self, ejection: &Ejection) {
        let Ejection { place, reason, time } = ejection;
        let rules = &self.plan.outlier;
        assert!(self.ejected_until[*place] <= self.now, "{place} is ejected twice");
        assert!(*time <= rules.max_ejection.max(rules.base_ejection) && *time >= rules.base_ejection, "{time:?}");
        self.ejected_until[*place] = self.now + time.as_micros() as u64;
        let count = self.ejected_until.len();
        let out = self.ejected_until.iter().filter(|until| **until > self.now).count();
        let allowed = (count * rules.max_ejected as usize / 100).max(1);
        assert!(out <= allowed, "{out} of {count} are ejected");
        let usable = (0..count).any(|place| !self.down[place] && self.ejected_until[place] <= self.now);
        assert!(usable, "the last one that was usable is ejected");
        self.outcomes.ejections.push((self.now, *place, *reason));
    }

    fn probe(&mut self, place: usize) {
        let passes = match self.ailment(place) {
            None | Some(Ailment::Gray(_)) => true,
            Some(Ailment::BrownOut(percent)) => self.draw.below(100) >= percent,
            Some(Ailment::Dead | Ailment::Silent | Ailment::Resets) => false,
        };
        let plan = self.upstream.health.clone().expect("it is probed");
        let spread = self.draw.below(1000) as f64 / 1000.0;
        let at = self.instant(self.now);
        if let Some(verdict) = self.probes[place].record(passes, &plan, at, spread) {
            if std::mem::replace(&mut self.down[place], verdict == Verdict::Down) {
                // It was gone and is there again.
                self.ejected_until[place] = self.now;
            }
            self.plan.seats[place].endpoint.set_probe(verdict, "simulated", self.moment());
        }
        let due = self.probes[place].due().saturating_duration_since(at);
        assert!(due >= plan.interval.mul_f64(0.89) && due <= plan.interval.mul_f64(1.11), "{due:?}");
        if self.now < self.arrivals_until {
            self.put(due.as_micros() as u64, Event::Probe(place));
        }
    }

    /// After each event: what the endpoints say of themselves is what was said to them.
    fn check(&self) {
        let now = self.moment();
        for (place, seat) in self.plan.seats.iter().enumerate() {
            let standing = &seat.endpoint.standing;
            assert_eq!(standing.ejected(now), self.ejected_until[place] > self.now, "{place}");
            assert_eq!(standing.usable(now), !self.down[place] && self.ejected_until[place] <= self.now, "{place}");
        }
    }

    /// Whether nothing is to be said of any endpoint any more.
    pub(super) fn all_well(&self) -> bool {
        self.plan.seats.iter().all(|seat| seat.endpoint.standing.is_plain())
    }

    /// How many endpoints there are.
    pub(super) fn endpoints(&self) -> usize {
        self.plan.seats.len()
    }
}
