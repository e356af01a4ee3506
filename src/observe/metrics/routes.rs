//! What each route has done, without what it costs to have all counters by name: for whoever compares then and now.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::cells::BUCKETS;
use super::worker::{WorkerCells, route};
use crate::observe::RouteId;

/// What one route has done, on all listeners.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RouteCounts {
    /// Exchanges that ended.
    pub requests: u64,
    /// Those of them with a 4xx status.
    pub client_errors: u64,
    /// Those of them with a 5xx status.
    pub server_errors: u64,
    /// From the first byte of the request to the last byte of the response, by the buckets of the histogram.
    pub durations: [u64; BUCKETS],
}

/// What routes have done, by their numbers; those that were never asked for are not there.
pub type Counts = BTreeMap<RouteId, RouteCounts>;

impl RouteCounts {
    /// Both together.
    pub fn and(mut self, more: &Self) -> Self {
        self.requests += more.requests;
        self.client_errors += more.client_errors;
        self.server_errors += more.server_errors;
        self.durations.iter_mut().zip(more.durations).for_each(|(sum, more)| *sum += more);
        self
    }

    /// What has come since. A number that was given to another route begins anew.
    pub fn since(&self, then: &Self) -> Self {
        if self.requests < then.requests {
            return *self;
        }
        Self {
            requests: self.requests - then.requests,
            client_errors: self.client_errors.saturating_sub(then.client_errors),
            server_errors: self.server_errors.saturating_sub(then.server_errors),
            durations: std::array::from_fn(|place| self.durations[place].saturating_sub(then.durations[place])),
        }
    }

    fn of(cells: &[u64; route::CELLS]) -> Self {
        let class = |class: usize| {
            cells[route::REQUESTS + class * route::PROTOCOLS.len()..][..route::PROTOCOLS.len()].iter().sum()
        };
        Self {
            requests: (0..route::CLASSES.len()).map(class).sum(),
            client_errors: class(4),
            server_errors: class(5),
            durations: std::array::from_fn(|bucket| cells[route::DURATION + bucket]),
        }
    }
}

/// What came between two counts.
pub fn since(now: &Counts, then: &Counts) -> Counts {
    let none = RouteCounts::default();
    let came = now.iter().map(|(id, counts)| (*id, counts.since(then.get(id).unwrap_or(&none))));
    came.filter(|(_, counts)| counts.requests > 0).collect()
}

pub(super) fn read(workers: &[Arc<WorkerCells>]) -> Counts {
    let mut counts = Counts::new();
    for worker in workers {
        let table = worker.table.load();
        for (id, cells) in table.routes.iter().flat_map(|routes| routes.iter()) {
            let mut sum = [0; route::CELLS];
            cells.sum_into(&mut sum);
            let counts = counts.entry(RouteId(id)).or_default();
            *counts = counts.and(&RouteCounts::of(&sum));
        }
    }
    counts
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;
    use crate::observe::Exchange;
    use crate::observe::metrics::Metrics;

    #[test]
    fn counts_are_of_all_listeners_and_workers() {
        let metrics = Metrics::new();
        let ids = metrics.assign(&["a".into(), "b".into()], &["api".into(), "idle".into()], &[]);
        let (one, two) = (metrics.worker(), metrics.worker());
        let start = Instant::now();
        let ended = |worker: &crate::observe::metrics::WorkerMetrics, listener: usize, status: u16| {
            let mut exchange = Exchange::begin(ids.listeners[listener], start);
            exchange.route = Some(ids.routes[0]);
            exchange.status = http::StatusCode::from_u16(status).ok();
            worker.ended(&exchange, start + Duration::from_millis(3));
        };
        ended(&one, 0, 200);
        let before = metrics.route_counts();
        ended(&one, 1, 404);
        ended(&two, 0, 502);
        let now = metrics.route_counts();
        let api = now[&ids.routes[0]];
        assert_eq!((api.requests, api.client_errors, api.server_errors), (3, 1, 1));
        assert_eq!((api.durations[4], api.durations.iter().sum::<u64>()), (3, 3), "2 to 4 ms");
        let came = since(&now, &before);
        assert_eq!((came.len(), came[&ids.routes[0]].requests), (1, 2));
        assert_eq!(before[&ids.routes[0]].since(&api).requests, 1, "another route has the number now");
    }
}
