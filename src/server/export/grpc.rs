//! A call of gRPC over HTTP/2, with one message there and one back.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use bytes::{Buf, BufMut, Bytes, BytesMut};
use http::header::{CONTENT_TYPE, TE};
use http::{HeaderMap, HeaderValue, Request, StatusCode};
use prost::Message;

use super::send::{ANSWER, Said, Taken, add, by_status, text};
use crate::config::model::{Collector, Tracing};

/// The call that takes spans (`opentelemetry/proto/collector/trace/v1/trace_service.proto`).
const CALL: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

/// One call with one message (gRPC over HTTP/2, "Requests").
pub(super) async fn call(
    open: &mut h2::client::SendRequest<Bytes>,
    tracing: &Tracing,
    collector: &Collector,
    body: &Bytes,
) -> Result<Said, String> {
    let scheme = if collector.tls { "https" } else { "http" };
    let mut request = Request::post(format!("{scheme}://{}{CALL}", collector.authority))
        .header(CONTENT_TYPE, HeaderValue::from_static("application/grpc"))
        .header(TE, HeaderValue::from_static("trailers"))
        .body(())
        .map_err(text)?;
    add(request.headers_mut(), tracing);
    let mut ready = open.clone().ready().await.map_err(text)?;
    let (response, stream) = ready.send_request(request, false).map_err(text)?;
    let sent = write(stream, message(body));
    let answered = async {
        let (head, mut body) = response.await.map_err(text)?.into_parts();
        let mut answer = BytesMut::new();
        while let Some(part) = body.data().await {
            let part = part.map_err(text)?;
            if answer.len() + part.len() > ANSWER {
                return Err("its answer is too long".to_owned());
            }
            answer.extend_from_slice(&part);
            body.flow_control().release_capacity(part.len()).map_err(text)?;
        }
        let trailers = body.trailers().await.map_err(text)?;
        Ok(came_to(head.status, &head.headers, trailers.as_ref(), &answer))
    };
    // It may answer before it has read all: then the rest is not wanted.
    tokio::pin!(sent, answered);
    tokio::select! {
        said = &mut answered => said,
        wrote = &mut sent => match wrote {
            Ok(()) => answered.await,
            Err(error) => answered.await.map_err(|_: String| error),
        },
    }
}

/// The frame around a message: no compression, its length, itself (gRPC over HTTP/2, "Length-Prefixed-Message").
fn message(body: &Bytes) -> Bytes {
    let mut framed = BytesMut::with_capacity(5 + body.len());
    framed.put_u8(0);
    framed.put_u32(u32::try_from(body.len()).unwrap_or(u32::MAX));
    framed.put_slice(body);
    framed.freeze()
}

/// Writes as much at a time as the collector lets it.
async fn write(mut stream: h2::SendStream<Bytes>, mut rest: Bytes) -> Result<(), String> {
    while !rest.is_empty() {
        stream.reserve_capacity(rest.len());
        let granted = std::future::poll_fn(|cx| stream.poll_capacity(cx)).await;
        let granted = granted.ok_or("it ended the call")?.map_err(text)?;
        let part = rest.split_to(granted.min(rest.len()));
        stream.send_data(part, rest.is_empty()).map_err(text)?;
    }
    Ok(())
}

/// What is in the frame of an answer; nothing where it is none, or compressed, which was not asked for.
fn unframed(mut answer: &[u8]) -> &[u8] {
    match (answer.try_get_u8(), answer.try_get_u32()) {
        (Ok(0), Ok(length)) => answer.get(..length as usize).unwrap_or_default(),
        _ => &[],
    }
}

/// What a call came to. Codes that may be sent again: OTLP specification, "Failures" of OTLP/gRPC.
fn came_to(status: StatusCode, head: &HeaderMap, trailers: Option<&HeaderMap>, answer: &[u8]) -> Said {
    let field = |name: &str| trailers.and_then(|trailers| trailers.get(name)).or_else(|| head.get(name));
    let Some(code) = field("grpc-status").and_then(|code| code.to_str().ok()?.parse::<u32>().ok()) else {
        return match by_status(status, head, &[]) {
            Said::Taken(_) => Said::No("it does not answer as gRPC does".to_owned()),
            other => other,
        };
    };
    let told = field("grpc-message").and_then(|told| told.to_str().ok()).unwrap_or_default();
    let why = format!("it answers with the gRPC status {code} {told}").trim_end().to_owned();
    let after = field("grpc-status-details-bin").and_then(retry_info);
    match code {
        0 => Said::Taken(Taken::read(unframed(answer))),
        // Cancelled, deadline exceeded, aborted, out of range, unavailable, data loss.
        1 | 4 | 10 | 11 | 14 | 15 => Said::Later(why, after),
        // Resource exhausted: only where it says when.
        8 if after.is_some() => Said::Later(why, after),
        _ => Said::No(why),
    }
}

