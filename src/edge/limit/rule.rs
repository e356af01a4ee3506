//! A limit as routes use it, and as it lives on over reloads.

use std::hash::RandomState;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;

use super::gcra::{Quota, Standing};
use super::key::KeyRecipe;
use super::table::Table;
use crate::config::model;
use crate::http::key::KeySource;

/// What one limit remembers of its keys, in the whole process. Routes that name the same limit share it, and it outlives reloads that
/// do not change it.
#[derive(Debug)]
pub struct Limit {
    /// `name`, or one that is made of the route's; the same in metrics, log and fields.
    pub name: Arc<str>,
    /// Whether routes share it by that name.
    pub shared: bool,
    model: model::RateLimit,
    quota: Quota,
    recipe: KeyRecipe,
    table: Table,
    seed: RandomState,
    epoch: Instant,
    /// What it has done.
    pub counts: Counts,
}

/// What a limit has done.
#[derive(Debug, Default)]
pub struct Counts {
    /// Requests that were refused.
    pub limited: AtomicU64,
    /// Requests that would have been, without `dry_run`.
    pub dry_run: AtomicU64,
    /// Keys that were forgotten before their time, for want of room.
    pub evicted: AtomicU64,
}

/// A limit of one route.
#[derive(Clone, Debug)]
pub struct LimitRule {
    /// The limit.
    pub limit: Arc<Limit>,
    /// What clients know it by.
    pub label: Arc<str>,
    /// Nothing is refused.
    pub dry_run: bool,
    /// Clients are told where they stand.
    pub fields: bool,
}

/// What a limit says of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Requests that may follow at once.
    pub remaining: u32,
    /// Seconds until all is as it was; where it is exceeded, until the next request may come.
    pub seconds: u32,
    /// Whether this request is one too many.
    pub exceeded: bool,
}

impl Limit {
    /// A new one, which remembers nobody.
    pub fn new(name: Arc<str>, shared: bool, model: &model::RateLimit) -> Arc<Self> {
        let model::RateLimit { requests, period, burst, key, prefix_v4, prefix_v6, max_keys, .. } = model;
        let period = u64::try_from(period.as_nanos()).unwrap_or(u64::MAX).max(1);
        let keys = if *key == model::LimitKey::Fixed { 1 } else { *max_keys };
        Arc::new(Self {
            name,
            shared,
            quota: Quota { requests: *requests, period, burst: *burst },
            recipe: KeyRecipe { key: key.clone(), prefix_v4: *prefix_v4, prefix_v6: *prefix_v6 },
            table: Table::new(keys),
            seed: RandomState::new(),
            epoch: Instant::now(),
            counts: Counts::default(),
            model: model.clone(),
        })
    }

    /// Whether it is the limit of that model under that name; whether it is only watched (`dry_run`) makes no other one of it.
    pub fn is(&self, name: &str, shared: bool, model: &model::RateLimit) -> bool {
        *self.name == *name && self.shared == shared && self.model.counts_like(model)
    }

    /// Whether it waits for the name of who asks.
    pub fn needs_identity(&self) -> bool {
        self.recipe.key == model::LimitKey::Identity
    }

    /// Counts a request.
    pub fn take(&self, source: &KeySource<'_>, identity: Option<&str>, now: Instant) -> Outcome {
        let ticks = self.quota.ticks(now.saturating_duration_since(self.epoch));
        let hash = self.recipe.hash(source, identity, &self.seed);
        let taken = self.table.take(hash, &self.quota, ticks);
        if taken.evicted {
            self.counts.evicted.fetch_add(1, Relaxed);
        }
        let (Ok(standing) | Err(standing)) = taken.verdict;
        let Standing { remaining, after } = standing;
        Outcome { remaining, seconds: self.quota.seconds(after), exceeded: taken.verdict.is_err() }
    }

    /// Forgets keys that have nothing left to remember.
    pub fn sweep(&self, now: Instant) {
        self.table.sweep(self.quota.ticks(now.saturating_duration_since(self.epoch)));
    }

    /// Keys that are remembered.
    pub fn keys(&self, now: Instant) -> usize {
        self.table.keys(self.quota.ticks(now.saturating_duration_since(self.epoch)))
    }

    /// Octets that it takes, however many keys come.
    pub fn memory(&self) -> usize {
        self.table.memory()
    }

    /// Requests at once, and the seconds in which they come back.
    pub fn policy(&self) -> (u32, u32) {
        (self.quota.burst, self.quota.window())
    }
}
