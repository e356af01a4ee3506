//! What a worker counts, and where. No lock, and no allocation but the first time that a name is counted.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use arc_swap::{ArcSwap, Cache};
use http::{StatusCode, Version};

use super::cells::{Cells, HISTOGRAM, Slots};
use super::compression::{self, Uncompressed};
use crate::observe::{CacheFacts, CacheVerdict, Cause, Exchange, Fault, ListenerId, NotRetried, RouteId, UpstreamId};

/// Why a connection was closed before it was served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The listener has `max_connections` already.
    MaxConnections,
    /// The PROXY header was missing, malformed, too slow, or from somebody who is not trusted.
    ProxyProtocol,
}

impl Refused {
    pub(crate) const ALL: [Self; 2] = [Self::MaxConnections, Self::ProxyProtocol];

    /// The label in metrics and logs.
    pub const fn label(self) -> &'static str {
        match self {
            Self::MaxConnections => "max_connections",
            Self::ProxyProtocol => "proxy_protocol",
        }
    }
}

/// How a TLS handshake with a client ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Handshake {
    /// Done, with a new session.
    Full,
    /// Done, with the keys of an earlier session.
    Resumed,
    /// Broken off by either side, or too slow.
    Failed,
}

impl Handshake {
    pub(crate) const ALL: [Self; 3] = [Self::Full, Self::Resumed, Self::Failed];

    /// The label in metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Resumed => "resumed",
            Self::Failed => "failed",
        }
    }
}

/// Places in the cells of a listener.
pub(crate) mod listener {
    pub(crate) const OPENED: usize = 0;
    pub(crate) const CLOSED: usize = 1;
    pub(crate) const BEGUN: usize = 2;
    pub(crate) const ENDED: usize = 3;
    pub(crate) const REFUSED: usize = 4;
    pub(crate) const HANDSHAKES: usize = REFUSED + super::Refused::ALL.len();
    pub(crate) const CELLS: usize = HANDSHAKES + super::Handshake::ALL.len();
}

/// Places in the cells of a route on a listener.
pub(crate) mod route {
    /// What `status` is labelled with: the class, or that there was none.
    pub(crate) const CLASSES: [&str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];
    pub(crate) const PROTOCOLS: [&str; 3] = ["http/1.0", "http/1.1", "h2"];
    /// One for each class and protocol.
    pub(crate) const REQUESTS: usize = 0;
    pub(crate) const REQUEST_BYTES: usize = CLASSES.len() * PROTOCOLS.len();
    pub(crate) const RESPONSE_BYTES: usize = REQUEST_BYTES + 1;
    pub(crate) const DURATION: usize = RESPONSE_BYTES + 1;
    /// One for each verdict of the cache.
    pub(crate) const CACHE: usize = DURATION + super::HISTOGRAM;
    /// Octets of response bodies that came from the cache.
    pub(crate) const CACHE_BYTES: usize = CACHE + super::CacheVerdict::ALL.len();
    /// Exchanges that waited for the fetch of another one.
    pub(crate) const COLLAPSED: usize = CACHE_BYTES + 1;
    pub(crate) const CELLS: usize = COLLAPSED + 1;
}

/// Places in the cells of an upstream.
pub(crate) mod upstream {
    pub(crate) const REQUESTS: usize = 0;
    pub(crate) const ATTEMPTS: usize = 1;
    pub(crate) const OPENED: usize = 2;
    pub(crate) const CLOSED: usize = 3;
    pub(crate) const FAILED: usize = 4;
    pub(crate) const REUSED: usize = 5;
    pub(crate) const FIRST_BYTE: usize = 6;
    /// One for each cause.
    pub(crate) const RETRIES: usize = FIRST_BYTE + super::HISTOGRAM;
    /// One for each reason.
    pub(crate) const NOT_RETRIED: usize = RETRIES + super::Cause::ALL.len();
    pub(crate) const CELLS: usize = NOT_RETRIED + super::NotRetried::ALL.len();
}

/// Cells by name. The list is replaced as a whole when names come, and shares its cells with the one before.
#[derive(Clone, Default)]
pub(crate) struct Table {
    pub(crate) listeners: Slots<{ listener::CELLS }>,
    /// For each listener the routes.
    pub(crate) routes: Vec<Slots<{ route::CELLS }>>,
    pub(crate) upstreams: Slots<{ upstream::CELLS }>,
}

