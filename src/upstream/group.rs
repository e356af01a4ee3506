//! A worker's view of all upstreams of a snapshot.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::HeaderValue;

use super::Moment;
use super::capacity::{Capacity, CapacityLimits, Entrance};
use super::choice::Choice;
use super::endpoint::{Endpoint, InFlight};
use super::hedge::Pace;
use super::outlier::{Outcome, report};
use super::plan::{Method, Plan};
use super::pool::{Pool, PoolLimits};
use super::retry::{Budget, RetryPolicy, Token};
use super::sticky::Secret;
use crate::config::model::{Health, UpstreamProtocol};
use crate::http::key::{KeySource, mix};
use crate::tls::ClientTls;
use crate::wire::h1::parse::TransferCodings;

pub use super::candidates::Tried;

/// An upstream as a snapshot has it: shared by all workers, immutable.
#[derive(Clone, Debug)]
pub struct Seed {
    /// Its endpoints, with weight and whether they are backups.
    pub members: Vec<Member>,
    /// How one is chosen. The same plan is the same upstream: nothing of it has changed.
    pub plan: Arc<Plan>,
    /// TLS to them.
    pub tls: Option<ClientTls>,
    /// What the cookies of sticky sessions are signed with.
    pub secret: Option<Secret>,
    /// What bounds the connections of each.
    pub limits: PoolLimits,
    /// What bounds an exchange.
    pub times: Times,
    /// What is tried again.
    pub retry: RetryPolicy,
    /// The retries under way. It outlives reloads while the upstream's name stays.
    pub budget: Arc<Budget>,
    /// How long its answers take, for hedges. It outlives reloads likewise.
    pub pace: Arc<Pace>,
    /// How the endpoints are probed, where they are.
    pub health: Option<Arc<Health>>,
    /// What bounds the exchanges of all endpoints together.
    pub capacity_limits: Option<CapacityLimits>,
    /// Those under way. It outlives reloads while the upstream's name stays.
    pub capacity: Arc<Capacity>,
}

/// What a failure counts as where the fastest is chosen.
const FAILURE: Duration = Duration::from_secs(1);

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
    /// The codings that a response may be in.
    pub codings: TransferCodings,
}

/// An endpoint's part in an upstream.
#[derive(Clone, Debug)]
pub struct Member {
    /// The endpoint.
    pub endpoint: Arc<Endpoint>,
    /// At least 1.
    pub weight: u32,
    /// Used only while no other can be.
    pub backup: bool,
    /// Where it is.
    pub zone: Option<Arc<str>>,
}

/// An upstream as a worker has it.
#[derive(Debug)]
pub struct Upstream {
    pools: Vec<Rc<Pool>>,
    choice: Choice,
    times: Times,
    retry: RetryPolicy,
    budget: Arc<Budget>,
    pace: Arc<Pace>,
    entrance: Option<Entrance>,
}

/// Which endpoints an attempt may go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// The usable ones that were not tried yet.
    Usable,
    /// Where there is none, any other that was not tried yet: one that is down or ejected is perhaps back.
    Untried,
    /// Where there is none, those that were tried; and then any other.
    All,
}

impl Upstream {
    /// Chooses an endpoint that was not tried yet, for the request that `source` tells of. `None` where no other may be used.
    pub fn choose(&self, source: &KeySource<'_>, tried: Tried) -> Option<(usize, &Rc<Pool>)> {
        let place = self.choice.choose(source, tried, Moment::now)?;
        Some((place, &self.pools[place]))
    }

    fn choose_rest(&self, source: &KeySource<'_>, tried: Tried) -> Option<(usize, &Rc<Pool>)> {
        let place = self.choice.choose_rest(source, tried, Moment::now())?;
        Some((place, &self.pools[place]))
    }

    /// Takes the outcome of an attempt at one of its endpoints, with its begin and its first byte.
    pub fn report(&self, endpoint: &Endpoint, outcome: Outcome, (begun, now): (Instant, Instant)) {
        let plan = self.choice.plan();
        let took = now.saturating_duration_since(begun);
        if matches!(plan.method, Method::LeastTime) {
            // One that fails at once is not a fast one.
            let failed = matches!(outcome, Outcome::Failed | Outcome::Answered(500..));
            endpoint.speed.observe(if failed { took.max(FAILURE) } else { took }, Moment::of(now));
        }
        if let (Some(entrance), Outcome::Answered(_)) = (&self.entrance, &outcome) {
            entrance.note(took);
        }
        let ejection = report((&plan.seats, &plan.outlier), endpoint, outcome, took, || Moment::of(now));
        if let Some(ejection) = ejection {
            ejection.tell(&plan.seats);
        }
    }

