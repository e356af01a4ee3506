//! What a worker does with each exchange: count it, and log it, once, when it is over.

use std::rc::Rc;
use std::time::Instant;

use super::access_log::WorkerAccessLog;
use super::exchange::Exchange;
use super::metrics::WorkerMetrics;
use super::names::ListenerId;

/// A worker's counters and its access log.
pub struct Observer {
    metrics: WorkerMetrics,
    access_log: WorkerAccessLog,
}

impl Observer {
    /// From the worker's parts of both.
    pub fn new(metrics: WorkerMetrics, access_log: WorkerAccessLog) -> Rc<Self> {
        Rc::new(Self { metrics, access_log })
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

    /// An exchange is over, at its last byte or before.
    pub fn ended(&self, exchange: &Exchange) {
        let now = Instant::now();
        self.metrics.ended(exchange, now);
        self.access_log.write(exchange, now);
    }
}
