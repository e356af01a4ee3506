//! Carries a batch to a collector: over HTTP/1.1, or as a call of gRPC.

use std::io;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, RETRY_AFTER};
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use opentelemetry_proto::tonic::collector::trace::v1::{ExportTracePartialSuccess, ExportTraceServiceResponse};
use prost::Message;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::grpc;
use crate::config::model::{Collector, Otlp, Tracing};
use crate::tls::{ClientTls, alpn_of_collector};

/// How long a collector may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// How often a batch is sent before it is given up.
const TRIES: u32 = 4;
/// The pause before a batch is sent for the second time; twice that before the third, and so on.
const PAUSE: Duration = Duration::from_millis(250);
/// However long the collector wants to be left alone.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// Octets of an answer that are read.
pub(super) const ANSWER: usize = 64 << 10;
/// Where spans go over HTTP, unless the config says.
const PATH: &str = "/v1/traces";

/// An open connection to the collector.
pub(super) enum Connection {
    Http(http1::SendRequest<Full<Bytes>>),
    Grpc(h2::client::SendRequest<Bytes>),
}

/// What the collector said to a batch.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    Taken(Taken),
    /// Not now: it may be sent again, after so long if it says so.
    Later(String, Option<Duration>),
    /// Not at all.
    No(String),
}

/// A batch that was taken.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    /// Spans of it that were not, and never will be ("Partial Success").
    pub(super) rejected: u64,
    /// What was said about it.
    pub(super) message: String,
}

impl Taken {
    /// Reads what a collector answers. One that cannot be read says nothing.
    pub(super) fn read(answer: &[u8]) -> Self {
        let answer = ExportTraceServiceResponse::decode(answer).unwrap_or_default();
        let ExportTracePartialSuccess { rejected_spans, error_message } = answer.partial_success.unwrap_or_default();
        Self { rejected: rejected_spans.try_into().unwrap_or_default(), message: error_message }
    }
}

/// Sends a batch, more than once where that may help.
pub(super) async fn deliver(
    connection: &mut Option<Connection>,
    tracing: &Tracing,
    collector: &Collector,
    body: Bytes,
) -> Result<Taken, String> {
    let mut pause = PAUSE;
    let mut asked = None;
    let mut last = String::new();
    for turn in 0..TRIES {
        if turn > 0 {
            tokio::time::sleep(pause.max(asked.take().unwrap_or_default()).min(LONGEST_PAUSE)).await;
            pause *= 2;
        }
        match tokio::time::timeout(PATIENCE, send(connection, tracing, collector, body.clone())).await {
            Ok(Ok(Said::Taken(taken))) => return Ok(taken),
            Ok(Ok(Said::No(why))) => return Err(why),
            Ok(Ok(Said::Later(why, after))) => (last, asked) = (why, after),
            Ok(Err(error)) => {
                *connection = None;
                last = error;
            }
            Err(_) => {
                *connection = None;
                last = "it does not answer".to_owned();
            }
        }
    }
    Err(last)
}

async fn send(
    connection: &mut Option<Connection>,
    tracing: &Tracing,
    collector: &Collector,
    body: Bytes,
) -> Result<Said, String> {
    let usable = match connection.as_mut() {
        None => false,
        Some(Connection::Http(open)) => open.ready().await.is_ok(),
        Some(Connection::Grpc(open)) => open.clone().ready().await.is_ok(),
    };
    if !usable {
        *connection = Some(connect(tracing, collector).await?);
    }
    match connection {
        None => Err("it cannot be reached".to_owned()),
        Some(Connection::Http(open)) => post(open, tracing, collector, body).await,
        Some(Connection::Grpc(open)) => grpc::call(open, tracing, collector, &body).await,
    }
}

async fn post(
    open: &mut http1::SendRequest<Full<Bytes>>,
    tracing: &Tracing,
    collector: &Collector,
    body: Bytes,
) -> Result<Said, String> {
    let mut request = Request::post(if collector.path.is_empty() { PATH } else { &collector.path })
        .header(HOST, collector.authority.as_str())
        .header(CONTENT_TYPE, HeaderValue::from_static("application/x-protobuf"))
        .body(Full::new(body))
        .map_err(text)?;
    add(request.headers_mut(), tracing);
    let response = open.send_request(request).await.map_err(text)?;
    let (head, answer) = response.into_parts();
    // Read to its end, so that the connection can be used again.
    let answer = Limited::new(answer, ANSWER).collect().await.map_err(text)?.to_bytes();
    Ok(by_status(head.status, &head.headers, &answer))
}

