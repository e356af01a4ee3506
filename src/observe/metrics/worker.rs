//! What a worker counts, and where. No lock, and no allocation but the first time that a name is counted.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, Cache};
use http::{StatusCode, Version};

use super::cached;
use super::cells::{Cells, HISTOGRAM, Slots};
use super::compression::{self, Decoded, Uncompressed, Undecoded};
use crate::http::negotiate::Coding;
use crate::observe::{Abuse, Cause, Exchange, Fault, ListenerId, NotRetried, RouteId, TlsFacts, UpstreamId};

/// Why a connection was closed before it was served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The listener has `max_connections` already.
    MaxConnections,
    /// All listeners together have `max_connections` of the server.
    ServerMaxConnections,
    /// The process has no memory left for it.
    Overloaded,
    /// The client's address has `max_connections_per_client` already.
    MaxConnectionsPerClient,
    /// The PROXY header was missing, malformed, too slow, or from somebody who is not trusted.
    ProxyProtocol,
}

impl Refused {
    pub(crate) const ALL: [Self; 5] = [
        Self::MaxConnections,
        Self::ServerMaxConnections,
        Self::Overloaded,
        Self::MaxConnectionsPerClient,
        Self::ProxyProtocol,
    ];

    /// The label in metrics and logs.
    pub const fn label(self) -> &'static str {
        match self {
            Self::MaxConnections => "max_connections",
            Self::ServerMaxConnections => "server_max_connections",
            Self::Overloaded => "overloaded",
            Self::MaxConnectionsPerClient => "max_connections_per_client",
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

/// The versions of TLS that there are.
pub(crate) const TLS_VERSIONS: [&str; 2] = ["TLSv1.2", "TLSv1.3"];

/// Places in the cells of a listener.
pub(crate) mod listener {
    pub(crate) const OPENED: usize = 0;
    pub(crate) const CLOSED: usize = 1;
    pub(crate) const BEGUN: usize = 2;
    pub(crate) const ENDED: usize = 3;
    pub(crate) const REFUSED: usize = 4;
    pub(crate) const HANDSHAKES: usize = REFUSED + super::Refused::ALL.len();
    /// What each handshake that was not broken off agreed on.
    pub(crate) const TLS_VERSIONS: usize = HANDSHAKES + super::Handshake::ALL.len();
    pub(crate) const HANDSHAKE: usize = TLS_VERSIONS + super::TLS_VERSIONS.len();
    /// One for each reason.
    pub(crate) const ABUSED: usize = HANDSHAKE + super::HISTOGRAM;
    pub(crate) const CELLS: usize = ABUSED + super::Abuse::ALL.len();
}

/// Places in the cells of a route on a listener.
pub(crate) mod route {
    /// What `status` is labelled with: the class, or that there was none.
    pub(crate) const CLASSES: [&str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];
    pub(crate) const PROTOCOLS: [&str; 3] = ["http/1.0", "http/1.1", "h2"];
    // In this order what a usual request counts lies in few lines of memory: the first buckets, and then what is behind the last one.
    pub(crate) const DURATION: usize = 0;
    pub(crate) const REQUEST_BYTES: usize = DURATION + super::HISTOGRAM;
    pub(crate) const RESPONSE_BYTES: usize = REQUEST_BYTES + 1;
    /// One for each class and protocol.
    pub(crate) const REQUESTS: usize = RESPONSE_BYTES + 1;
    pub(crate) const CELLS: usize = REQUESTS + CLASSES.len() * PROTOCOLS.len();
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
    /// Hedges that counted; those that were made are among the retries.
    pub(crate) const HEDGES_WON: usize = NOT_RETRIED + super::NotRetried::ALL.len();
    /// One for each class of status, as the client saw it.
    pub(crate) const STATUS: usize = HEDGES_WON + 1;
    pub(crate) const CONNECT: usize = STATUS + super::route::CLASSES.len();
    pub(crate) const QUEUED: usize = CONNECT + super::HISTOGRAM;
    pub(crate) const CELLS: usize = QUEUED + super::HISTOGRAM;
}

/// Cells by name. The list is replaced as a whole when names come, and shares its cells with the one before.
#[derive(Clone, Default)]
pub(crate) struct Table {
    pub(crate) listeners: Slots<{ listener::CELLS }>,
    /// For each listener the routes.
    pub(crate) routes: Vec<Slots<{ route::CELLS }>>,
    /// For each listener the routes with a cache.
    pub(crate) caches: Vec<Slots<{ cached::CELLS }>>,
    pub(crate) upstreams: Slots<{ upstream::CELLS }>,
}

/// All counters of one worker.
#[derive(Default)]
pub(crate) struct WorkerCells {
    pub(crate) table: Arc<ArcSwap<Table>>,
    pub(crate) faults: FaultCells,
    pub(crate) compression: Cells<{ compression::CELLS }>,
    pub(crate) cache_reasons: cached::Reasons,
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

    /// A TLS handshake failed.
    pub fn handshake_failed(&self, listener: ListenerId) {
        self.listener(listener, listener::HANDSHAKES + Handshake::Failed as usize);
    }

    /// A TLS handshake is done; it took so long.
    pub fn handshake(&self, listener: ListenerId, agreed: &TlsFacts, took: Duration) {
        if let Some(cells) = self.0.table.borrow_mut().load().listeners.at(listener.0) {
            let how = if agreed.resumed { Handshake::Resumed } else { Handshake::Full };
            cells.add(listener::HANDSHAKES + how as usize, 1);
            cells.observe(listener::HANDSHAKE, took);
            if let Some(version) = TLS_VERSIONS.iter().position(|version| *version == agreed.version) {
                cells.add(listener::TLS_VERSIONS + version, 1);
            }
        }
    }

    /// A connection to an endpoint was made; it took so long, TLS included.
    pub fn upstream_connected(&self, upstream: UpstreamId, took: Duration) {
        if let Some(cells) = self.0.table.borrow_mut().load().upstreams.at(upstream.0) {
            cells.observe(upstream::CONNECT, took);
        }
    }

    /// A connection was closed for what the client did.
    pub fn connection_abused(&self, listener: ListenerId, abuse: Abuse) {
        self.listener(listener, listener::ABUSED + abuse as usize);
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

    /// A body was decompressed, to its end or not: so many octets came, and so many were made of them.
    pub fn decompressed(&self, side: Decoded, coding: Coding, from: u64, to: u64) {
        let Some(place) = compression::place(coding) else { return };
        let cells = &self.0.cells.compression;
        cells.add(compression::decoded(compression::DECODED_FROM, side, place), from);
        cells.add(compression::decoded(compression::DECODED_TO, side, place), to);
    }

    /// A body was not decompressed, or not to its end.
    pub fn left_undecoded(&self, side: Decoded, why: Undecoded) {
        self.0.cells.compression.add(compression::undecoded(side, why), 1);
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
        }
        let caches = || table.caches.get(exchange.listener.0 as usize).and_then(|routes| routes.at(route.0));
        if let Some((facts, cells)) = exchange.cache.and_then(|facts| Some((facts, caches()?))) {
            cached::count(cells, &self.0.cells.cache_reasons, facts, exchange.response_bytes);
        }
        if let Some(cells) = exchange.upstream.and_then(|upstream| table.upstreams.at(upstream.0)) {
            cells.add(upstream::REQUESTS, 1);
            cells.add(upstream::STATUS + class_of(exchange.status), 1);
            if exchange.queued_micros > 0 {
                cells.observe(upstream::QUEUED, Duration::from_micros(exchange.queued_micros.into()));
            }
            cells.add(upstream::ATTEMPTS, u64::from(exchange.attempts));
            exchange.retries.iter().for_each(|cause| cells.add(upstream::RETRIES + cause as usize, 1));
            if let Some(why) = exchange.not_retried {
                cells.add(upstream::NOT_RETRIED + why as usize, 1);
            }
            if exchange.hedge_won {
                cells.add(upstream::HEDGES_WON, 1);
            }
            if let Some(at) = exchange.first_byte {
                cells.observe(upstream::FIRST_BYTE, exchange.since_start(at));
            }
        }
        let encoded = exchange.encoding.filter(|_| exchange.response_bytes > 0);
        if let Some((place, how)) = encoded.and_then(|(coding, how)| Some((compression::place(coding)?, how))) {
            let cells = &self.0.cells.compression;
            cells.add(compression::responses(place, how), 1);
            cells.add(compression::PLAIN_BYTES + place, exchange.plain_bytes);
            cells.add(compression::BYTES + place, exchange.response_bytes);
        }
        if let Some(fault) = exchange.fault {
            self.0.cells.faults.count(fault);
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