/// `google.rpc.Status`, of which only the details are of interest.
#[derive(Clone, PartialEq, Message)]
struct Details {
    #[prost(message, repeated, tag = "3")]
    all: Vec<Detail>,
}

/// `google.protobuf.Any`
#[derive(Clone, PartialEq, Message)]
struct Detail {
    #[prost(string, tag = "1")]
    kind: String,
    #[prost(bytes = "vec", tag = "2")]
    value: Vec<u8>,
}

/// `google.rpc.RetryInfo`
#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    delay: Option<Delay>,
}

/// `google.protobuf.Duration`
#[derive(Clone, Copy, PartialEq, Message)]
struct Delay {
    #[prost(int64, tag = "1")]
    seconds: i64,
    #[prost(int32, tag = "2")]
    nanos: i32,
}

/// When a call may be made again, if the details of its status hold that.
fn retry_info(details: &HeaderValue) -> Option<Duration> {
    let bare = details.as_bytes().trim_ascii();
    let bare = bare.strip_suffix(b"==").or_else(|| bare.strip_suffix(b"=")).unwrap_or(bare);
    let details = Details::decode(&*STANDARD_NO_PAD.decode(bare).ok()?).ok()?;
    let found = details.all.iter().find(|detail| detail.kind == "type.googleapis.com/google.rpc.RetryInfo")?;
    let Delay { seconds, nanos } = RetryInfo::decode(&*found.value).ok()?.delay.unwrap_or_default();
    Some(Duration::from_secs(seconds.try_into().ok()?) + Duration::from_nanos(nanos.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(list: &[(&'static str, &str)]) -> HeaderMap {
        let pair = |(name, value): &(&'static str, &str)| {
            (http::HeaderName::from_static(name), value.parse().expect("a value"))
        };
        list.iter().map(pair).collect()
    }

    fn details(kind: &str, value: &impl Message) -> String {
        let detail = Detail { kind: format!("type.googleapis.com/google.rpc.{kind}"), value: value.encode_to_vec() };
        STANDARD_NO_PAD.encode(Details { all: vec![detail] }.encode_to_vec())
    }

    #[test]
    fn what_a_call_came_to() {
        let delay = RetryInfo { delay: Some(Delay { seconds: 2, nanos: 500_000_000 }) };
        let (retry, other) = (details("RetryInfo", &delay), details("Help", &delay));
        let back = details("RetryInfo", &RetryInfo { delay: Some(Delay { seconds: -1, nanos: 0 }) });
        let cases: [(u16, &[_], Option<&[_]>, &str); 11] = [
            (200, &[], Some(&[("grpc-status", "0")]), "taken"),
            // A status without a body stands in the head.
            (200, &[("grpc-status", "14"), ("grpc-message", "busy")], None, "later None"),
            (200, &[], Some(&[("grpc-status", "14")]), "later None"),
            (200, &[], Some(&[("grpc-status", "14"), ("grpc-status-details-bin", &retry)]), "later Some(2.5s)"),
            (200, &[], Some(&[("grpc-status", "3")]), "no"),
            (200, &[], Some(&[("grpc-status", "8")]), "no"),
            (200, &[], Some(&[("grpc-status", "8"), ("grpc-status-details-bin", &other)]), "no"),
            (200, &[], Some(&[("grpc-status", "8"), ("grpc-status-details-bin", &back)]), "no"),
            (200, &[], Some(&[("grpc-status", "8"), ("grpc-status-details-bin", &retry)]), "later Some(2.5s)"),
            (200, &[], None, "no"),
            (503, &[("retry-after", "3")], None, "later Some(3s)"),
        ];
        for (status, head, trailers, expected) in cases {
            let trailers = trailers.map(fields);
            let status = StatusCode::from_u16(status).expect("a status");
            let seen = match came_to(status, &fields(head), trailers.as_ref(), b"") {
                Said::Taken(_) => "taken".to_owned(),
                Said::Later(_, after) => format!("later {after:?}"),
                Said::No(_) => "no".to_owned(),
            };
            assert_eq!(seen, expected, "{status} {head:?} {trailers:?}");
        }
        let busy = [("grpc-status", "14"), ("grpc-message", "busy")];
        let said = came_to(StatusCode::OK, &fields(&busy), None, b"");
        assert_eq!(said, Said::Later("it answers with the gRPC status 14 busy".to_owned(), None));
    }

    #[test]
    fn a_message_has_its_length_before_it() {
        let framed = message(&Bytes::from_static(b"abc"));
        assert_eq!(&framed[..], b"\0\0\0\0\x03abc");
        assert_eq!(unframed(&framed), b"abc");
        for none in [&b""[..], b"\0\0\0", b"\x01\0\0\0\x03abc", b"\0\0\0\0\x04abc"] {
            assert_eq!(unframed(none), b"", "{none:?}");
        }
    }
}
