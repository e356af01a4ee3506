//! One attempt at one endpoint: a connection, the request, the head of the response.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::Forward;
use super::counted::Counted;
use super::upload::Upload;
use crate::config::model::ProxyProtocolVersion;
use crate::http::key::mix;
use crate::http::{Request, Response, Scheme};
use crate::observe::UpstreamId;
use crate::observe::tracing::{SpanId, Trace};
use crate::proxy::client::Client;
use crate::proxy::fault::Fault;
use crate::proxy::trace::TRACEPARENT;
use crate::proxy::upgrade::Switch;
use crate::upstream::pool::Lane;
use crate::upstream::{InFlight, Pool};
use crate::wire::h1::client::{self as h1, Failure, Outbound};
use crate::wire::h2::client as h2;
use crate::wire::proxy_protocol::{self, Header};
use crate::wire::timer::earlier;

/// What every attempt of an exchange sends.
pub(super) struct Plan<'a> {
    pub(super) request: &'a Request,
    pub(super) body: Upload,
    pub(super) switch: Option<&'a Switch>,
    pub(super) settings: h1::Settings,
    /// From the begin of an attempt to the head of its response.
    pub(super) try_timeout: Option<Duration>,
    pub(super) upstream: Option<UpstreamId>,
    /// Whether a second endpoint may be asked beside the first.
    pub(super) hedged: bool,
    /// Where the exchange belongs.
    pub(super) trace: Option<Rc<Trace>>,
    /// Spans that were given out.
    pub(super) spans: Cell<u64>,
}

impl Plan<'_> {
    /// A span for one attempt; 0 where there is no trace.
    pub(super) fn span(&self) -> u64 {
        let Some(trace) = &self.trace else { return 0 };
        self.spans.set(self.spans.get() + 1);
        mix(trace.span.0.wrapping_add(self.spans.get())).max(1)
    }
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
    /// Its span, once it is under way; 0 without a trace.
    pub(super) span: u64,
}

impl Attempt {
    /// Where an endpoint was taken.
    pub(super) fn at((pool, in_flight): (&Rc<Pool>, InFlight), begun: Instant) -> Self {
        Self {
            pool: pool.clone(),
            in_flight: Some(in_flight),
            connected: None,
            reused: false,
            begun,
            fresh: false,
            span: 0,
        }
    }

    /// At the same endpoint once more, on a new connection.
    pub(super) fn fresh(pool: Rc<Pool>, begun: Instant) -> Self {
        let in_flight = Some(InFlight::begin(pool.endpoint()));
        Self { pool, in_flight, connected: None, reused: false, begun, fresh: true, span: 0 }
    }

    /// Makes it. Dropped before its end, it closes its connection or resets its stream.
    pub(super) async fn run(&mut self, forward: &Forward<'_>, plan: &Plan<'_>) -> Result<Response, Fault> {
        if self.span == 0 {
            self.span = plan.span();
        }
        let (begun, until) = (self.begun, plan.settings.until);
        let try_end = plan.try_timeout.map(|timeout| self.begun + timeout);
        let end = earlier(try_end, until);
        let timer = forward.task.timer();
        let mut sending = pin!(self.send(forward, plan));
        let over = || if end == until { forward.deadline.fault() } else { Fault::TryTimeout };
        let outcome = poll_fn(|cx| match (sending.as_mut().poll(cx), end) {
            (Poll::Pending, Some(end)) => timer.poll(end, cx).map(|()| Err(over())),
            (Poll::Ready(Err(Fault::Upstream(Failure::ExchangeTimeout))), _) => {
                Poll::Ready(Err(forward.deadline.fault()))
            }
            (outcome, _) => outcome,
        })
        .await;
        match outcome {
            Err(Fault::Upstream(Failure::Closed | Failure::Reset(_)))
                if forward.deadline.ends(forward.route, (begun, Instant::now())) =>
            {
                Err(forward.deadline.fault())
            }
            outcome => outcome,
        }
    }

    async fn send(&mut self, forward: &Forward<'_>, plan: &Plan<'_>) -> Result<Response, Fault> {
        let lane = match self.standing(forward.client, plan) {
            Some(lane) => lane,
            // In a box, as all that most attempts do not need: what is awaited in place makes every connection's task larger.
            None => Box::pin(self.connect(forward.client, plan)).await?,
        };
        let request = plan.request;
        let mut more = forward.deadline.fields(forward.route, || forward.task.timer().now());
        more.extend(plan.trace.as_ref().map(|trace| (TRACEPARENT, trace.traceparent(SpanId(self.span)))));
        let outbound = Outbound {
            method: &request.method,
            target: request.target.text().as_bytes(),
            host: host(request, &self.pool, forward.route.preserve_host),
            headers: &request.headers,
            upgrade: plan.switch.map(|switch| &*switch.protocol),
            expects_continue: request.expects_continue,
            more: &more,
        };
        let (body, settings) = (plan.body.body(), &plan.settings);
        let answer = match lane {
            Lane::Http1(connection) => {
                h1::exchange(connection, self.pool.clone(), &outbound, body, settings, forward.task).await
            }
            Lane::Http2(sender) => {
                let tls = self.pool.endpoint().identity.tls.is_some();
                let scheme = if tls { Scheme::Https } else { Scheme::Http };
                Box::pin(h2::exchange(sender, &outbound, scheme, body, settings, forward.task)).await
            }
        };
        answer.map_err(Fault::Upstream)
    }

    /// A connection that stands already.
    fn standing(&mut self, client: &Client, plan: &Plan<'_>) -> Option<Lane> {
        if self.fresh || self.pool.endpoint().identity.proxy_protocol.is_some() {
            return None;
        }
        let lane = self.pool.reuse()?;
        self.reused = true;
        if let Some(upstream) = plan.upstream {
            client.worker.observer.metrics().upstream_reused(upstream);
        }
        Some(lane)
    }

    /// A new connection.
    async fn connect(&mut self, client: &Client, plan: &Plan<'_>) -> Result<Lane, Fault> {
        let metrics = client.worker.observer.metrics();
        let front = proxy_header(client, &self.pool);
        self.reused = false;
        let begun = Instant::now();
        let held = || Box::new(Counted::begin(&client.worker.observer, plan.upstream)) as Box<_>;
        let opened = self.pool.open(front.as_deref(), held).await;
        let now = Instant::now();
        match (&opened, plan.upstream) {
            (Err(_), Some(upstream)) => metrics.upstream_failed(upstream),
            (Ok(_), Some(upstream)) => metrics.upstream_connected(upstream, now.saturating_duration_since(begun)),
            (_, None) => {}
        }
        self.connected = Some(now);
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
