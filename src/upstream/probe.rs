//! One probe of one endpoint, over the wire that requests take: the same connecting, the same TLS, the same codecs.
//!
//! Each probe has a connection of its own, which no limit counts: connecting is a part of what is probed.

use std::fmt;
use std::future::poll_fn;
use std::rc::Rc;
use std::time::Instant;

use http::header::{CONTENT_TYPE, TE, USER_AGENT};
use http::{HeaderName, HeaderValue, Method, StatusCode};

use super::connect::{self, ConnectFailure};
use super::grpc_health::{self, Said};
use super::{Endpoint, pool};
use crate::config::model::{Health, HealthProbe, HttpProbe, ProxyProtocolVersion};
use crate::http::{Body, Frame, Headers, Response, Scheme};
use crate::wire::Task;
use crate::wire::h1::client::{self as h1, Connection, Failure, Home, Outbound, Settings};
use crate::wire::h1::parse::{HeadLimits, TransferCodings};
use crate::wire::h2::client::{self as h2, Connections};
use crate::wire::proxy_protocol::{self, Header};
use crate::wire::stream::Stream;
use crate::wire::timer::Timer;

/// What is read of a body, in octets.
const BODY: usize = 64 * 1024;
const AGENT: HeaderValue = HeaderValue::from_static(concat!("tidegate-probe/", env!("CARGO_PKG_VERSION")));
const HEAD: HeadLimits = HeadLimits { head: 32 * 1024, field: 16 * 1024, fields: 256, target: usize::MAX };
const GRPC_STATUS: HeaderName = HeaderName::from_static("grpc-status");

/// Why a probe did not pass.
#[derive(Debug)]
pub enum ProbeFailure {
    /// There is no connection.
    Connect(ConnectFailure),
    /// There is no answer.
    Exchange(Failure),
    /// It took too long as a whole.
    Timeout,
    /// The status is not one that passes.
    Status(StatusCode),
    /// The body has not the text that it must have, or broke off.
    Body,
    /// gRPC: the answer is not SERVING.
    NotServing,
    /// gRPC: the call failed with that status.
    Grpc(String),
    /// gRPC: the answer is no `HealthCheckResponse`.
    Nonsense,
}

impl ProbeFailure {
    /// The word for logs and metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Connect(failure) => failure.label(),
            Self::Exchange(failure) => match failure {
                Failure::Malformed(_) => "malformed_response",
                Failure::ResponseTimeout | Failure::WriteTimeout | Failure::ExchangeTimeout => "timeout",
                Failure::Closed | Failure::Unprocessed | Failure::Reset(_) | Failure::Request(_) => "closed",
            },
            Self::Timeout => "timeout",
            Self::Status(_) => "status",
            Self::Body => "body",
            Self::NotServing => "not_serving",
            Self::Grpc(_) => "grpc_status",
            Self::Nonsense => "malformed_response",
        }
    }
}

impl fmt::Display for ProbeFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(failure) => failure.fmt(f),
            Self::Exchange(failure) => write!(f, "no answer: {failure:?}"),
            Self::Timeout => f.write_str("no answer in time"),
            Self::Status(status) => write!(f, "status {}", status.as_u16()),
            Self::Body => f.write_str("the body has not what it must have"),
            Self::NotServing => f.write_str("the answer is not SERVING"),
            Self::Grpc(status) => write!(f, "grpc-status {status}"),
            Self::Nonsense => f.write_str("the answer is no HealthCheckResponse"),
        }
    }
}

/// Probes an endpoint once.
///
/// # Errors
/// [`ProbeFailure`]
pub async fn probe(endpoint: &Endpoint, health: &Health) -> Result<(), ProbeFailure> {
    tokio::time::timeout(health.timeout, ask(endpoint, health)).await.unwrap_or(Err(ProbeFailure::Timeout))
}

async fn ask(endpoint: &Endpoint, health: &Health) -> Result<(), ProbeFailure> {
    let (stream, alpn_http2) =
        connect::dial(endpoint, front(endpoint).as_deref()).await.map_err(ProbeFailure::Connect)?;
    let http2 = pool::speaks_http2(endpoint, alpn_http2);
    match &health.probe {
        HealthProbe::Tcp => Ok(()),
        HealthProbe::Http(http) => {
            let headers = Headers::from_iter([(USER_AGENT, AGENT)]);
            let (target, host) = (http.path.as_bytes(), host(endpoint, http.host.as_deref()));
            let outbound = outbound(&Method::GET, target, host, &headers);
            check_http(send(endpoint, (stream, http2), &outbound, Body::Empty).await?, http).await
        }
        HealthProbe::Grpc { host: named, service } => {
            let grpc = HeaderValue::from_static("application/grpc");
            let trailers = HeaderValue::from_static("trailers");
            let headers = Headers::from_iter([(CONTENT_TYPE, grpc), (TE, trailers), (USER_AGENT, AGENT)]);
            let host = host(endpoint, named.as_deref());
            let outbound = outbound(&Method::POST, b"/grpc.health.v1.Health/Check", host, &headers);
            let body = Body::full(grpc_health::request(service));
            check_grpc(send(endpoint, (stream, http2), &outbound, body).await?).await
        }
    }
}

