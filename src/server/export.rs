//! Tells a collector what was traced: OTLP, from the control thread.
//!
//! What waits is bounded at each place: the queue from the workers, and one batch under way. A collector that is slow or gone costs spans, which
//! are counted, and nothing else.

mod grpc;
mod send;

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use bytes::Bytes;

use self::send::{Connection, Taken, deliver};
use crate::config::model::{Collector, Log, Tracing};
use crate::observe::log;
use crate::observe::metrics::{Exposition, Kind, Metrics};
use crate::observe::redact::Redaction;
use crate::observe::tracing::{Encoder, Finished, SpanCounts};

/// How often what has come is told.
const TICK: Duration = Duration::from_millis(500);
/// Exchanges that are told at once.
const BATCH: usize = 512;
/// Where spans go. Clones are the same.
#[derive(Clone)]
pub(super) struct Exporter(Rc<Inner>);

struct Inner {
    coming: Receiver<Box<Finished>>,
    counts: Arc<SpanCounts>,
    metrics: Arc<Metrics>,
    state: RefCell<State>,
    /// One batch at a time.
    turn: tokio::sync::Mutex<Option<Connection>>,
}

#[derive(Default)]
struct State {
    settings: Option<(Tracing, Redaction)>,
    encoder: Option<Encoder>,
    /// Said once, and once when it is over.
    fails: bool,
    /// It took a part of the latest batch. Said once.
    picks: bool,
}

impl Exporter {
    pub(super) fn new(coming: Receiver<Box<Finished>>, counts: Arc<SpanCounts>, metrics: Arc<Metrics>) -> Self {
        let (state, turn) = (RefCell::default(), tokio::sync::Mutex::new(None));
        Self(Rc::new(Inner { coming, counts, metrics, state, turn }))
    }

    /// Takes what a config says.
    pub(super) fn follow(&self, tracing: Option<&Tracing>, log: &Log) {
        let settings = tracing.map(|tracing| (tracing.clone(), Redaction::compile(&log.redaction)));
        let mut state = self.0.state.borrow_mut();
        if state.settings == settings {
            return;
        }
        state.encoder =
            settings.as_ref().map(|(tracing, redaction)| Encoder::new(&tracing.service_name, redaction.clone()));
        state.settings = settings;
        // The connection may be to somebody else.
        if let Ok(mut connection) = self.0.turn.try_lock() {
            *connection = None;
        }
    }

    /// Tells what comes, for ever.
    pub(super) async fn run(self) {
        loop {
            tokio::time::sleep(TICK).await;
            while self.export().await {}
        }
    }

    /// Tells what is there, within the time.
    pub(super) async fn flush(&self, at_most: Duration) {
        // What is left then is lost with the process.
        let _late = tokio::time::timeout(at_most, async { while self.export().await {} }).await;
    }

    /// Tells one batch; whether there may be more.
    async fn export(&self) -> bool {
        let mut connection = self.0.turn.lock().await;
        let finished: Vec<_> = self.0.coming.try_iter().take(BATCH).collect();
        let Some((tracing, collector, body)) = self.request(&finished) else { return finished.len() == BATCH };
        let spans = finished.iter().map(|one| one.spans() as u64).sum();
        let sent = deliver(&mut connection, &tracing, &collector, body).await;
        self.count(spans, sent);
        finished.len() == BATCH
    }

    fn request(&self, finished: &[Box<Finished>]) -> Option<(Tracing, Collector, Bytes)> {
        let state = &mut *self.0.state.borrow_mut();
        let (tracing, _) = state.settings.as_ref()?;
        let collector = tracing.endpoint.clone()?;
        let encoder = state.encoder.as_mut().filter(|_| !finished.is_empty())?;
        let body = encoder.encode(finished, &self.0.metrics.names().load());
        Some((tracing.clone(), collector, body.into()))
    }

    fn count(&self, spans: u64, sent: Result<Taken, String>) {
        let mut state = self.0.state.borrow_mut();
        match sent {
            Ok(Taken { rejected, message }) => {
                let rejected = rejected.min(spans);
                self.0.counts.exported.fetch_add(spans - rejected, Relaxed);
                self.0.counts.failed.fetch_add(rejected, Relaxed);
                if !std::mem::replace(&mut state.picks, rejected > 0) && rejected > 0 {
                    let fields = [("rejected", rejected.into()), ("error", message.into())];
                    log::warn("the collector takes a part of the spans", &fields);
                }
                if std::mem::replace(&mut state.fails, false) {
                    log::note("the collector takes spans again", &[]);
                }
            }
            Err(error) => {
                self.0.counts.failed.fetch_add(spans, Relaxed);
                if !std::mem::replace(&mut state.fails, true) {
                    log::warn("the collector does not take spans", &[("error", error.into())]);
                }
            }
        }
    }
}

/// What became of spans.
pub(super) fn expose(counts: &SpanCounts, out: &mut Exposition) {
    let load = |count: &AtomicU64| count.load(Relaxed);
    out.family("tidegate_spans_total", Kind::Counter, "Spans of sampled exchanges, by what became of them.")
        .sample(&[("result", "exported")], load(&counts.exported))
        .sample(&[("result", "dropped")], load(&counts.dropped))
        .sample(&[("result", "failed")], load(&counts.failed));
}
