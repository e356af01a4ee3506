//! A worker's view of all upstreams of a snapshot.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::balance::{Draw, RoundRobin, least_requests};
use super::endpoint::Endpoint;
use super::pool::{Pool, PoolLimits};
use super::retry::{Budget, RetryPolicy, Token};
use crate::config::model::{Balance, UpstreamProtocol};

/// An upstream as a snapshot has it: shared by all workers, immutable.
#[derive(Debug)]
pub struct Seed {
    /// Its endpoints, with weight and whether they are backups.
    pub members: Vec<Member>,
    /// How one is chosen.
    pub balance: Balance,
    /// What bounds the connections of each.
    pub limits: PoolLimits,
    /// What bounds an exchange.
    pub times: Times,
    /// What is tried again.
    pub retry: RetryPolicy,
    /// The retries under way. It outlives reloads while the upstream's name stays.
    pub budget: Arc<Budget>,
}

/// What bounds an exchange with an endpoint.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// To the first byte of the response.
    pub response: Option<Duration>,
    /// Between two reads of its body.
    pub response_body: Option<Duration>,
    /// An endpoint that takes no byte.
    pub write: Option<Duration>,
    /// The head of a response, in octets.
    pub max_head: usize,
}

/// An endpoint's part in an upstream.
#[derive(Debug)]
pub struct Member {
    /// The endpoint.
    pub endpoint: Arc<Endpoint>,
    /// At least 1.
    pub weight: u32,
    /// Used only while no other can be.
    pub backup: bool,
}

/// An upstream as a worker has it.
#[derive(Debug)]
pub struct Upstream {
    pools: Vec<Rc<Pool>>,
    weights: Vec<(u32, bool)>,
    balance: Balance,
    robin: RefCell<RoundRobin>,
    draw: RefCell<Draw>,
    times: Times,
    retry: RetryPolicy,
    budget: Arc<Budget>,
}

/// Endpoints that an exchange has tried already, as a set of places; those beyond 64 are tried again.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tried(u64);

impl Tried {
    /// Adds a place.
    pub fn add(&mut self, place: usize) {
        self.0 |= 1u64.checked_shl(place as u32).unwrap_or(0);
    }

    fn has(self, place: usize) -> bool {
        place < 64 && self.0 & (1 << place) != 0
    }
}

impl Upstream {
    /// Chooses an endpoint that was not tried yet; backups only where no other is left. Where all were tried, `None`.
    pub fn choose(&self, tried: Tried) -> Option<(usize, &Rc<Pool>)> {
        let place = self.choose_among(false, tried).or_else(|| self.choose_among(true, tried))?;
        Some((place, &self.pools[place]))
    }

    fn choose_among(&self, backup: bool, tried: Tried) -> Option<usize> {
        let weight = |place: usize| {
            let (weight, is_backup) = self.weights[place];
            if is_backup == backup && !tried.has(place) { weight } else { 0 }
        };
        let count = self.weights.len();
        match self.balance {
            // With one endpoint there is nothing to choose.
            _ if count == 1 => (weight(0) > 0).then_some(0),
            Balance::RoundRobin => self.robin.borrow_mut().next(count, weight),
            Balance::LeastRequests => {
                let load = |place: usize| self.pools[place].endpoint().in_flight();
                least_requests(count, weight, load, |below| self.draw.borrow_mut().below(below))
            }
        }
    }

    /// What bounds an exchange.
    pub fn times(&self) -> &Times {
        &self.times
    }

    /// What is tried again.
    pub fn retry(&self) -> &RetryPolicy {
        &self.retry
    }

    /// A place for a retry, if the exchanges that are under way at all endpoints leave one.
    pub fn take_budget(&self) -> Option<Token> {
        let under_way = self.pools.iter().map(|pool| pool.endpoint().in_flight()).sum();
        self.budget.take(self.retry.allowed(under_way))
    }

    /// Whether its endpoints speak HTTP/2, or might.
    pub fn may_speak_http2(&self) -> bool {
        self.pools.first().is_some_and(|pool| pool.endpoint().identity.protocol != UpstreamProtocol::Http1)
    }

    /// The pools, one for each endpoint.
    pub fn pools(&self) -> &[Rc<Pool>] {
        &self.pools
    }
}

/// All upstreams of a snapshot in one worker, in the order of the config.
#[derive(Debug, Default)]
pub struct Upstreams(Vec<Upstream>);

impl Upstreams {
    /// The upstream at that place of the config.
    pub fn at(&self, place: usize) -> Option<&Upstream> {
        self.0.get(place)
    }

    /// The upstreams of a new snapshot: an endpoint that stays keeps its pool, one that is gone retires it.
    #[must_use]
    pub fn follow(&self, seeds: &[Seed], seed: u64) -> Self {
        let known = self.0.iter().flat_map(|upstream| &upstream.pools);
        let mut old: std::collections::HashMap<*const Endpoint, &Rc<Pool>> =
            known.map(|pool| (Arc::as_ptr(pool.endpoint()), pool)).collect();
        let mut upstreams = Vec::with_capacity(seeds.len());
        for (place, part) in seeds.iter().enumerate() {
            let pools = part.members.iter().map(|member| match old.remove(&Arc::as_ptr(&member.endpoint)) {
                Some(pool) => {
                    pool.set_limits(part.limits);
                    pool.clone()
                }
                None => Pool::new(member.endpoint.clone(), part.limits),
            });
            upstreams.push(Upstream {
                pools: pools.collect(),
                weights: part.members.iter().map(|member| (member.weight, member.backup)).collect(),
                balance: part.balance,
                robin: RefCell::default(),
                draw: RefCell::new(Draw::new(seed.wrapping_add(place as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15))),
                times: part.times,
                retry: part.retry.clone(),
                budget: part.budget.clone(),
            });
        }
        old.into_values().for_each(|pool| pool.retire());
        Self(upstreams)
    }

    /// Every pool.
    pub fn pools(&self) -> impl Iterator<Item = &Rc<Pool>> {
        self.0.iter().flat_map(|upstream| &upstream.pools)
    }
}
