//! All counters of the process: names become numbers, workers get cells, sums are read.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::SystemTime;

use arc_swap::ArcSwap;

use super::exposition::Exposition;
use super::process::Process;
use super::render;
use super::totals::Totals;
use super::worker::{Table, WorkerCells, WorkerMetrics};
use crate::observe::names::{Ids, ListenerId, Names, Numbers, RouteId, UpstreamId};

/// All counters of the process.
pub struct Metrics {
    registry: Mutex<Registry>,
    names: Arc<ArcSwap<Names>>,
    pub(crate) reloads: Reloads,
    pub(crate) access_log: Arc<LogCounts>,
    started: SystemTime,
}

#[derive(Default)]
struct Registry {
    listeners: Numbers,
    routes: Numbers,
    upstreams: Numbers,
    workers: Vec<Arc<WorkerCells>>,
}

#[derive(Debug, Default)]
pub(crate) struct Reloads {
    pub(crate) generation: AtomicU64,
    pub(crate) succeeded: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) last_succeeded: AtomicU64,
}

/// Lines of a log. Whoever drops or writes lines counts them here, a batch at a time.
#[derive(Debug, Default)]
pub struct LogCounts {
    /// Lines that reached the sink.
    pub written: AtomicU64,
    /// Lines that did not: the sink was too slow, or refused them.
    pub dropped: AtomicU64,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::default();
        let none = registry.routes.assign(&"".into());
        debug_assert_eq!(none.id, RouteId::NONE.0);
        Self {
            registry: Mutex::new(registry),
            names: Arc::default(),
            reloads: Reloads::default(),
            access_log: Arc::default(),
            started: SystemTime::now(),
        }
    }
}

impl Metrics {
    /// No counter yet.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Numbers for the names of a config that is being compiled. A name that was there before keeps its number and so
    /// its counters. If the config is refused afterwards, nothing has to be undone.
    pub fn assign(&self, listeners: &[Arc<str>], routes: &[Arc<str>], upstreams: &[Arc<str>]) -> Ids {
        let mut registry = self.lock();
        let Registry { listeners: l, routes: r, upstreams: u, workers } = &mut *registry;
        let listeners = assign_all(l, listeners, |id| workers.iter().for_each(|cells| cells.reset_listener(id)));
        let routes = assign_all(r, routes, |id| workers.iter().for_each(|cells| cells.reset_route(id)));
        let upstreams = assign_all(u, upstreams, |id| workers.iter().for_each(|cells| cells.reset_upstream(id)));
        let names = Names { listeners: l.names().to_vec(), routes: r.names().to_vec(), upstreams: u.names().to_vec() };
        workers.iter().for_each(|cells| cells.grow(&names));
        self.names.store(Arc::new(names));
        Ids {
            listeners: listeners.map(ListenerId).collect(),
            routes: routes.map(RouteId).collect(),
            upstreams: upstreams.map(UpstreamId).collect(),
        }
    }

    /// Notes that the config with these numbers is in force: other names are retired.
    pub fn published(&self, generation: u64, ids: &Ids) {
        let mut registry = self.lock();
        registry.listeners.keep(ids.listeners.iter().map(|id| id.0));
        registry.routes.keep(ids.routes.iter().map(|id| id.0).chain([RouteId::NONE.0]));
        registry.upstreams.keep(ids.upstreams.iter().map(|id| id.0));
        self.reloads.generation.store(generation, Relaxed);
        self.reloads.succeeded.fetch_add(1, Relaxed);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.reloads.last_succeeded.store(now.as_secs(), Relaxed);
    }

    /// Notes that a config was refused and nothing changed.
    pub fn reload_failed(&self) {
        self.reloads.failed.fetch_add(1, Relaxed);
    }

    /// The counters of one more worker. Call it on the worker's thread.
    pub fn worker(&self) -> WorkerMetrics {
        let cells = Arc::<WorkerCells>::default();
        let mut registry = self.lock();
        cells.grow(&self.names.load());
        registry.workers.push(cells.clone());
        WorkerMetrics::new(cells)
    }

    /// The table of names, for whoever turns numbers back into text.
    pub fn names(&self) -> Arc<ArcSwap<Names>> {
        self.names.clone()
    }

    /// Where the access log counts its lines.
    pub fn access_log(&self) -> Arc<LogCounts> {
        self.access_log.clone()
    }

    /// The sums over all workers.
    pub fn totals(&self) -> Totals {
        Totals::read(&self.lock().workers, &self.names.load())
    }

    /// Everything as Prometheus reads it. `more` may add families of its own.
    pub fn render(&self, more: impl FnOnce(&mut Exposition)) -> String {
        let mut out = Exposition::new();
        render::traffic(&mut out, &self.totals());
        render::program(&mut out, self);
        render::process(&mut out, Process::read(), self.started);
        more(&mut out);
        out.into_text()
    }

    /// How many workers there are.
    pub(crate) fn workers(&self) -> usize {
        self.lock().workers.len()
    }

    fn lock(&self) -> MutexGuard<'_, Registry> {
        // What the lock guards is whole at every step, so a panic elsewhere leaves it usable.
        self.registry.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

/// Assigns a number to each name; `reset` clears the counters of a number that had another name.
fn assign_all(numbers: &mut Numbers, names: &[Arc<str>], mut reset: impl FnMut(u32)) -> std::vec::IntoIter<u32> {
    let mut ids = Vec::with_capacity(names.len());
    for name in names {
        let assigned = numbers.assign(name);
        if assigned.reused {
            reset(assigned.id);
        }
        ids.push(assigned.id);
    }
    ids.into_iter()
}

impl WorkerCells {
    fn grow(&self, names: &Names) {
        let mut table = Table::clone(&self.table.load());
        table.listeners.grow(names.listeners.len());
        table.upstreams.grow(names.upstreams.len());
        table.routes.resize_with(names.listeners.len().max(table.routes.len()), Default::default);
        table.routes.iter_mut().for_each(|routes| routes.grow(names.routes.len()));
        self.table.store(Arc::new(table));
    }

    fn reset_listener(&self, id: u32) {
        let table = self.table.load();
        table.listeners.reset(id);
        if let Some(routes) = table.routes.get(id as usize) {
            routes.reset_all();
        }
    }

    fn reset_route(&self, id: u32) {
        self.table.load().routes.iter().for_each(|routes| routes.reset(id));
    }

    fn reset_upstream(&self, id: u32) {
        self.table.load().upstreams.reset(id);
    }
}
