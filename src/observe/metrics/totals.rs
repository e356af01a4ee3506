//! The sums over all workers at one moment.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::cells::Slots;
use super::compression;
use super::worker::{WorkerCells, listener, route, upstream};
use crate::observe::Names;

/// What was counted since the start, by name. What was never counted is not there.
#[derive(Debug, Default)]
pub struct Totals {
    pub(crate) listeners: BTreeMap<Arc<str>, [u64; listener::CELLS]>,
    /// By listener and route; the route's name is empty where there was none.
    pub(crate) routes: BTreeMap<(Arc<str>, Arc<str>), [u64; route::CELLS]>,
    pub(crate) upstreams: BTreeMap<Arc<str>, [u64; upstream::CELLS]>,
    pub(crate) faults: BTreeMap<(&'static str, &'static str), u64>,
    pub(crate) compression: [u64; compression::CELLS],
    /// By verdict and reason.
    pub(crate) cache_reasons: BTreeMap<(&'static str, &'static str), u64>,
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
            worker.compression.sum_into(&mut totals.compression);
            for ((verdict, reason), count) in worker.cache_reasons.iter() {
                *totals.cache_reasons.entry((verdict.label(), reason)).or_default() += count;
            }
            for (fault, count) in worker.faults.iter() {
                *totals.faults.entry((fault.side.as_str(), fault.label)).or_default() += count;
            }
        }
        totals
    }

    /// What a route has done.
    pub fn route(&self, name: &str) -> RouteTotals {
        let mut totals = RouteTotals::default();
        for (_, cells) in self.routes.iter().filter(|((_, route), _)| &**route == name) {
            let protocols = route::PROTOCOLS.len();
            let class = |class: usize| cells[class * protocols..][..protocols].iter().sum::<u64>();
            totals.requests += (0..route::CLASSES.len()).map(class).sum::<u64>();
            totals.client_errors += class(4);
            totals.server_errors += class(5);
            totals.request_bytes += cells[route::REQUEST_BYTES];
            totals.response_bytes += cells[route::RESPONSE_BYTES];
        }
        totals
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
