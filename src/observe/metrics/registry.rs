//! All counters of the process: names become numbers, workers get cells, sums are read.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime};

use arc_swap::ArcSwap;
use tokio::runtime::RuntimeMetrics;

use super::dialect::Dialect;
use super::exposition::Exposition;
use super::process::Process;
use super::render;
use super::routes::{self, Counts};
use super::sums::Sums;
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
    runtimes: Vec<RuntimeMetrics>,
}

#[derive(Debug, Default)]
pub(crate) struct Reloads {
    pub(crate) generation: AtomicU64,
    pub(crate) succeeded: AtomicU64,
    pub(crate) failed: AtomicU64,
    pub(crate) rolled_back: AtomicU64,
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
        let Registry { listeners: l, routes: r, upstreams: u, workers, runtimes: _ } = &mut *registry;
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

    /// Notes that the config of that generation is in force, which was `loaded` or is the one before again.
    pub fn published(&self, generation: u64, loaded: bool) {
        self.reloads.generation.store(generation, Relaxed);
        let counter = if loaded { &self.reloads.succeeded } else { &self.reloads.rolled_back };
        counter.fetch_add(1, Relaxed);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        self.reloads.last_succeeded.store(now.as_secs(), Relaxed);
    }

    /// Retires all names but those with these numbers.
    pub fn keep(&self, ids: &[&Ids]) {
        let mut registry = self.lock();
        registry.listeners.keep(ids.iter().flat_map(|ids| ids.listeners.iter().map(|id| id.0)));
        let routes = ids.iter().flat_map(|ids| ids.routes.iter().map(|id| id.0));
        registry.routes.keep(routes.chain([RouteId::NONE.0]));
        registry.upstreams.keep(ids.iter().flat_map(|ids| ids.upstreams.iter().map(|id| id.0)));
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

    /// Tells how busy the worker's runtime is, from now on. The order is that of the workers.
    pub fn watch(&self, runtime: RuntimeMetrics) {
        self.lock().runtimes.push(runtime);
    }

    /// For how long each worker was busy since its start: not waiting for something to do.
    pub(crate) fn busy(&self) -> Vec<Duration> {
        self.lock().runtimes.iter().map(|runtime| runtime.worker_total_busy_duration(0)).collect()
    }

    /// When the process started.
    pub fn started(&self) -> SystemTime {
        self.started
    }

    /// A few sums over everything.
    pub(crate) fn sums(&self, at: Instant) -> Sums {
        let busy = self.busy();
        let sums = Sums::read(&self.lock().workers, at);
        Sums { busy: busy.iter().sum(), workers: busy.len(), ..sums }
    }

    /// What each route has done.
    pub fn route_counts(&self) -> Counts {
        routes::read(&self.lock().workers)
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
    pub fn render(&self, dialect: Dialect, more: impl FnOnce(&mut Exposition)) -> String {
        let mut out = Exposition::new(dialect);
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
        table.caches.resize_with(table.routes.len(), Default::default);
        table.caches.iter_mut().for_each(|routes| routes.grow(names.routes.len()));
        self.table.store(Arc::new(table));
    }

    fn reset_listener(&self, id: u32) {
        let table = self.table.load();
        table.listeners.reset(id);
        if let Some(routes) = table.routes.get(id as usize) {
            routes.reset_all();
        }
        if let Some(routes) = table.caches.get(id as usize) {
            routes.reset_all();
        }
    }

    fn reset_route(&self, id: u32) {
        let table = self.table.load();
        table.routes.iter().for_each(|routes| routes.reset(id));
        table.caches.iter().for_each(|routes| routes.reset(id));
    }

    fn reset_upstream(&self, id: u32) {
        self.table.load().upstreams.reset(id);
    }
}
