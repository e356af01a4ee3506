//! The probes of all endpoints that have any, on the control thread: one task for each endpoint, so many at once.
//!
//! A task lives as long as its endpoint and its plan stay what they are, over any number of reloads: nobody is probed twice as often
//! because a config was loaded, and nothing that was found out is forgotten.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};
use std::hash::{BuildHasher, RandomState};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use tokio::sync::Semaphore;
use tokio::task::JoinHandle;

use super::balance::Draw;
use super::health::Health;
use super::probe::{ProbeFailure, probe};
use super::standing::Verdict;
use super::{Endpoint, Moment, Seed};
use crate::config::model::Health as Plan;
use crate::observe::log;

/// Probes at the same time. One that waits for its turn is late, never lost.
const AT_ONCE: usize = 64;

/// All probes of the process.
#[derive(Debug)]
pub struct Probes {
    running: RefCell<HashMap<*const Endpoint, Probing>>,
    shared: Rc<Shared>,
}

#[derive(Debug)]
struct Shared {
    places: Semaphore,
    counts: RefCell<BTreeMap<Arc<str>, Counts>>,
}

/// How the probes of an upstream went, since it has any.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// They passed.
    pub passed: u64,
    /// They did not.
    pub failed: u64,
}

/// The probes of one endpoint. The task ends with this.
#[derive(Debug)]
struct Probing {
    endpoint: Arc<Endpoint>,
    plan: Arc<Plan>,
    latest: Rc<RefCell<Latest>>,
    task: JoinHandle<()>,
}

/// What the probes of an endpoint found out.
#[derive(Clone, Debug)]
pub struct Latest {
    /// The verdict and what led to it.
    pub health: Health,
    /// Why the latest one failed; `None` where it passed.
    pub failure: Option<String>,
}

impl Drop for Probing {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Default for Probes {
    fn default() -> Self {
        let shared = Shared { places: Semaphore::new(AT_ONCE), counts: RefCell::default() };
        Self { running: RefCell::default(), shared: Rc::new(shared) }
    }
}

impl Probes {
    /// Probes what these upstreams want probed, from now on, and nothing else.
    pub fn follow<'a>(&self, seeds: impl IntoIterator<Item = &'a Seed>) {
        let mut before = self.running.take();
        let mut running = HashMap::new();
        let mut counts = BTreeMap::new();
        for seed in seeds {
            let Some(plan) = &seed.health else { continue };
            for member in &seed.members {
                let upstream = &member.endpoint.identity.upstream;
                let known = self.shared.counts.borrow().get(upstream).copied();
                counts.insert(upstream.clone(), known.unwrap_or_default());
                let key = Arc::as_ptr(&member.endpoint);
                let probing = match before.remove(&key) {
                    Some(same) if same.plan == *plan => same,
                    _ => Probing::begin(&member.endpoint, plan, &self.shared),
                };
                running.insert(key, probing);
            }
        }
        *self.shared.counts.borrow_mut() = counts;
        self.running.replace(running);
        // Nobody looks any more, so nobody knows.
        for gone in before.into_values() {
            gone.endpoint.standing.set_probe(Verdict::Unknown, "", Moment::now());
        }
    }

    /// What is known of an endpoint; `None` where it is not probed.
    pub fn of(&self, endpoint: &Arc<Endpoint>) -> Option<Latest> {
        self.running.borrow().get(&Arc::as_ptr(endpoint)).map(|probing| probing.latest.borrow().clone())
    }

    /// How the probes of each upstream went.
    pub fn counts(&self) -> Vec<(Arc<str>, Counts)> {
        self.shared.counts.borrow().iter().map(|(name, counts)| (name.clone(), *counts)).collect()
    }
}

impl Probing {
    fn begin(endpoint: &Arc<Endpoint>, plan: &Arc<Plan>, shared: &Rc<Shared>) -> Self {
        // Under a new plan, what the old one found out holds until the first result.
        let health = Health::begin(endpoint.standing.verdict(), Instant::now());
        let latest = Rc::new(RefCell::new(Latest { health, failure: None }));
        let (endpoint, plan, shared) = (endpoint.clone(), plan.clone(), shared.clone());
        let run = run(endpoint.clone(), plan.clone(), latest.clone(), shared);
        Self { endpoint, plan, latest, task: tokio::task::spawn_local(run) }
    }
}

async fn run(endpoint: Arc<Endpoint>, plan: Arc<Plan>, latest: Rc<RefCell<Latest>>, shared: Rc<Shared>) {
    let mut draw = Draw::new(RandomState::new().hash_one(&*endpoint.label));
    loop {
        let due = latest.borrow().health.due();
        tokio::time::sleep_until(due.into()).await;
        let place = shared.places.acquire().await;
        let result = probe(&endpoint, &plan).await;
        drop(place);
        if let Some(counts) = shared.counts.borrow_mut().get_mut(&endpoint.identity.upstream) {
            *if result.is_ok() { &mut counts.passed } else { &mut counts.failed } += 1;
        }
        let mut latest = latest.borrow_mut();
        let before = latest.health.verdict();
        let spread = draw.below(1 << 20) as f64 / (1 << 20) as f64;
        if let Some(verdict) = latest.health.record(result.is_ok(), &plan, Instant::now(), spread) {
            let reason = result.as_ref().err().map_or("", ProbeFailure::label);
            endpoint.set_probe(verdict, reason, Moment::now());
            tell(&endpoint, (before, verdict), result.as_ref().err());
        }
        latest.failure = result.err().map(|failure| failure.to_string());
    }
}

/// One line for each change. That an endpoint is well when it is first looked at is no news.
fn tell(endpoint: &Endpoint, (before, now): (Verdict, Verdict), failure: Option<&ProbeFailure>) {
    let (upstream, name) = (&*endpoint.identity.upstream, &*endpoint.label);
    let mut fields = vec![("upstream", upstream.into()), ("endpoint", name.into())];
    if let Some(failure) = failure {
        fields.extend([("reason", failure.label().into()), ("detail", log::show(failure))]);
    }
    match now {
        Verdict::Down => log::warn("endpoint down", &fields),
        _ if before == Verdict::Unknown => log::debug("endpoint up", &fields),
        _ => log::note("endpoint up", &fields),
    }
}