/// The PROXY header of a connection that no client is behind.
fn front(endpoint: &Endpoint) -> Option<Vec<u8>> {
    let version = match endpoint.identity.proxy_protocol? {
        ProxyProtocolVersion::V1 => proxy_protocol::Version::V1,
        ProxyProtocolVersion::V2 => proxy_protocol::Version::V2,
    };
    Some(proxy_protocol::encode(version, &Header::Local))
}

fn host<'a>(endpoint: &'a Endpoint, named: Option<&'a str>) -> &'a [u8] {
    named.unwrap_or(&endpoint.host).as_bytes()
}

fn outbound<'a>(method: &'a Method, target: &'a [u8], host: &'a [u8], headers: &'a Headers) -> Outbound<'a> {
    Outbound { method, target, host, headers, upgrade: None, expects_continue: false, more: &[] }
}

/// Sends the request and reads the head of the response. Its time is that of the whole probe.
async fn send(
    endpoint: &Endpoint,
    (stream, http2): (Stream, bool),
    outbound: &Outbound<'_>,
    body: Body,
) -> Result<Response, ProbeFailure> {
    let settings = Settings {
        head: HEAD,
        codings: TransferCodings::Chunked,
        response_timeout: None,
        body_timeout: None,
        write_timeout: None,
        until: None,
    };
    let task = Task::new(Timer::new());
    let answer = if http2 {
        let scheme = if endpoint.identity.tls.is_some() { Scheme::Https } else { Scheme::Http };
        let sender = Connections::default().begin(stream, Box::new(())).await;
        let sender = sender.map_err(|error| ProbeFailure::Connect(ConnectFailure::Other(error)))?;
        h2::exchange(sender, outbound, scheme, body, &settings, &task).await
    } else {
        let connection = Connection::new(stream, Box::new(()));
        h1::exchange(connection, Rc::new(Nowhere), outbound, body, &settings, &task).await
    };
    answer.map_err(ProbeFailure::Exchange)
}

/// Probes keep no connection.
struct Nowhere;

impl Home for Nowhere {
    fn take_back(&self, connection: Box<Connection>, _: Instant) {
        drop(connection);
    }
}

async fn check_http(response: Response, expected: &HttpProbe) -> Result<(), ProbeFailure> {
    if !expected.status.iter().any(|range| range.contains(response.status.as_u16())) {
        return Err(ProbeFailure::Status(response.status));
    }
    let Some(text) = &expected.body else { return Ok(()) };
    let (body, _) = read(response.body).await?;
    if memchr::memmem::find(&body, text.as_bytes()).is_none() {
        return Err(ProbeFailure::Body);
    }
    Ok(())
}

/// The status stands in the trailers, or in the head where there is no message.
async fn check_grpc(response: Response) -> Result<(), ProbeFailure> {
    if response.status != StatusCode::OK {
        return Err(ProbeFailure::Status(response.status));
    }
    let in_head = response.headers.text(&GRPC_STATUS).map(str::to_owned);
    let (body, in_trailers) = read(response.body).await?;
    match in_trailers.or(in_head).as_deref() {
        Some("0") => {}
        Some(status) => return Err(ProbeFailure::Grpc(status.to_owned())),
        None => return Err(ProbeFailure::Nonsense),
    }
    match grpc_health::response(&body) {
        Said::Serving => Ok(()),
        Said::NotServing => Err(ProbeFailure::NotServing),
        Said::Nonsense => Err(ProbeFailure::Nonsense),
    }
}

/// The beginning of a body, and the `grpc-status` of its trailers.
async fn read(mut body: Body) -> Result<(Vec<u8>, Option<String>), ProbeFailure> {
    let mut read = Vec::new();
    while let Some(frame) = poll_fn(|cx| body.poll_frame(cx)).await {
        match frame.map_err(|_| ProbeFailure::Body)? {
            Frame::Data(bytes) => read.extend_from_slice(&bytes),
            Frame::Trailers(trailers) => return Ok((read, trailers.text(&GRPC_STATUS).map(str::to_owned))),
        }
        if read.len() >= BODY {
            read.truncate(BODY);
            break;
        }
    }
    Ok((read, None))
}
