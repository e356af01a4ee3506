//! From a worker to the control thread: what is to become spans.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use http::{HeaderValue, Method, StatusCode, Version};

use super::Trace;
use crate::http::{Scheme, Text};
use crate::observe::{CacheFacts, Exchange, Fault, ListenerId, RouteId, Try, UpstreamId};

/// Exchanges that may wait for the control thread.
const WAITING: usize = 2048;

/// How many spans went where. Shared by everybody who counts.
#[derive(Debug, Default)]
pub struct SpanCounts {
    /// The collector took them.
    pub exported: AtomicU64,
    /// They were left out: the queue was full.
    pub dropped: AtomicU64,
    /// The collector was not there, or refused them.
    pub failed: AtomicU64,
}

/// A sampled exchange that is over.
#[derive(Debug)]
pub struct Finished {
    pub(crate) trace: Trace,
    pub(crate) begun: Instant,
    pub(crate) ended: Instant,
    pub(crate) listener: ListenerId,
    pub(crate) route: Option<RouteId>,
    pub(crate) upstream: Option<UpstreamId>,
    pub(crate) method: Method,
    pub(crate) scheme: Scheme,
    pub(crate) authority: Text,
    pub(crate) target: Text,
    pub(crate) version: Version,
    pub(crate) client: Option<IpAddr>,
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) user_agent: Option<HeaderValue>,
    pub(crate) request_id: Option<HeaderValue>,
    pub(crate) status: Option<StatusCode>,
    pub(crate) fault: Option<Fault>,
    pub(crate) cache: Option<CacheFacts>,
    pub(crate) request_bytes: u64,
    pub(crate) response_bytes: u64,
    pub(crate) attempts: Vec<FinishedTry>,
}

/// One attempt of it.
#[derive(Debug)]
pub(crate) struct FinishedTry {
    pub(crate) endpoint: String,
    pub(crate) span: u64,
    pub(crate) begun: Instant,
    pub(crate) took: Duration,
    pub(crate) status: Option<StatusCode>,
    pub(crate) failure: Option<&'static str>,
    pub(crate) reused: bool,
}

/// The way in. Clones are the same.
#[derive(Clone)]
pub struct Spans {
    queue: SyncSender<Box<Finished>>,
    counts: Arc<SpanCounts>,
}

/// A worker's way in.
pub type WorkerSpans = Spans;

impl Spans {
    /// With the way out.
    pub fn new() -> (Self, Receiver<Box<Finished>>) {
        let (queue, coming) = sync_channel(WAITING);
        (Self { queue, counts: Arc::default() }, coming)
    }

    /// What became of them.
    pub fn counts(&self) -> Arc<SpanCounts> {
        self.counts.clone()
    }

    /// An exchange is over. Where it is not sampled, nothing happens.
    pub(crate) fn ended(&self, exchange: &Exchange, now: Instant) {
        let Some(trace) = exchange.trace.as_deref().filter(|trace| trace.sampled) else { return };
        if self.queue.try_send(Box::new(Finished::of(trace, exchange, now))).is_err() {
            self.counts.dropped.fetch_add(1 + exchange.tries.list().len() as u64, Relaxed);
        }
    }
}

impl Finished {
    fn of(trace: &Trace, exchange: &Exchange, now: Instant) -> Self {
        let attempt = |attempt: &Try| FinishedTry {
            endpoint: attempt.endpoint.to_string(),
            span: attempt.span,
            begun: attempt.begun,
            took: attempt.took,
            status: attempt.status,
            failure: attempt.failure,
            reused: attempt.reused,
        };
        Self {
            trace: trace.clone(),
            begun: exchange.start,
            ended: now,
            listener: exchange.listener,
            route: exchange.route,
            upstream: exchange.upstream,
            method: exchange.method.clone(),
            scheme: exchange.scheme,
            authority: exchange.authority.clone(),
            target: exchange.target.clone(),
            version: exchange.version,
            client: exchange.client,
            peer: exchange.peer,
            user_agent: exchange.user_agent.clone(),
            request_id: exchange.request_id.clone(),
            status: exchange.status,
            fault: exchange.fault,
            cache: exchange.cache,
            request_bytes: exchange.request_bytes,
            response_bytes: exchange.response_bytes,
            attempts: exchange.tries.list().iter().map(attempt).collect(),
        }
    }

    /// How many spans it makes.
    pub fn spans(&self) -> usize {
        1 + self.attempts.len()
    }
}
