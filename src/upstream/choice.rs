//! A worker's choices among the endpoints of one upstream: the plan that all share, and what is this worker's own, chance and turns.
//!
//! Nearly always nothing is to be said of any endpoint. Then a choice looks at those only that it draws. As soon as it meets one that is
//! down, ejected, drained or starting, it asks [`super::candidates`], which looks at all.

use std::cell::RefCell;
use std::sync::Arc;

use super::Moment;
use super::balance::{self, Draw, RoundRobin, least_of_two, random};
use super::candidates::{Tier, Tried, admits, weigh, weigh_rest};
use super::plan::{Method, Plan};
use crate::http::key::{KeySource, mix};

/// Chooses.
#[derive(Debug)]
pub struct Choice {
    plan: Arc<Plan>,
    own: RefCell<Own>,
}

/// What one worker has for it.
#[derive(Debug)]
struct Own {
    robin: RoundRobin,
    draw: Draw,
    weights: Vec<u32>,
}

impl Choice {
    /// With a seed of this worker's own.
    pub fn new(plan: Arc<Plan>, seed: u64) -> Self {
        let own = Own { robin: RoundRobin::default(), draw: Draw::new(seed), weights: Vec::new() };
        Self { plan, own: RefCell::new(own) }
    }

    /// The plan.
    pub fn plan(&self) -> &Arc<Plan> {
        &self.plan
    }

    /// The place of the endpoint that takes a request, none that was tried already; `None` where no other may be used. `clock` is asked only
    /// where the time matters.
    pub fn choose(&self, source: &KeySource<'_>, tried: Tried, clock: impl Fn() -> Moment) -> Option<usize> {
        if let Some(sticky) = &self.plan.sticky
            && let Some(place) = sticky.place(source)
            && !tried.has(place)
            && admits(&self.plan.seats[place], clock())
        {
            return Some(place);
        }
        match self.quick(source, tried, &clock) {
            Some(place) => Some(place),
            None => self.among_all(source, tried, clock()).map(|(place, _)| place),
        }
    }

    /// A choice that has met nobody of whom something is to be said.
    fn quick(&self, source: &KeySource<'_>, tried: Tried, clock: &impl Fn() -> Moment) -> Option<usize> {
        let seats = &self.plan.seats;
        if self.plan.rules.slow_start.is_some() && seats.iter().any(|seat| seat.endpoint.standing.is_ramping()) {
            // Its weight is another one at each moment, and those of the front are not.
            return None;
        }
        let room = |place: usize| !self.plan.zoned || seats[place].has_room(&self.plan.rules);
        let fits = |place: usize| !tried.has(place) && seats[place].endpoint.standing.is_plain() && room(place);
        let (weights, shares) = &self.plan.front;
        if shares.len() <= 1 && !matches!(self.plan.method, Method::Hash { .. } | Method::Maglev { .. }) {
            // With one endpoint there is nothing to choose.
            return (!shares.is_empty()).then(|| shares.one(&mut |_| 0)).filter(|place| fits(*place));
        }
        let mut own = self.own.borrow_mut();
        let mut draw = |below| own.draw.below(below);
        match &self.plan.method {
            Method::RoundRobin => {
                let all = (0..seats.len()).all(|place| weights[place] == 0 || fits(place));
                if all { own.robin.next(weights) } else { None }
            }
            Method::Random => Some(shares.one(&mut draw)).filter(|place| fits(*place)),
            Method::LeastRequests => self.of_two(shares.two(&mut draw), fits, |place| self.load(place)),
            Method::LeastTime => {
                let two = shares.two(&mut draw);
                let now = clock();
                self.of_two(two, fits, |place| self.slowness(place, now))
            }
            Method::Maglev { on, table: Some(table) } if shares.len() == self.primaries() => {
                let key = on.key(source).unwrap_or_else(|| draw(u64::MAX));
                Some(table.place(key)).filter(|place| fits(*place))
            }
            Method::Hash { .. } | Method::Maglev { .. } => None,
        }
    }

    fn of_two(
        &self,
        (first, second): (usize, usize),
        fits: impl Fn(usize) -> bool,
        cost: impl Fn(usize) -> u64,
    ) -> Option<usize> {
        let weight = |place: usize| (place, self.plan.seats[place].weight);
        (fits(first) && fits(second)).then(|| balance::cheaper(weight(first), weight(second), cost))
    }

    /// A choice that looks at all endpoints, and which of them it had.
    pub fn among_all(&self, source: &KeySource<'_>, tried: Tried, now: Moment) -> Option<(usize, Tier)> {
        let own = &mut *self.own.borrow_mut();
        let tier = weigh(&self.plan.seats, &self.plan.rules, tried, now, &mut own.weights)?;
        Some((self.by_weight(own, source, now)?, tier))
    }

    /// Whoever is left for an exchange whose attempts at those that `choose` gives have failed, whatever is said of them.
    pub fn choose_rest(&self, source: &KeySource<'_>, tried: Tried, now: Moment) -> Option<usize> {
        let own = &mut *self.own.borrow_mut();
        weigh_rest(&self.plan.seats, &self.plan.rules, tried, &mut own.weights)?;
        self.by_weight(own, source, now)
    }

    fn by_weight(&self, own: &mut Own, source: &KeySource<'_>, now: Moment) -> Option<usize> {
        let weights = &mut own.weights;
        let mut draw = |below| own.draw.below(below);
        match &self.plan.method {
            Method::RoundRobin => own.robin.next(weights),
            Method::Random => random(weights, draw),
            Method::LeastRequests => least_of_two(weights, |place| self.load(place), draw),
            Method::LeastTime => least_of_two(weights, |place| self.slowness(place, now), draw),
            Method::Hash { on, seeds, factor } => {
                let key = on.key(source).unwrap_or_else(|| draw(u64::MAX));
                let load = |place: usize| self.plan.seats[place].endpoint.in_flight();
                balance::bounded(key, weights, seeds, load, *factor)
            }
            Method::Maglev { on, table } => {
                let key = on.key(source).unwrap_or_else(|| draw(u64::MAX));
                let (seats, usable) = (&self.plan.seats, |place: usize| weights[place] > 0);
                // One that starts slowly has a part of its keys, which only grows.
                let part = |place: usize| mix(key ^ place as u64) % u64::from(seats[place].weight.max(1));
                let has = |place: usize| usable(place) && part(place) < u64::from(weights[place]);
                let from_table =
                    table.as_ref().and_then(|table| table.first(key, has).or_else(|| table.first(key, usable)));
                // Backups are not in the table.
                from_table.or_else(|| random(weights, draw))
            }
        }
    }

    fn load(&self, place: usize) -> u64 {
        self.plan.seats[place].endpoint.in_flight() as u64 + 1
    }

    fn slowness(&self, place: usize, now: Moment) -> u64 {
        let endpoint = &self.plan.seats[place].endpoint;
        endpoint.speed.cost(endpoint.in_flight(), now)
    }

    fn primaries(&self) -> usize {
        self.plan.primaries
    }
}
