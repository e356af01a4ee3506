//! One attempt at one endpoint: a connection, the request, the head of the response.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::Forward;
use super::counted::Counted;
use super::upload::Upload;
use crate::config::model::ProxyProtocolVersion;
use crate::http::{Request, Response, Scheme};
use crate::observe::UpstreamId;
use crate::proxy::client::Client;
use crate::proxy::fault::Fault;
use crate::proxy::upgrade::Switch;
use crate::upstream::pool::Lane;
use crate::upstream::{InFlight, Pool};
use crate::wire::h1::client::{self as h1, Outbound};
use crate::wire::h2::client as h2;
use crate::wire::proxy_protocol::{self, Header};

/// What every attempt of an exchange sends.
pub(super) struct Plan<'a> {
    pub(super) request: &'a Request,
    pub(super) body: Upload,
    pub(super) switch: Option<&'a Switch>,
    pub(super) settings: h1::Settings,
    /// From the begin of an attempt to the head of its response.
    pub(super) try_timeout: Option<Duration>,
    pub(super) upstream: Option<UpstreamId>,
}

/// An attempt, and what became known of it.
pub(super) struct Attempt {
    pub(super) pool: Rc<Pool>,
    /// Counts it on the endpoint.
    pub(super) in_flight: Option<InFlight>,
    /// When the connection stood, where one was made.
    pub(super) connected: Option<Instant>,
    /// Whether the connection had carried an exchange before.
    pub(super) reused: bool,
    /// When it began.
    pub(super) begun: Instant,
    /// Whether it must be a new one.
    pub(super) fresh: bool,
}

impl Attempt {
    /// Where an endpoint was taken.
    pub(super) fn at((pool, in_flight): (&Rc<Pool>, InFlight)) -> Self {
        Self {
            pool: pool.clone(),
            in_flight: Some(in_flight),
            connected: None,
            reused: false,
            begun: Instant::now(),
            fresh: false,
        }
    }

    /// At the same endpoint once more, on a new connection.
    pub(super) fn fresh(pool: Rc<Pool>) -> Self {
        let in_flight = Some(InFlight::begin(pool.endpoint()));
        Self { pool, in_flight, connected: None, reused: false, begun: Instant::now(), fresh: true }
    }

    /// Makes it. Dropped before its end, it closes its connection or resets its stream.
    pub(super) async fn run(&mut self, forward: &Forward<'_>, plan: &Plan<'_>) -> Result<Response, Fault> {
        let end = plan.try_timeout.map(|timeout| self.begun + timeout);
        let timer = forward.task.timer();
        let mut sending = pin!(self.send(forward, plan));
        poll_fn(|cx| match (sending.as_mut().poll(cx), end) {
            (Poll::Pending, Some(end)) => timer.poll(end, cx).map(|()| Err(Fault::TryTimeout)),
            (outcome, _) => outcome,
        })
        .await
    }

    async fn send(&mut self, forward: &Forward<'_>, plan: &Plan<'_>) -> Result<Response, Fault> {
        let lane = self.lane(forward.client, plan).await?;
        let request = plan.request;
        let outbound = Outbound {
            method: &request.method,
            target: request.target.text().as_bytes(),
            host: host(request, &self.pool, forward.route.preserve_host),
            headers: &request.headers,
            upgrade: plan.switch.map(|switch| &*switch.protocol),
            expects_continue: request.expects_continue,
        };
        let (body, settings) = (plan.body.body(), &plan.settings);
        let answer = match lane {
            Lane::Http1(connection) => {
                h1::exchange(connection, self.pool.clone(), &outbound, body, settings, forward.task).await
            }
            Lane::Http2(sender) => {
                let tls = self.pool.endpoint().identity.tls.is_some();
                let scheme = if tls { Scheme::Https } else { Scheme::Http };
                h2::exchange(sender, &outbound, scheme, body, settings, forward.task).await
            }
        };
        answer.map_err(Fault::Upstream)
    }

    /// A connection: one that stands, or a new one.
    async fn lane(&mut self, client: &Client, plan: &Plan<'_>) -> Result<Lane, Fault> {
        let metrics = client.worker.observer.metrics();
        let front = proxy_header(client, &self.pool);
        let reusable = if self.fresh || front.is_some() { None } else { self.pool.reuse() };
        self.reused = reusable.is_some();
        if let Some(lane) = reusable {
            if let Some(upstream) = plan.upstream {
                metrics.upstream_reused(upstream);
            }
            return Ok(lane);
        }
        let held = || Box::new(Counted::begin(&client.worker.observer, plan.upstream)) as Box<_>;
        let opening = self.pool.open(front.as_deref(), held);
        let opened = match plan.settings.until {
            Some(until) => match tokio::time::timeout_at(until.into(), opening).await {
                Ok(opened) => opened,
                Err(_) => return Err(Fault::ExchangeTimeout),
            },
            None => opening.await,
        };
        if let (Err(_), Some(upstream)) = (&opened, plan.upstream) {
            metrics.upstream_failed(upstream);
        }
        self.connected = Some(Instant::now());
        opened.map_err(Fault::Connect)
    }
}

/// The PROXY header that a new connection begins with, where the endpoint expects one.
fn proxy_header(client: &Client, pool: &Pool) -> Option<Vec<u8>> {
    let version = match pool.endpoint().identity.proxy_protocol? {
        ProxyProtocolVersion::V1 => proxy_protocol::Version::V1,
        ProxyProtocolVersion::V2 => proxy_protocol::Version::V2,
    };
    let header = match (client.peer, client.local) {
        (Some(source), Some(destination)) => Header::Tcp { source, destination },
        _ => Header::Local,
    };
    Some(proxy_protocol::encode(version, &header))
}

/// What `Host` says: the client's host, or the endpoint's name.
fn host<'a>(request: &'a Request, pool: &'a Pool, preserve: bool) -> &'a [u8] {
    if preserve && !request.authority.is_empty() {
        return request.authority.as_bytes();
    }
    pool.endpoint().host.as_bytes()
}
