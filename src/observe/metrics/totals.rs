//! The sums over all workers at one moment.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::cached::{self, CacheTotals};
use super::cells::{BUCKETS, Slots};
use super::compression;
use super::worker::{Table, WorkerCells, listener, route, upstream};
use crate::observe::Names;

/// What was counted since the start, by name. What was never counted is not there.
#[derive(Debug, Default)]
pub struct Totals {
    pub(crate) listeners: BTreeMap<Arc<str>, [u64; listener::CELLS]>,
    /// By listener and route; the route's name is empty where there was none.
    pub(crate) routes: BTreeMap<(Arc<str>, Arc<str>), [u64; route::CELLS]>,
    pub(crate) upstreams: BTreeMap<Arc<str>, [u64; upstream::CELLS]>,
    pub(crate) faults: BTreeMap<(&'static str, &'static str), u64>,
    pub(crate) compression: compression::Counts,
    /// What the cache did, by listener and route.
    pub(crate) caches: BTreeMap<(Arc<str>, Arc<str>), CacheTotals>,
}

/// What one route has done, on all listeners.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RouteTotals {
    /// Exchanges that ended.
    pub requests: u64,
    /// Those of them with a 4xx status.
    pub client_errors: u64,
    /// Those of them with a 5xx status.
    pub server_errors: u64,
    /// Octets of request bodies.
    pub request_bytes: u64,
    /// Octets of response bodies.
    pub response_bytes: u64,
    /// By how long they took: up to 0.25 ms times a power of two, and what took longer than all of these.
    pub durations: [u64; BUCKETS],
}

/// What came to one listener.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListenerTotals {
    /// Connections that were taken.
    pub accepted: u64,
    /// Connections that are open.
    pub connections: u64,
    /// Connections that were turned away, for whatever reason.
    pub refused: u64,
    /// Exchanges that have begun and not ended.
    pub in_flight: u64,
    /// Exchanges that ended.
    pub requests: u64,
}

/// What one upstream was asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UpstreamTotals {
    /// Exchanges.
    pub requests: u64,
    /// How often an endpoint was tried.
    pub attempts: u64,
    /// Attempts after the first one.
    pub retries: u64,
    /// Connections that were made.
    pub connects: u64,
    /// Connections that could not be made.
    pub connect_failures: u64,
    /// Attempts on a connection that was open already.
    pub reused: u64,
    /// Connections that are open.
    pub connections_open: u64,
}

impl Totals {
    pub(crate) fn read(workers: &[Arc<WorkerCells>], names: &Names) -> Self {
        let mut totals = Self::default();
        for worker in workers {
            let table = worker.table.load();
            sum(&table.listeners, &mut totals.listeners, |id| names.listeners.get(id).cloned());
            sum(&table.upstreams, &mut totals.upstreams, |id| names.upstreams.get(id).cloned());
            for (listener, routes) in table.routes.iter().enumerate() {
                let Some(listener) = names.listeners.get(listener) else { continue };
                sum(routes, &mut totals.routes, |id| Some((listener.clone(), names.routes.get(id)?.clone())));
            }
            totals.read_caches(worker, &table, names);
            worker.compression.sum_into(&mut totals.compression.0);
            for (fault, count) in worker.faults.iter() {
                *totals.faults.entry((fault.side.as_str(), fault.label)).or_default() += count;
            }
        }
        totals
    }

    /// What the cache of each route did on one worker, who has an order of reasons of its own.
    fn read_caches(&mut self, worker: &WorkerCells, table: &Table, names: &Names) {
        for (listener, routes) in table.caches.iter().enumerate() {
            for (id, cells) in routes.iter() {
                let name = names.listeners.get(listener).zip(names.routes.get(id as usize));
                let Some((listener, route)) = name else { continue };
                let mut counted = [0; cached::CELLS];
                cells.sum_into(&mut counted);
                let totals = self.caches.entry((listener.clone(), route.clone())).or_default();
                worker.cache_reasons.sum_into(&counted, &mut totals.reasons);
                totals.cells.iter_mut().zip(counted).for_each(|(sum, count)| *sum = sum.wrapping_add(count));
            }
        }
    }

    /// What a route has done.
    pub fn route(&self, name: &str) -> RouteTotals {
        let mut totals = RouteTotals::default();
        for (_, cells) in self.routes.iter().filter(|((_, route), _)| &**route == name) {
            let protocols = route::PROTOCOLS.len();
            let class = |class: usize| cells[route::REQUESTS + class * protocols..][..protocols].iter().sum::<u64>();
            totals.requests += (0..route::CLASSES.len()).map(class).sum::<u64>();
            totals.client_errors += class(4);
            totals.server_errors += class(5);
            totals.request_bytes += cells[route::REQUEST_BYTES];
            totals.response_bytes += cells[route::RESPONSE_BYTES];
            totals.durations.iter_mut().zip(&cells[route::DURATION..]).for_each(|(sum, cell)| *sum += cell);
        }
        totals
    }

    /// What came to a listener.
    pub fn listener(&self, name: &str) -> ListenerTotals {
        let Some(cells) = self.listeners.get(name) else { return ListenerTotals::default() };
        ListenerTotals {
            accepted: cells[listener::OPENED],
            connections: cells[listener::OPENED].saturating_sub(cells[listener::CLOSED]),
            refused: cells[listener::REFUSED..listener::HANDSHAKES].iter().sum(),
            in_flight: cells[listener::BEGUN].saturating_sub(cells[listener::ENDED]),
            requests: cells[listener::ENDED],
        }
    }

    /// What an upstream was asked for.
    pub fn upstream(&self, name: &str) -> UpstreamTotals {
        let Some(cells) = self.upstreams.get(name) else { return UpstreamTotals::default() };
        UpstreamTotals {
            requests: cells[upstream::REQUESTS],
            attempts: cells[upstream::ATTEMPTS],
            retries: cells[upstream::RETRIES..upstream::NOT_RETRIED].iter().sum(),
            connects: cells[upstream::OPENED],
            connect_failures: cells[upstream::FAILED],
            reused: cells[upstream::REUSED],
            connections_open: cells[upstream::OPENED].saturating_sub(cells[upstream::CLOSED]),
        }
    }

    /// Exchanges that ended, on all listeners.
    pub fn requests(&self) -> u64 {
        self.listeners.values().map(|cells| cells[listener::ENDED]).sum()
    }

    /// Exchanges that have begun and not ended, on all listeners.
    pub fn in_flight(&self) -> u64 {
        self.listeners.values().map(|cells| cells[listener::BEGUN].saturating_sub(cells[listener::ENDED])).sum()
    }

    /// Connections of clients that are open, on all listeners.
    pub fn connections(&self) -> u64 {
        self.listeners.values().map(|cells| cells[listener::OPENED].saturating_sub(cells[listener::CLOSED])).sum()
    }
}

fn sum<K: Ord, const N: usize>(
    slots: &Slots<N>,
    totals: &mut BTreeMap<K, [u64; N]>,
    name: impl Fn(usize) -> Option<K>,
) {
    for (id, cells) in slots.iter() {
        if let Some(name) = name(id as usize) {
            cells.sum_into(totals.entry(name).or_insert([0; N]));
        }
    }
}
