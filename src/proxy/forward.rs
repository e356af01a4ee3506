//! To an endpoint and back: attempts, and what may be tried again.

use std::fmt;
use std::rc::Rc;
use std::time::Instant;

use super::client::Client;
use super::fault::{Fault, Retry, retry};
use super::ticket::Ticket;
use super::upgrade::{self, Switch};
use super::worker::World;
use crate::config::model::ProxyProtocolVersion;
use crate::http::sanitize::{self, CleanRequest, CleanResponse};
use crate::http::{Body, Request, Response, Scheme};
use crate::observe::{Observer, UpstreamId};
use crate::snapshot::Route;
use crate::upstream::group::Tried;
use crate::upstream::pool::Lane;
use crate::upstream::{InFlight, Pool, Upstream};
use crate::wire::Task;
use crate::wire::h1::client::{self as h1, Failure, Outbound};
use crate::wire::h1::parse::HeadLimits;
use crate::wire::h2::client as h2;
use crate::wire::proxy_protocol::{self, Header};
use crate::wire::timer::deadline;

/// Attempts of one exchange on different endpoints.
const MAX_ENDPOINTS: u16 = 3;
/// One field of a response head, in octets.
const MAX_RESPONSE_FIELD: usize = 16 * 1024;
/// Fields of a response head.
const MAX_RESPONSE_FIELDS: usize = 256;

/// Where a request goes.
pub(super) struct Forward<'a> {
    pub(super) client: &'a Client,
    pub(super) world: &'a World,
    pub(super) route: &'a Route,
    /// Of the upstream.
    pub(super) place: usize,
    pub(super) task: &'a Task,
}

/// What one attempt needs to know.
struct Attempt<'a> {
    pool: &'a Rc<Pool>,
    request: &'a Request,
    switch: Option<&'a Switch>,
    settings: h1::Settings,
}

/// What an attempt came to.
struct Failed {
    failure: Failure,
    reused: bool,
}

/// A connection to an endpoint, as the metrics see it: open until this is dropped.
struct Counted {
    observer: Rc<Observer>,
    upstream: Option<UpstreamId>,
}

impl Counted {
    fn begin(observer: &Rc<Observer>, upstream: Option<UpstreamId>) -> Self {
        if let Some(upstream) = upstream {
            observer.metrics().upstream_opened(upstream);
        }
        Self { observer: observer.clone(), upstream }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        if let Some(upstream) = self.upstream {
            self.observer.metrics().upstream_closed(upstream);
        }
    }
}

impl fmt::Debug for Counted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Counted").field("upstream", &self.upstream).finish()
    }
}