    /// The cookie to set on a response of that endpoint, where sessions are sticky and the request did not come with it.
    pub fn sticky_cookie(&self, source: &KeySource<'_>, endpoint: &Endpoint, tls: bool) -> Option<HeaderValue> {
        let sticky = self.choice.plan().sticky.as_ref()?;
        let place = self.pools.iter().position(|pool| std::ptr::eq(&**pool.endpoint(), endpoint))?;
        sticky.set(source, place, tls)
    }

    /// Whether sessions are sticky.
    pub fn is_sticky(&self) -> bool {
        self.choice.plan().sticky.is_some()
    }

    /// Chooses likewise, or from more of them where there is no such one, as `reach` says. Counts the exchange in on the endpoint, which has room
    /// for it; it counts as tried from now on.
    pub fn take(&self, source: &KeySource<'_>, tried: &mut Tried, reach: Reach) -> Option<(&Rc<Pool>, InFlight)> {
        let most = self.entrance.as_ref().map_or(0, |entrance| entrance.limits().endpoint_requests);
        let mut shut = Tried::default();
        if most > 0 {
            let full = self.pools.iter().enumerate().filter(|(_, pool)| pool.endpoint().in_flight() >= most);
            full.for_each(|(place, _)| shut.add(place));
        }
        loop {
            let again = || if reach == Reach::All { self.choose(source, shut) } else { None };
            let rest = || if reach == Reach::Usable { None } else { self.choose_rest(source, tried.or(shut)) };
            let (place, pool) = self.choose(source, tried.or(shut)).or_else(again).or_else(rest)?;
            if let Some(in_flight) = InFlight::admit(pool.endpoint(), most) {
                tried.add(place);
                return Some((pool, in_flight));
            }
            // Another worker was quicker.
            if shut.has(place) {
                return None;
            }
            shut.add(place);
        }
    }

    /// The way in, where exchanges are bounded.
    pub fn entrance(&self) -> Option<&Entrance> {
        self.entrance.as_ref()
    }

    /// Whether any endpoint takes one more exchange.
    pub fn has_room(&self) -> bool {
        let most = self.entrance.as_ref().map_or(0, |entrance| entrance.limits().endpoint_requests);
        most == 0 || self.pools.iter().any(|pool| pool.endpoint().in_flight() < most)
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

    /// How long its answers take.
    pub fn pace(&self) -> &Pace {
        &self.pace
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
pub struct Upstreams(Vec<Rc<Upstream>>);

impl Upstreams {
    /// The upstream at that place of the config.
    pub fn at(&self, place: usize) -> Option<&Upstream> {
        self.0.get(place).map(|upstream| &**upstream)
    }

    /// The upstreams of a new snapshot: one that stays is the same, an endpoint that stays keeps its pool, one that is gone retires it.
    #[must_use]
    pub fn follow(&self, seeds: &[Seed], seed: u64) -> Self {
        let known = self.0.iter().flat_map(|upstream| &upstream.pools);
        let mut old: HashMap<*const Endpoint, &Rc<Pool>> =
            known.map(|pool| (Arc::as_ptr(pool.endpoint()), pool)).collect();
        let stayed: HashMap<_, _> =
            self.0.iter().map(|upstream| (Arc::as_ptr(upstream.choice.plan()), upstream)).collect();
        let mut upstreams = Vec::with_capacity(seeds.len());
        for (place, part) in seeds.iter().enumerate() {
            if let Some(same) = stayed.get(&Arc::as_ptr(&part.plan)) {
                same.pools.iter().for_each(|pool| _ = old.remove(&Arc::as_ptr(pool.endpoint())));
                upstreams.push(Rc::clone(same));
                continue;
            }
            let pools = part.members.iter().map(|member| match old.remove(&Arc::as_ptr(&member.endpoint)) {
                Some(pool) => {
                    pool.set_limits(part.limits);
                    pool.clone()
                }
                None => Pool::new(member.endpoint.clone(), part.limits),
            });
            upstreams.push(Rc::new(Upstream {
                pools: pools.collect(),
                choice: Choice::new(part.plan.clone(), mix(seed.wrapping_add(place as u64))),
                times: part.times,
                retry: part.retry.clone(),
                budget: part.budget.clone(),
                pace: part.pace.clone(),
                entrance: part.capacity_limits.map(|limits| Entrance::new(&part.capacity, limits)),
            }));
        }
        old.into_values().for_each(|pool| pool.retire());
        Self(upstreams)
    }

    /// Every pool.
    pub fn pools(&self) -> impl Iterator<Item = &Rc<Pool>> {
        self.0.iter().flat_map(|upstream| &upstream.pools)
    }
}
