//! What the guard remembers from one reload to the next.

use std::sync::Arc;

use super::decide::{Kept, Verdict};
use super::history::History;
use super::scope::{Scope, Side};
use super::trial::{Good, Seen, Trial};
use super::tried::{Digest, Tried};
use crate::config::model;
use crate::config::{Prints, Written};
use crate::observe::chronicle::{GuardEvent, GuardRefusal, GuardState, GuardVerdict};
use crate::observe::{Ids, rfc3339};
use crate::snapshot::Snapshot;

/// The guard of reloads. Without `[server] guard` it does nothing and remembers nothing.
#[derive(Debug, Default)]
pub struct Guard {
    /// Of the config in force.
    prints: Option<Prints>,
    history: Option<History>,
    trial: Option<Trial>,
    refused: Option<Refused>,
    last: Option<GuardVerdict>,
}

/// A config that was taken back.
#[derive(Clone, Debug)]
struct Refused {
    digest: Digest,
    shown: GuardRefusal,
}

/// What a look came to.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The config stays.
    Stays(GuardVerdict),
    /// This one is to be put in force again; then tell [`Guard::went_back`].
    GoBack {
        /// The one before.
        to: Arc<Snapshot>,
        /// What was read for it, where it asks for containers.
        written: Option<Written>,
        /// Why.
        verdict: GuardVerdict,
    },
}

impl Guard {
    /// Of a process that starts with that config.
    pub fn start(tried: Option<Tried>, seen: Seen) -> Self {
        let history = tried.is_some().then(|| History::new(seen.counts, seen.at));
        Self { prints: tried.map(|tried| tried.prints), history, ..Self::default() }
    }

    /// Why that config is not taken: it was taken back, and nothing in it has changed.
    pub fn refuses(&self, tried: Option<&Tried>) -> Option<String> {
        let refused = self.refused.as_ref().filter(|refused| tried.is_some_and(|one| one.digest == refused.digest))?;
        let GuardRefusal { since, message } = &refused.shown;
        Some(format!("this config was taken back at {}: {message}; change it, or restart", rfc3339(*since)))
    }

    /// What was taken back last, for a process that succeeds this one.
    pub fn refused(&self) -> Option<(&Digest, &str)> {
        self.refused.as_ref().map(|refused| (&refused.digest, &*refused.shown.message))
    }

    /// Whether it has not decided yet.
    pub fn is_watching(&self) -> bool {
        self.trial.is_some()
    }

    /// Whether what routes do is to be counted.
    pub fn is_on(&self) -> bool {
        self.history.is_some()
    }

    /// The numbers of the config that it may go back to.
    pub fn held(&self) -> Option<&Ids> {
        self.trial.as_ref().map(|trial| &trial.good.snapshot.ids)
    }

    /// A config is put in force in the place of another one. What there is to tell of it.
    pub fn published(
        &mut self,
        (before, written): (&Arc<Snapshot>, Option<Written>),
        now: &Snapshot,
        tried: Option<Tried>,
        seen: Seen,
    ) -> Vec<GuardEvent> {
        let (Some(bounds), Some(tried)) = (&now.model.server.guard, tried) else {
            *self = Self::default();
            return Vec::new();
        };
        let known = self.prints.replace(tried.prints.clone());
        let history = self.history.get_or_insert_with(|| History::new(seen.counts.clone(), seen.at));
        self.refused = None;
        let mut events = Vec::new();
        let good = match self.trial.take() {
            // Nothing else than is tried already.
            Some(mut trial) if trial.digest == tried.digest => {
                trial.generation = now.generation;
                self.trial = Some(trial);
                return events;
            }
            Some(trial) => {
                let message = "another config has taken its place before it was decided".into();
                let (time, generation) = (seen.time, trial.generation);
                let verdict = GuardVerdict { time, generation, verdict: "replaced", cause: None, message };
                events.push(event(&verdict));
                self.last = Some(verdict);
                history.skip(seen.counts.clone(), seen.at);
                trial.good
            }
            None => {
                // It begins with this config.
                let Some(prints) = known else { return events };
                let (counts, span) = history.lately(&seen.counts, seen.at);
                Good { snapshot: before.clone(), prints, written, counts, span }
            }
        };
        let trial = begin(good, now, tried, (bounds, seen));
        events.extend(trial.as_ref().map(told));
        self.trial = trial;
        events
    }