/// All counters of one worker.
#[derive(Default)]
pub(crate) struct WorkerCells {
    pub(crate) table: Arc<ArcSwap<Table>>,
    pub(crate) faults: FaultCells,
    pub(crate) compression: Cells<{ compression::CELLS }>,
    pub(crate) cache_reasons: ReasonCells,
}

/// Why the cache did not simply answer, by verdict and reason. There are few, and a hit has none.
#[repr(align(128))]
pub(crate) struct ReasonCells([(OnceLock<(CacheVerdict, &'static str)>, AtomicU64); REASONS]);

/// More than the cache has; a test of their list would notice.
const REASONS: usize = 64;

impl Default for ReasonCells {
    fn default() -> Self {
        Self(std::array::from_fn(|_| (OnceLock::new(), AtomicU64::new(0))))
    }
}

impl ReasonCells {
    fn count(&self, why: (CacheVerdict, &'static str)) {
        if let Some((_, cell)) = self.0.iter().find(|(place, _)| *place.get_or_init(|| why) == why) {
            cell.store(cell.load(Relaxed).wrapping_add(1), Relaxed);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = ((CacheVerdict, &'static str), u64)> {
        self.0.iter().map_while(|(place, cell)| Some((*place.get()?, cell.load(Relaxed))))
    }
}

/// Failed exchanges by fault. There are few faults and they are rare, so a short list is searched.
#[repr(align(128))]
pub(crate) struct FaultCells([(OnceLock<Fault>, AtomicU64); FAULTS]);

/// More faults than the program has; a test of the list of faults would notice.
const FAULTS: usize = 128;

impl Default for FaultCells {
    fn default() -> Self {
        Self(std::array::from_fn(|_| (OnceLock::new(), AtomicU64::new(0))))
    }
}

impl FaultCells {
    fn count(&self, fault: Fault) {
        let place = self.0.iter().find(|(place, _)| *place.get_or_init(|| fault) == fault);
        debug_assert!(place.is_some(), "more than {FAULTS} faults");
        if let Some((_, cell)) = place {
            cell.store(cell.load(Relaxed).wrapping_add(1), Relaxed);
        }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (Fault, u64)> {
        self.0.iter().map_while(|(place, cell)| Some((*place.get()?, cell.load(Relaxed))))
    }
}

/// A worker's hand on its counters. Clones count into the same cells; all of them stay on the worker's thread.
#[derive(Clone)]
pub struct WorkerMetrics(Rc<Hand>);

struct Hand {
    cells: Arc<WorkerCells>,
    table: RefCell<Cache<Arc<ArcSwap<Table>>, Arc<Table>>>,
}

impl WorkerMetrics {
    pub(crate) fn new(cells: Arc<WorkerCells>) -> Self {
        let table = RefCell::new(Cache::new(cells.table.clone()));
        Self(Rc::new(Hand { cells, table }))
    }

    /// A connection is served from now on.
    pub fn connection_opened(&self, listener: ListenerId) {
        self.listener(listener, listener::OPENED);
    }

    /// A connection that was opened is gone.
    pub fn connection_closed(&self, listener: ListenerId) {
        self.listener(listener, listener::CLOSED);
    }

    /// A connection was closed without being served.
    pub fn connection_refused(&self, listener: ListenerId, why: Refused) {
        self.listener(listener, listener::REFUSED + why as usize);
    }

    /// A TLS handshake ended.
    pub fn handshake(&self, listener: ListenerId, how: Handshake) {
        self.listener(listener, listener::HANDSHAKES + how as usize);
    }

    /// A request's head was read; [`WorkerMetrics::ended`] follows.
    pub fn begun(&self, listener: ListenerId) {
        self.listener(listener, listener::BEGUN);
    }

    /// A connection to an endpoint stands.
    pub fn upstream_opened(&self, upstream: UpstreamId) {
        self.upstream(upstream, upstream::OPENED);
    }

    /// A connection that was opened to an endpoint is gone.
    pub fn upstream_closed(&self, upstream: UpstreamId) {
        self.upstream(upstream, upstream::CLOSED);
    }

    /// A connection to an endpoint could not be made: refused, too slow, TLS failed, name unknown.
    pub fn upstream_failed(&self, upstream: UpstreamId) {
        self.upstream(upstream, upstream::FAILED);
    }

    /// An attempt used a connection that was open already.
    pub fn upstream_reused(&self, upstream: UpstreamId) {
        self.upstream(upstream, upstream::REUSED);
    }

    /// A response of a route that compresses stays as it is.
    pub fn left_uncompressed(&self, why: Uncompressed) {
        self.0.cells.compression.add(compression::REASONS + why as usize, 1);
    }

    /// An exchange is over: counts it by listener, route, status and protocol, and what it says of the upstream.
    pub fn ended(&self, exchange: &Exchange, now: Instant) {
        let mut cache = self.0.table.borrow_mut();
        let table = cache.load();
        if let Some(cells) = table.listeners.at(exchange.listener.0) {
            cells.add(listener::ENDED, 1);
        }
        let route = exchange.route.unwrap_or(RouteId::NONE);
        if let Some(cells) = table.routes.get(exchange.listener.0 as usize).and_then(|routes| routes.at(route.0)) {
            let class = class_of(exchange.status) * route::PROTOCOLS.len() + protocol_of(exchange.version);
            cells.add(route::REQUESTS + class, 1);
            cells.add(route::REQUEST_BYTES, exchange.request_bytes);
            cells.add(route::RESPONSE_BYTES, exchange.response_bytes);
            cells.observe(route::DURATION, exchange.since_start(now));
            if let Some(facts) = exchange.cache {
                self.cached(cells, facts, exchange.response_bytes);
            }
        }
        if let Some(cells) = exchange.upstream.and_then(|upstream| table.upstreams.at(upstream.0)) {
            cells.add(upstream::REQUESTS, 1);
            cells.add(upstream::ATTEMPTS, u64::from(exchange.attempts));
            exchange.retries.iter().for_each(|cause| cells.add(upstream::RETRIES + cause as usize, 1));
            if let Some(why) = exchange.not_retried {
                cells.add(upstream::NOT_RETRIED + why as usize, 1);
            }
            if let Some(at) = exchange.first_byte {
                cells.observe(upstream::FIRST_BYTE, exchange.since_start(at));
            }
        }
        if let Some(place) = exchange.encoding.filter(|_| exchange.plain_bytes > 0).and_then(compression::place) {
            let cells = &self.0.cells.compression;
            cells.add(compression::RESPONSES + place, 1);
            cells.add(compression::PLAIN_BYTES + place, exchange.plain_bytes);
            cells.add(compression::BYTES + place, exchange.response_bytes);
        }
        if let Some(fault) = exchange.fault {
            self.0.cells.faults.count(fault);
        }
    }

    fn cached(&self, cells: &Cells<{ route::CELLS }>, facts: CacheFacts, bytes: u64) {
        cells.add(route::CACHE + facts.verdict as usize, 1);
        if !matches!(facts.verdict, CacheVerdict::Miss | CacheVerdict::Bypass) {
            cells.add(route::CACHE_BYTES, bytes);
        }
        if facts.collapsed {
            cells.add(route::COLLAPSED, 1);
        }
        if let Some(reason) = facts.reason {
            self.0.cells.cache_reasons.count((facts.verdict, reason));
        }
    }

    fn listener(&self, id: ListenerId, place: usize) {
        if let Some(cells) = self.0.table.borrow_mut().load().listeners.at(id.0) {
            cells.add(place, 1);
        }
    }

    fn upstream(&self, id: UpstreamId, place: usize) {
        if let Some(cells) = self.0.table.borrow_mut().load().upstreams.at(id.0) {
            cells.add(place, 1);
        }
    }
}

fn class_of(status: Option<StatusCode>) -> usize {
    status.map_or(0, |status| usize::from(status.as_u16() / 100).min(route::CLASSES.len() - 1))
}

fn protocol_of(version: Version) -> usize {
    match version {
        Version::HTTP_2 => 2,
        Version::HTTP_11 => 1,
        _ => 0,
    }
}
