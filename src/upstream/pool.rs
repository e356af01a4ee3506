//! A worker's connections to one endpoint.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::Endpoint;
use super::connect::{self, ConnectFailure, Opened};
use super::tally::Tally;
use crate::config::model::UpstreamProtocol;
use crate::wire::h1::client::{Connection, Held, Home};
use crate::wire::h2::client::{Connections, Sender};

/// What a config says about the connections of an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolLimits {
    /// To a connection that stands, TLS included.
    pub connect_timeout: Option<Duration>,
    /// A connection without an exchange.
    pub idle_timeout: Option<Duration>,
    /// Idle connections that are kept.
    pub max_idle: usize,
    /// Connections of the endpoint in the process; 0 is no limit.
    pub max_connections: usize,
}

/// Connections of one worker to one endpoint. HTTP/1.1 connections are here between two exchanges; HTTP/2 connections all the time.
#[derive(Debug)]
pub struct Pool {
    endpoint: Arc<Endpoint>,
    label: Rc<str>,
    tally: Arc<Tally>,
    limits: Cell<PoolLimits>,
    #[expect(clippy::vec_box, reason = "connections move between exchanges and this list; the box moves instead")]
    idle: RefCell<Vec<Box<Connection>>>,
    http2: Connections,
    retired: Cell<bool>,
}

/// A connection to send a request on.
#[derive(Debug)]
pub enum Lane {
    /// HTTP/1.1, all of it for one exchange.
    Http1(Box<Connection>),
    /// A stream of an HTTP/2 connection.
    Http2(Sender),
}

impl Pool {
    /// No connection yet.
    pub fn new(endpoint: Arc<Endpoint>, limits: PoolLimits) -> Rc<Self> {
        Rc::new(Self {
            label: Rc::from(&*endpoint.label),
            tally: endpoint.tallies.join(),
            endpoint,
            limits: Cell::new(limits),
            idle: RefCell::default(),
            http2: Connections::default(),
            retired: Cell::new(false),
        })
    }

    /// Whose connections these are.
    pub fn endpoint(&self) -> &Arc<Endpoint> {
        &self.endpoint
    }

    /// The endpoint's name, for this worker's exchanges.
    pub fn label(&self) -> &Rc<str> {
        &self.label
    }

    /// Where this worker counts what came of its attempts.
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Takes the limits of a new config.
    pub fn set_limits(&self, limits: PoolLimits) {
        self.limits.set(limits);
        self.retired.set(false);
    }

    /// The endpoint is in no config any more: idle connections close now, the others after their exchange.
    pub fn retire(&self) {
        self.retired.set(true);
        self.idle.take();
        self.http2.retire();
    }

    /// A connection that stands already, the one used last first: the others may time out in peace.
    pub fn reuse(&self) -> Option<Lane> {
        if let Some(sender) = self.http2.sender() {
            return Some(Lane::Http2(sender));
        }
        loop {
            let mut connection = self.idle.borrow_mut().pop()?;
            if connection.is_fit() {
                return Some(Lane::Http1(connection));
            }
        }
    }

    /// A new connection. `front` is sent before anything else; `count` is called once it stands, and what it gives is dropped with it.
    ///
    /// # Errors
    /// [`ConnectFailure`]
    pub async fn open(
        &self,
        front: Option<&[u8]>,
        count: impl FnOnce() -> Box<dyn Held>,
    ) -> Result<Lane, ConnectFailure> {
        let PoolLimits { connect_timeout, max_connections, .. } = self.limits.get();
        let opening = connect::open(&self.endpoint, max_connections, front);
        let opened = match connect_timeout {
            Some(timeout) => tokio::time::timeout(timeout, opening).await.map_err(|_| ConnectFailure::Timeout)??,
            None => opening.await?,
        };
        let Opened { stream, connected, http2 } = opened;
        let held = Box::new((connected, count()));
        if speaks_http2(&self.endpoint, http2) {
            let sender = self.http2.begin(stream, held).await.map_err(ConnectFailure::Other)?;
            return Ok(Lane::Http2(sender));
        }
        Ok(Lane::Http1(Connection::new(stream, held)))
    }

    /// Closes what has been idle for too long, or has been closed by the endpoint.
    pub fn sweep(&self, now: Instant) {
        let timeout = self.limits.get().idle_timeout;
        let young = |since: Option<Instant>| match (since, timeout) {
            (Some(since), Some(timeout)) => now.saturating_duration_since(since) < timeout,
            _ => true,
        };
        self.idle.borrow_mut().retain_mut(|connection| young(connection.idle_since) && connection.is_fit());
        self.http2.sweep(now, timeout);
    }

    /// How many idle HTTP/1.1 connections there are.
    pub fn idle(&self) -> usize {
        self.idle.borrow().len()
    }
}

/// What is spoken on a connection to that endpoint; `alpn` is whether ALPN chose HTTP/2.
pub(super) fn speaks_http2(endpoint: &Endpoint, alpn: bool) -> bool {
    match endpoint.identity.protocol {
        UpstreamProtocol::Http1 => false,
        UpstreamProtocol::H2 => true,
        UpstreamProtocol::Auto => endpoint.identity.tls.is_some() && alpn,
    }
}

impl Home for Pool {
    fn take_back(&self, mut connection: Box<Connection>, now: Instant) {
        let mut idle = self.idle.borrow_mut();
        // With a PROXY header a connection is one client's.
        let shared = self.endpoint.identity.proxy_protocol.is_none();
        if self.retired.get() || !shared || idle.len() >= self.limits.get().max_idle {
            return;
        }
        connection.idle_since = Some(now);
        idle.push(connection);
    }
}
