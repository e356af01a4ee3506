//! A reload: prepares, publishes, retires.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::{Control, DOCKER, warn_all};
use crate::admin::Refusal;
use crate::config::Written;
use crate::listener::handover::Inherited;
use crate::observe::access_log::Prepared as PreparedLog;
use crate::observe::log;
use crate::reload::{self, Prepared};
use crate::server::disk;
use crate::server::listeners::{Bind, tell};
use crate::server::refusals::{refusal, refusal_of, sentences};
use crate::server::supervisor;
use crate::server::surface::Change;
use crate::server::worker::Order;
use crate::snapshot::Snapshot;

/// How long a reload waits for the workers to have seen it.
const SEEN: Duration = Duration::from_secs(2);

/// What a snapshot needs that is not there yet. Dropping it gives it up.
pub(super) struct Staged {
    bind: Bind,
    desk: Change,
    access_log: PreparedLog,
}

impl Control {
    /// Prepares, publishes, retires. Where preparing fails nothing has changed.
    pub(super) async fn reload(&mut self, cause: &'static str) -> Result<u64, Refusal> {
        let begun = Instant::now();
        supervisor::reloading();
        let again = self.written.clone().filter(|_| cause == DOCKER);
        let reloaded = self.try_reload(again).await;
        supervisor::ready();
        self.view.note_reload(cause, &reloaded, begun.elapsed());
        match &reloaded {
            Ok(generation) => {
                self.metrics.published(*generation, true);
                log::note("reloaded", &[("generation", (*generation).into()), ("cause", cause.into())]);
            }
            Err(refusal) => {
                self.metrics.reload_failed();
                let fields =
                    [("cause", cause.into()), ("changed", "nothing".into()), ("problems", (&*refusal.message).into())];
                log::error("reload failed", &fields);
            }
        }
        reloaded
    }

    /// Of the files as they are, or of what was read already, with the containers as they are.
    async fn try_reload(&mut self, again: Option<Written>) -> Result<u64, Refusal> {
        let before = self.cell.load();
        let (previous, known) = (Some(&*before), self.discovery.answers());
        let prepared = match &again {
            Some(written) => reload::prepare_again(&self.source, written, previous, &self.metrics, &known),
            None => {
                self.watch.note();
                reload::prepare(&self.source, previous, &self.metrics, &known)
            }
        };
        let Prepared { snapshot, warnings, answers, tried, written, labelled } =
            prepared.map_err(|problems| refusal_of(&problems))?;
        if let Some(why) = self.guard.refuses(tried.as_ref()).filter(|_| again.is_none()) {
            return Err(refusal(why));
        }
        let staged = self.stage(&snapshot)?;
        self.discovery.adopt(&answers);
        let snapshot = self.discovery.applied(snapshot).await;
        // From here on nothing can fail.
        if again.is_none() {
            warn_all(&warnings);
        }
        if snapshot.model.server.workers != before.model.server.workers {
            log::warn("the number of workers changes with the next start", &[]);
        }
        match again {
            Some(_) => self.guard.joined(tried),
            None => self.begin_trial(&before, &snapshot, tried),
        }
        self.put_in_force(staged, &before, &snapshot).await;
        self.written = written;
        self.discovery.follow_engine(snapshot.model.docker.as_ref(), false).await;
        self.tell_labels(labelled);
        self.watch.follow(&snapshot.model.files);
        Ok(snapshot.generation)
    }

    /// Binds and opens what a snapshot needs.
    pub(super) fn stage(&self, snapshot: &Snapshot) -> Result<Staged, Refusal> {
        let model = &snapshot.model;
        let bind = self.listeners.prepare(snapshot, self.workers.len(), &mut Inherited::default());
        let bind = bind.map_err(|failed| refusal(sentences(failed).join("\n")))?;
        let desk = self.desk.prepare(model.admin.as_ref(), &mut Inherited::default());
        let desk = desk.map_err(|error| refusal(error.to_string()))?;
        let access_log = self.access_log.prepare(&model.log).map_err(|error| refusal(error.to_string()))?;
        Ok(Staged { bind, desk, access_log })
    }

    /// Publishes and retires. It cannot fail.
    pub(super) async fn put_in_force(&mut self, staged: Staged, before: &Snapshot, snapshot: &Arc<Snapshot>) {
        let model = &snapshot.model;
        log::configure(model.log.level, model.log.format);
        self.access_log.apply(staged.access_log);
        self.exporter.follow(model.tracing.as_ref(), &model.log);
        self.cell.publish(snapshot.clone());
        disk::follow(Some(before), snapshot);
        let held = self.guard.held();
        self.metrics.keep(&held.into_iter().chain([&snapshot.ids]).collect::<Vec<_>>());
        self.probes.follow(&snapshot.upstreams);
        self.fetches.follow(snapshot);
        self.view.loaded.set(SystemTime::now());
        self.listeners.publish(staged.bind, snapshot, &self.workers);
        self.desk.publish(staged.desk, &self.view);
        self.wait_until_seen().await;
        self.listeners.retire(snapshot, &self.workers);
    }

    /// Requests see a new snapshot at once; this waits until idle workers have let go of the old one too.
    async fn wait_until_seen(&self) {
        let (done, seen) = std::sync::mpsc::channel();
        tell(&self.workers, || Order::Follow { done: done.clone() });
        drop(done);
        let until = Instant::now() + SEEN;
        let wait = move || while seen.recv_timeout(until.saturating_duration_since(Instant::now())).is_ok() {};
        // The thread that waits fails only with the runtime.
        let _ = tokio::task::spawn_blocking(wait).await;
    }
}