impl Forward<'_> {
    /// Sends the request to an endpoint of the upstream, and gives back what it answers.
    pub(super) async fn run(&self, mut request: CleanRequest, ticket: &mut Ticket) -> Result<CleanResponse, Fault> {
        let upstream = self.world.upstreams.at(self.place).ok_or(Fault::NoEndpoint)?;
        ticket.exchange.upstream = self.world.snapshot.upstream_id(self.place);
        let switch = upgrade::take(&mut request, &self.route.upgrades, || self.client.worker.random())?;
        let mut request = request.into_request();
        let asked = request.method.clone();
        if let Some(switch) = &switch {
            request.method = switch.method();
        }
        let mut response = self.attempts(upstream, &mut request, switch.as_ref(), ticket).await?;
        if let Some(switch) = &switch {
            let switched = switch.settle(&mut response).map_err(|error| Fault::Upstream(Failure::Malformed(error)))?;
            ticket.exchange.upgraded = switched;
        }
        sanitize::response(response, &asked).map_err(Fault::BadResponse)
    }

    /// Tries endpoints until one answers, or no other may be tried.
    async fn attempts(
        &self,
        upstream: &Upstream,
        request: &mut Request,
        switch: Option<&Switch>,
        ticket: &mut Ticket,
    ) -> Result<Response, Fault> {
        let settings = self.settings(upstream, ticket.exchange.start);
        let mut tried = Tried::default();
        let mut same: Option<Rc<Pool>> = None;
        let mut last = Fault::NoEndpoint;
        loop {
            let fresh = same.is_some();
            let pool = match same.take() {
                Some(pool) => pool,
                None => match upstream.choose(tried).filter(|_| ticket.exchange.attempts < MAX_ENDPOINTS) {
                    Some((place, pool)) => {
                        tried.add(place);
                        pool.clone()
                    }
                    None => return Err(last),
                },
            };
            ticket.exchange.attempts += 1;
            ticket.exchange.endpoint = Some(pool.label().clone());
            ticket.in_flight = Some(InFlight::begin(pool.endpoint()));
            let lane = match self.lane(&pool, fresh, settings.until, ticket).await {
                Ok(lane) => lane,
                Err(fault @ Fault::Connect(_)) => {
                    last = fault;
                    continue;
                }
                Err(fault) => return Err(fault),
            };
            let whole = !matches!(request.body, Body::Stream(_));
            let body = match &request.body {
                Body::Empty => Body::Empty,
                Body::Full(bytes) => Body::Full(bytes.clone()),
                Body::Stream(_) => std::mem::take(&mut request.body),
            };
            let attempt = Attempt { pool: &pool, request, switch, settings };
            let Failed { failure, reused } = match self.attempt(attempt, lane, body).await {
                Ok(response) => {
                    ticket.exchange.first_byte = Some(Instant::now());
                    return Ok(response);
                }
                Err(failed) => failed,
            };
            match retry(&failure, &request.method, reused, whole) {
                Retry::SameFresh if !fresh => same = Some(pool),
                Retry::No | Retry::SameFresh => return Err(Fault::Upstream(failure)),
            }
        }
    }

    /// A connection: one that stands, or a new one.
    async fn lane(
        &self,
        pool: &Rc<Pool>,
        fresh: bool,
        until: Option<Instant>,
        ticket: &mut Ticket,
    ) -> Result<Lane, Fault> {
        let metrics = self.client.worker.observer.metrics();
        let upstream = ticket.exchange.upstream;
        let front = self.proxy_header(pool);
        let reusable = if fresh || front.is_some() { None } else { pool.reuse() };
        ticket.exchange.reused = reusable.is_some();
        if let Some(lane) = reusable {
            if let Some(upstream) = upstream {
                metrics.upstream_reused(upstream);
            }
            return Ok(lane);
        }
        let opening = pool.open(front.as_deref(), || Box::new(Counted::begin(&self.client.worker.observer, upstream)));
        let opened = match until {
            Some(until) => match tokio::time::timeout_at(until.into(), opening).await {
                Ok(opened) => opened,
                Err(_) => return Err(Fault::ExchangeTimeout),
            },
            None => opening.await,
        };
        if let (Err(_), Some(upstream)) = (&opened, upstream) {
            metrics.upstream_failed(upstream);
        }
        ticket.exchange.connected = Some(Instant::now());
        opened.map_err(Fault::Connect)
    }

    /// The PROXY header that a new connection begins with, where the endpoint expects one.
    fn proxy_header(&self, pool: &Pool) -> Option<Vec<u8>> {
        let version = match pool.endpoint().identity.proxy_protocol? {
            ProxyProtocolVersion::V1 => proxy_protocol::Version::V1,
            ProxyProtocolVersion::V2 => proxy_protocol::Version::V2,
        };
        let header = match (self.client.peer, self.client.local) {
            (Some(source), Some(destination)) => Header::Tcp { source, destination },
            _ => Header::Local,
        };
        Some(proxy_protocol::encode(version, &header))
    }

    async fn attempt(&self, attempt: Attempt<'_>, lane: Lane, body: Body) -> Result<Response, Failed> {
        let Attempt { pool, request, switch, settings } = attempt;
        let host = host(request, pool, self.route.preserve_host);
        let outbound = Outbound {
            method: &request.method,
            target: request.target.text().as_bytes(),
            host,
            headers: &request.headers,
            upgrade: switch.map(|switch| &*switch.protocol),
            expects_continue: request.expects_continue,
        };
        match lane {
            Lane::Http1(connection) => {
                let reused = connection.exchanges > 0;
                let answer = h1::exchange(connection, pool.clone(), &outbound, body, &settings, self.task).await;
                answer.map_err(|failure| Failed { failure, reused })
            }
            Lane::Http2(sender) => {
                let reused = sender.reused;
                let tls = pool.endpoint().identity.tls.is_some();
                let scheme = if tls { Scheme::Https } else { Scheme::Http };
                let answer = h2::exchange(sender, &outbound, scheme, body, &settings, self.task).await;
                answer.map_err(|failure| Failed { failure, reused })
            }
        }
    }

    fn settings(&self, upstream: &Upstream, start: Instant) -> h1::Settings {
        let times = upstream.times();
        h1::Settings {
            head: HeadLimits {
                head: times.max_head,
                field: MAX_RESPONSE_FIELD.min(times.max_head),
                fields: MAX_RESPONSE_FIELDS,
                target: usize::MAX,
            },
            response_timeout: times.response,
            body_timeout: times.response_body,
            write_timeout: times.write,
            until: deadline(start, self.route.timeout),
        }
    }
}

/// What `Host` says: the client's host, or the endpoint's name.
fn host<'a>(request: &'a Request, pool: &'a Pool, preserve: bool) -> &'a [u8] {
    if preserve && !request.authority.is_empty() {
        return request.authority.as_bytes();
    }
    pool.endpoint().host.as_bytes()
}
