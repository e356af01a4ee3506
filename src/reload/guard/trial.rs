//! A config that was put in force, as long as nobody knows whether it stays.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::decide::{Verdict, decide};
use super::pool::{Group, groups};
use super::scope::Scope;
use super::tried::Digest;
use crate::config::model;
use crate::config::{Prints, Written};
use crate::observe::chronicle::{GuardCounts, GuardGroup, GuardWatch};
use crate::observe::metrics::histogram::quantile;
use crate::observe::metrics::{Counts, RouteCounts, since};
use crate::snapshot::Snapshot;

/// Groups that are shown.
const SHOWN: usize = 16;

/// What was counted, and when.
#[derive(Clone, Debug)]
pub struct Seen {
    /// What routes have done since the start of the process.
    pub counts: Counts,
    /// By the clock that only goes forward.
    pub at: Instant,
    /// By the clock on the wall.
    pub time: SystemTime,
}

/// The config before, which was good.
#[derive(Clone, Debug)]
pub(super) struct Good {
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) prints: Prints,
    /// What was read for it, where it asks for containers.
    pub(super) written: Option<Written>,
    /// What its routes did lately.
    pub(super) counts: Counts,
    /// For so long.
    pub(super) span: Duration,
}

#[derive(Clone, Debug)]
pub(super) struct Trial {
    pub(super) good: Good,
    pub(super) digest: Digest,
    pub(super) generation: u64,
    pub(super) scope: Scope,
    pub(super) bounds: model::Guard,
    /// When it was put in force.
    pub(super) begun: Seen,
    /// What has come since, at the last look.
    pub(super) came: Counts,
}

impl Trial {
    /// Looks at what has come.
    pub(super) fn look(&mut self, seen: &Seen) -> Verdict {
        self.came = since(&seen.counts, &self.begun.counts);
        decide(&self.bounds, &self.groups(), self.good.span, self.passed(seen))
    }

    pub(super) fn passed(&self, seen: &Seen) -> Duration {
        seen.at.saturating_duration_since(self.begun.at)
    }

    fn groups(&self) -> Vec<Group> {
        groups(&self.scope, &self.good.counts, &self.came)
    }

    pub(super) fn view(&self) -> GuardWatch {
        let counts = |counts: RouteCounts| GuardCounts {
            requests: counts.requests,
            errors: counts.server_errors,
            p95_ms: quantile(&counts.durations, 0.95).map(|micros| micros.round() / 1000.0),
        };
        let group = |Group { name, before, after }| GuardGroup { name, before: counts(before), after: counts(after) };
        GuardWatch {
            generation: self.generation,
            back_to: self.good.snapshot.generation,
            since: self.begun.time,
            until: self.begun.time + self.bounds.window,
            groups: self.groups().into_iter().take(SHOWN).map(group).collect(),
        }
    }
}