pub(super) fn add(fields: &mut HeaderMap, tracing: &Tracing) {
    for (name, value) in &tracing.headers {
        fields.insert(name.clone(), value.clone());
    }
}

pub(super) fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// What may be sent again: OTLP specification, "Retryable Response Codes".
pub(super) fn by_status(status: StatusCode, head: &HeaderMap, answer: &[u8]) -> Said {
    match status {
        status if status.is_success() => Said::Taken(Taken::read(answer)),
        StatusCode::TOO_MANY_REQUESTS
        | StatusCode::BAD_GATEWAY
        | StatusCode::SERVICE_UNAVAILABLE
        | StatusCode::GATEWAY_TIMEOUT => Said::Later(format!("it answers {status}"), retry_after(head)),
        status => Said::No(format!("it answers {status}")),
    }
}

/// `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date.
fn retry_after(head: &HeaderMap) -> Option<Duration> {
    let value = head.get(RETRY_AFTER)?.to_str().ok()?.trim();
    let until = || httpdate::parse_http_date(value).ok()?.duration_since(SystemTime::now()).ok();
    value.parse().map(Duration::from_secs).ok().or_else(until)
}

async fn connect(tracing: &Tracing, collector: &Collector) -> Result<Connection, String> {
    let plain = TcpStream::connect((collector.host.as_str(), collector.port)).await.map_err(text)?;
    plain.set_nodelay(true).map_err(text)?;
    if !collector.tls {
        return shake(plain, tracing.protocol).await;
    }
    // Read anew for each connection, so that certificates may be replaced.
    let tls = ClientTls::compile(&tracing.tls, alpn_of_collector(tracing.protocol));
    let tls = tls.map_err(|problems| problems.first().map_or_else(String::new, |problem| problem.message.clone()))?;
    let name = tls.server_name(&collector.host).ok_or("its name cannot be verified")?;
    let secured = TlsConnector::from(tls.config()).connect(name, plain).await;
    shake(secured.map_err(|error: io::Error| text(error))?, tracing.protocol).await
}

async fn shake(stream: impl AsyncRead + AsyncWrite + Unpin + 'static, protocol: Otlp) -> Result<Connection, String> {
    // The end of a driver is seen at the next request.
    if protocol == Otlp::Grpc {
        let (sender, driver) = h2::client::handshake(stream).await.map_err(text)?;
        tokio::task::spawn_local(async move {
            let _ended = driver.await;
        });
        return Ok(Connection::Grpc(sender));
    }
    let (sender, driver) = http1::handshake(TokioIo::new(stream)).await.map_err(text)?;
    tokio::task::spawn_local(async move {
        let _ended = driver.await;
    });
    Ok(Connection::Http(sender))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_answer_of_http_came_to() {
        let partial = ExportTracePartialSuccess { rejected_spans: 3, error_message: "too old".to_owned() };
        let partial = ExportTraceServiceResponse { partial_success: Some(partial) }.encode_to_vec();
        let head = |after: &str| HeaderMap::from_iter([(RETRY_AFTER, after.parse().expect("a value"))]);
        let taken = |rejected, message: &str| Said::Taken(Taken { rejected, message: message.to_owned() });
        assert_eq!(by_status(StatusCode::OK, &head(""), b""), taken(0, ""));
        assert_eq!(by_status(StatusCode::OK, &head(""), &partial), taken(3, "too old"));
        assert_eq!(by_status(StatusCode::ACCEPTED, &head(""), b"<html>"), taken(0, ""), "none of OTLP");
        let later = |after: &str| match by_status(StatusCode::SERVICE_UNAVAILABLE, &head(after), b"") {
            Said::Later(_, after) => after,
            other => panic!("{other:?}"),
        };
        assert_eq!((later("7"), later("soon"), later("-1")), (Some(Duration::from_secs(7)), None, None));
        let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(60));
        assert!(later(&date).is_some_and(|after| (55..=60).contains(&after.as_secs())));
        assert_eq!(later("Sun, 06 Nov 1994 08:49:37 GMT"), None, "that is over");
        assert!(matches!(by_status(StatusCode::BAD_REQUEST, &head("1"), b""), Said::No(_)));
    }
}
