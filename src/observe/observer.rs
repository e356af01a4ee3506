//! What a worker does with each exchange: count it, and log it, once, when it is over.

use std::cell::Cell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::{Duration, Instant};

use super::abuse::Abuse;
use super::access_log::WorkerAccessLog;
use super::exchange::Exchange;
use super::log;
use super::lookout::WorkerLookout;
use super::metrics::WorkerMetrics;
use super::names::ListenerId;
use super::tracing::WorkerSpans;

/// A reason of abuse is logged once in this time; the others are counted.
const COMPLAINT: Duration = Duration::from_secs(1);

/// A worker's counters, its access log, and those who look on.
pub struct Observer {
    metrics: WorkerMetrics,
    access_log: WorkerAccessLog,
    lookout: WorkerLookout,
    spans: WorkerSpans,
    complaints: [Complaint; Abuse::ALL.len()],
}

/// When a reason was logged, and how often it was not since.
#[derive(Default)]
struct Complaint {
    at: Cell<Option<Instant>>,
    unsaid: Cell<u64>,
}

impl Observer {
    /// From the worker's parts of all of them.
    pub fn new(
        metrics: WorkerMetrics,
        access_log: WorkerAccessLog,
        lookout: WorkerLookout,
        spans: WorkerSpans,
    ) -> Rc<Self> {
        Rc::new(Self { metrics, access_log, lookout, spans, complaints: Default::default() })
    }

    /// The worker's counters, for what happens outside an exchange.
    pub fn metrics(&self) -> &WorkerMetrics {
        &self.metrics
    }

    /// The worker's access log, to be flushed when it drains.
    pub fn access_log(&self) -> &WorkerAccessLog {
        &self.access_log
    }

    /// An exchange has begun; [`Observer::ended`] follows once.
    pub fn begun(&self, listener: ListenerId) {
        self.metrics.begun(listener);
    }

    /// A connection was closed for what the client did. An attack has many, so not each has a line in the log.
    pub fn abused(&self, listener: (ListenerId, &str), abuse: Abuse, client: Option<SocketAddr>) {
        self.metrics.connection_abused(listener.0, abuse);
        let (complaint, now) = (&self.complaints[abuse as usize], Instant::now());
        if complaint.at.get().is_some_and(|at| now < at + COMPLAINT) {
            return complaint.unsaid.set(complaint.unsaid.get() + 1);
        }
        complaint.at.set(Some(now));
        let client = client.map_or_else(String::new, |client| client.ip().to_string());
        let mut fields =
            vec![("listener", listener.1.into()), ("reason", abuse.label().into()), ("client", client.into())];
        if let more @ 1.. = complaint.unsaid.take() {
            fields.push(("more", more.into()));
        }
        log::warn("connection closed for abuse", &fields);
    }

    /// An exchange is over, at its last byte or before.
    pub fn ended(&self, exchange: &Exchange, now: Instant) {
        self.metrics.ended(exchange, now);
        self.access_log.write(exchange, now);
        self.lookout.ended(exchange, now);
        self.spans.ended(exchange, now);
    }
}
