//! The guard of reloads, with what it needs of the process: it counts, tells what it sees, and goes back.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use super::{Control, DOCKER};
use crate::observe::chronicle::{Event, GuardEvent, GuardVerdict};
use crate::observe::log;
use crate::observe::metrics::Metrics;
use crate::reload::guard::{Outcome, Seen, Tried, event};
use crate::snapshot::Snapshot;

/// What was counted until now.
pub(super) fn seen(metrics: &Metrics) -> Seen {
    Seen { counts: metrics.route_counts(), at: Instant::now(), time: SystemTime::now() }
}

impl Control {
    /// A config is about to be published.
    pub(super) fn begin_trial(&mut self, before: &Arc<Snapshot>, now: &Snapshot, tried: Option<Tried>) {
        if tried.is_none() && !self.guard.is_on() {
            return;
        }
        let events = self.guard.published((before, self.written.clone()), now, tried, seen(&self.metrics));
        events.into_iter().for_each(|event| self.tell(event));
        self.view.chronicle.guard.replace(self.guard.view());
    }

    /// Looks at what has come since.
    pub(super) async fn look_at_trial(&mut self) {
        if !self.guard.is_on() {
            return;
        }
        let bounds = self.cell.load().model.server.guard.clone();
        let outcome = self.guard.look(seen(&self.metrics), bounds.as_ref());
        match outcome {
            None => {}
            Some(Outcome::Stays(verdict)) => {
                self.metrics.keep(&[&self.cell.load().ids]);
                self.tell(event(&verdict));
            }
            Some(Outcome::GoBack { to, written, verdict }) => {
                let went = self.go_back(&to, verdict).await;
                if went && written.is_some() {
                    // Containers have come and gone since.
                    self.written = written;
                    drop(self.reload(DOCKER).await);
                }
            }
        }
        self.view.chronicle.guard.replace(self.guard.view());
    }

    /// Puts the config before in force again. Where that cannot be, the new one stays; whether it could.
    async fn go_back(&mut self, to: &Snapshot, verdict: GuardVerdict) -> bool {
        let begun = Instant::now();
        let before = self.cell.load();
        let again = Arc::new(to.again(&before));
        let staged = match self.stage(&again) {
            Ok(staged) => staged,
            Err(refusal) => {
                let message =
                    format!("{}; the config before cannot be had again: {}", verdict.message, refusal.message);
                let verdict = GuardVerdict { verdict: "stuck", message: message.into(), ..verdict };
                self.guard.settle(&verdict, seen(&self.metrics));
                self.tell(event(&verdict));
                return false;
            }
        };
        let again = self.discovery.applied(again).await;
        self.put_in_force(staged, &before, &again).await;
        // A change of any file of either config is a reason to read it again.
        self.watch.follow(before.model.files.iter().chain(&again.model.files));
        self.guard.went_back(&verdict, seen(&self.metrics));
        self.metrics.published(again.generation, false);
        self.metrics.keep(&[&again.ids]);
        self.view.note_rolled_back(again.generation, &verdict.message, begun.elapsed());
        self.tell(event(&verdict));
        true
    }

    /// In the log and among the events.
    fn tell(&self, event: GuardEvent) {
        let fields = [("generation", event.generation.into()), ("why", (&*event.message).into())];
        match event.event {
            "rolled_back" => log::error("the guard has taken the config back", &fields),
            "stuck" => log::error("the guard cannot take the config back", &fields),
            "watching" => log::note("the guard watches the config", &fields),
            _ => log::note("the guard lets the config stay", &fields),
        }
        self.view.chronicle.events.borrow_mut().push(Event::Guard(event));
    }
}