    /// The config in force has other containers: nothing that anybody has written, and no reason to watch or to stop that.
    pub fn joined(&mut self, tried: Option<Tried>) {
        self.prints = tried.map(|tried| tried.prints);
    }

    /// Looks at what was counted. Call it each second.
    pub fn look(&mut self, seen: Seen, bounds: Option<&model::Guard>) -> Option<Outcome> {
        let Some(trial) = &mut self.trial else {
            let (history, bounds) = (self.history.as_mut()?, bounds?);
            history.note(&seen.counts, seen.at, bounds.window);
            return None;
        };
        let (kept, cause, message) = match trial.look(&seen) {
            Verdict::Undecided => return None,
            Verdict::GoBack(what, regression) => {
                (None, Some(regression.cause.label()), format!("{what}: {regression}"))
            }
            Verdict::Keep(Kept::Fine) => (Some(Kept::Fine), None, "it does as the one before".to_owned()),
            Verdict::Keep(Kept::TooFew) => {
                (Some(Kept::TooFew), None, "there were too few requests to tell; it stays".to_owned())
            }
        };
        let verdict = kept.map_or("rolled_back", Kept::label);
        let (time, generation, message) = (seen.time, trial.generation, message.into());
        let verdict = GuardVerdict { time, generation, verdict, cause, message };
        if kept.is_none() {
            let Good { snapshot, written, .. } = &trial.good;
            return Some(Outcome::GoBack { to: snapshot.clone(), written: written.clone(), verdict });
        }
        self.settle(&verdict, seen);
        Some(Outcome::Stays(verdict))
    }

    /// The config before is in force again.
    pub fn went_back(&mut self, verdict: &GuardVerdict, seen: Seen) {
        let Some(trial) = self.trial.take() else { return };
        self.prints = Some(trial.good.prints);
        let shown = GuardRefusal { since: seen.time, message: verdict.message.clone() };
        self.refused = Some(Refused { digest: trial.digest, shown });
        self.last = Some(verdict.clone());
        if let Some(history) = &mut self.history {
            history.skip(seen.counts, seen.at);
        }
    }

    /// The config stays, for that reason.
    pub fn settle(&mut self, verdict: &GuardVerdict, seen: Seen) {
        let Some(trial) = self.trial.take() else { return };
        self.last = Some(verdict.clone());
        if let Some(history) = &mut self.history {
            let passed = trial.passed(&seen);
            history.begin_with(trial.came, passed, (seen.counts, seen.at));
        }
    }

    /// As it is now.
    pub fn view(&self) -> GuardState {
        GuardState {
            state: match (&self.trial, &self.history) {
                (Some(_), _) => "watching",
                (None, Some(_)) => "ready",
                (None, None) => "off",
            },
            watch: self.trial.as_ref().map(Trial::view),
            last: self.last.clone(),
            refused: self.refused.as_ref().map(|refused| refused.shown.clone()),
        }
    }
}

/// What a verdict is told as.
pub fn event(verdict: &GuardVerdict) -> GuardEvent {
    let GuardVerdict { time, generation, verdict, cause: _, message } = verdict.clone();
    GuardEvent { time, event: verdict, generation, message }
}

fn told(trial: &Trial) -> GuardEvent {
    let changed: Vec<_> = trial.scope.changed.iter().take(8).map(|(name, _)| &**name).collect();
    let more = trial.scope.changed.len().saturating_sub(changed.len());
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let moved = if trial.scope.old == trial.scope.new { "" } else { "; requests may take other routes" };
    let list = if changed.is_empty() { "none".to_owned() } else { changed.join(", ") };
    let message = format!("changed routes: {list}{more}{moved}").into();
    GuardEvent { time: trial.begun.time, event: "watching", generation: trial.generation, message }
}

/// Begins to watch, unless nothing has changed for anybody.
fn begin(good: Good, now: &Snapshot, tried: Tried, (bounds, begun): (&model::Guard, Seen)) -> Option<Trial> {
    let side = Side { model: &good.snapshot.model, prints: &good.prints, ids: &good.snapshot.ids };
    let scope = Scope::between(side, Side { model: &now.model, prints: &tried.prints, ids: &now.ids });
    let (digest, generation, bounds) = (tried.digest, now.generation, bounds.clone());
    let trial = Trial { good, digest, generation, scope, bounds, begun, came: Default::default() };
    (!trial.scope.is_empty()).then_some(trial)
}
