//! What a worker does with each exchange: count it, and log it, once, when it is over.

use std::rc::Rc;
use std::time::Instant;

use super::access_log::WorkerAccessLog;
use super::exchange::Exchange;
use super::metrics::WorkerMetrics;

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

    /// Watches an exchange that has begun.
    pub fn begin(self: &Rc<Self>, exchange: Exchange) -> Observed {
        self.metrics.begun(exchange.listener);
        Observed { exchange: Box::new(exchange), observer: self.clone() }
    }

    fn finish(&self, exchange: &Exchange) {
        let now = Instant::now();
        self.metrics.ended(exchange, now);
        self.access_log.write(exchange, now);
    }
}

/// An exchange that is under way. Keep it with the body of the response: when it is dropped, the exchange is over, at
/// its last byte or before, and it is counted and logged exactly once.
pub struct Observed {
    /// The facts so far.
    pub exchange: Box<Exchange>,
    observer: Rc<Observer>,
}

impl Observed {
    /// The worker's counters.
    pub fn metrics(&self) -> &WorkerMetrics {
        &self.observer.metrics
    }
}

impl Drop for Observed {
    fn drop(&mut self) {
        self.observer.finish(&self.exchange);
    }
}
