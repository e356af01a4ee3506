//! A few sums over everything, cheap enough to be made each second.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::cached;
use super::cells::BUCKETS;
use super::worker::{WorkerCells, listener, route, upstream};
use crate::observe::CacheVerdict;

/// What was counted until then, over all listeners and routes.
#[derive(Clone, Debug)]
pub(crate) struct Sums {
    pub(crate) at: Instant,
    pub(crate) classes: [u64; route::CLASSES.len()],
    pub(crate) request_bytes: u64,
    pub(crate) response_bytes: u64,
    pub(crate) durations: [u64; BUCKETS],
    pub(crate) cache_hits: u64,
    pub(crate) cache_misses: u64,
    pub(crate) faults: u64,
    pub(crate) connections: u64,
    pub(crate) in_flight: u64,
    /// Of all workers.
    pub(crate) busy: Duration,
    pub(crate) workers: usize,
    /// By the number of the name.
    pub(crate) upstreams: Vec<UpstreamSums>,
}

/// What an upstream was asked for until then.
#[derive(Clone, Debug, Default)]
pub(crate) struct UpstreamSums {
    pub(crate) requests: u64,
    pub(crate) errors: u64,
    pub(crate) retries: u64,
    pub(crate) first_byte: [u64; BUCKETS],
}

impl Sums {
    /// Nothing.
    pub(crate) fn at(at: Instant) -> Self {
        Self {
            at,
            classes: [0; route::CLASSES.len()],
            request_bytes: 0,
            response_bytes: 0,
            durations: [0; BUCKETS],
            cache_hits: 0,
            cache_misses: 0,
            faults: 0,
            connections: 0,
            in_flight: 0,
            busy: Duration::ZERO,
            workers: 0,
            upstreams: Vec::new(),
        }
    }

    pub(super) fn read(workers: &[Arc<WorkerCells>], at: Instant) -> Self {
        let mut sums = Self::at(at);
        let (mut listeners, mut routes) = ([0; listener::CELLS], [0; route::CELLS]);
        let mut caches = [0; cached::CELLS];
        for worker in workers {
            let table = worker.table.load();
            table.listeners.iter().for_each(|(_, cells)| cells.sum_into(&mut listeners));
            table.routes.iter().flat_map(|routes| routes.iter()).for_each(|(_, cells)| cells.sum_into(&mut routes));
            table.caches.iter().flat_map(|routes| routes.iter()).for_each(|(_, cells)| cells.sum_into(&mut caches));
            for (number, cells) in table.upstreams.iter() {
                let number = number as usize;
                if sums.upstreams.len() <= number {
                    sums.upstreams.resize_with(number + 1, Default::default);
                }
                let mut totals = [0; upstream::CELLS];
                cells.sum_into(&mut totals);
                sums.upstreams[number].add(&totals);
            }
            sums.faults += worker.faults.iter().map(|(_, count)| count).sum::<u64>();
        }
        sums.take(&listeners, &routes, &caches);
        sums
    }

    fn take(
        &mut self,
        listeners: &[u64; listener::CELLS],
        routes: &[u64; route::CELLS],
        caches: &[u64; cached::CELLS],
    ) {
        let protocols = route::PROTOCOLS.len();
        self.classes =
            std::array::from_fn(|class| routes[route::REQUESTS + class * protocols..][..protocols].iter().sum());
        self.request_bytes = routes[route::REQUEST_BYTES];
        self.response_bytes = routes[route::RESPONSE_BYTES];
        self.durations = std::array::from_fn(|bucket| routes[route::DURATION + bucket]);
        for verdict in CacheVerdict::ALL {
            let count = caches[cached::REQUESTS + verdict as usize];
            match verdict {
                CacheVerdict::Hit | CacheVerdict::Stale | CacheVerdict::Validated => self.cache_hits += count,
                CacheVerdict::Miss | CacheVerdict::Bypass => self.cache_misses += count,
            }
        }
        self.connections = listeners[listener::OPENED].saturating_sub(listeners[listener::CLOSED]);
        self.in_flight = listeners[listener::BEGUN].saturating_sub(listeners[listener::ENDED]);
    }
}

impl UpstreamSums {
    fn add(&mut self, cells: &[u64; upstream::CELLS]) {
        self.requests += cells[upstream::REQUESTS];
        self.errors += cells[upstream::STATUS + route::CLASSES.len() - 1];
        self.retries += cells[upstream::RETRIES..upstream::NOT_RETRIED].iter().sum::<u64>();
        for (sum, cell) in self.first_byte.iter_mut().zip(&cells[upstream::FIRST_BYTE..]) {
            *sum += cell;
        }
    }
}
