//! What is there only at the start: sockets, threads, and who takes spans away.

use std::io;
use std::rc::Rc;
use std::sync::Arc;

use super::discovery::Discovery;
use super::export::Exporter;
use super::jwks::Fetches;
use super::listeners::{Bind, Listeners};
use super::pressure::MemoryWatch;
use super::refusals::sentences;
use super::start_error::StartError;
use super::surface::{Change, Desk};
use super::worker::{self, Handle, Parts};
use crate::config::model::Model;
use crate::listener::handover::Inherited;
use crate::observe::log;
use crate::observe::metrics::Metrics;
use crate::observe::tracing::Spans;
use crate::reload::{self, Prepared, Source};
use crate::snapshot::Snapshot;
use crate::upstream::Probes;

/// Binds all that the first snapshot needs.
pub(super) fn bind(
    listeners: &Listeners,
    desk: &Desk,
    (snapshot, workers): (&Snapshot, usize),
    inherited: &mut Inherited,
) -> Result<(Bind, Change), StartError> {
    let bind = listeners.prepare(snapshot, workers, inherited);
    let bind = bind.map_err(|failed| StartError::Bind(sentences(failed)))?;
    let change = desk.prepare(snapshot.model.admin.as_ref(), inherited);
    Ok((bind, change.map_err(|error| StartError::Bind(vec![error.to_string()]))?))
}

/// Begins to log, and joins the config with the containers that there are, where it asks for them and the engine answers in time. Nobody is told that this process
/// serves before it serves what the one before it did.
pub(super) async fn join(
    prepared: Prepared,
    source: &Source,
    metrics: &Metrics,
) -> Result<(Prepared, Discovery), StartError> {
    let model = &prepared.snapshot.model;
    log::configure(model.log.level, model.log.format);
    log::start();
    let mut discovery = Discovery::new();
    discovery.follow_engine(model.docker.as_ref(), true).await;
    let prepared = match &prepared.written {
        Some(written) if discovery.take_containers() => {
            let again = reload::prepare_again(source, written, None, metrics, &discovery.answers());
            again.map_err(StartError::Config)?
        }
        _ => prepared,
    };
    discovery.adopt(&prepared.answers);
    Ok((prepared, discovery))
}

/// Where workers leave their spans, and who takes them from there.
pub(super) fn export(model: &Model, metrics: &Arc<Metrics>) -> (Spans, Exporter) {
    let (spans, finished) = Spans::new();
    let exporter = Exporter::new(finished, spans.counts(), metrics.clone());
    exporter.follow(model.tracing.as_ref(), &model.log);
    tokio::task::spawn_local(exporter.clone().run());
    (spans, exporter)
}

/// Says that it serves, and with what: what the cgroup leaves of processors and memory is seen here. The memory is watched from now on.
pub(super) fn say_ready(snapshot: &Snapshot, workers: usize) -> MemoryWatch {
    let memory = MemoryWatch::new();
    let mut fields = vec![("generation", snapshot.generation.into()), ("workers", (workers as u64).into())];
    fields.extend(memory.limit(&snapshot.model.server).map(|octets| ("max_memory", octets.into())));
    log::note("ready", &fields);
    memory
}

/// Starts the worker threads.
pub(super) fn workers(count: usize, parts: &Parts) -> Result<Vec<Handle>, StartError> {
    let workers = (0..count).map(|number| worker::start(number, parts.clone()));
    workers.collect::<io::Result<_>>().map_err(StartError::System)
}

/// Who looks after endpoints, and after keys of tokens.
pub(super) fn follow(snapshot: &Snapshot) -> (Rc<Probes>, Fetches) {
    let (probes, mut fetches) = (Rc::<Probes>::default(), Fetches::default());
    probes.follow(&snapshot.upstreams);
    fetches.follow(snapshot);
    (probes, fetches)
}
