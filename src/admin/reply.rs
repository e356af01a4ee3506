//! How answers look.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use futures_core::Stream;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, WWW_AUTHENTICATE, X_CONTENT_TYPE_OPTIONS,
    X_FRAME_OPTIONS,
};
use http::{HeaderValue, Response, StatusCode};
use http_body_util::{Either, Full, StreamBody};
use hyper::body::Frame;
use serde_json::{Value, json};
use tokio::sync::mpsc::Receiver;

/// An answer: all of it, or what comes as long as it comes.
pub(crate) type Reply = Response<Either<Full<Bytes>, StreamBody<Coming>>>;

/// Octets as they come.
pub(crate) struct Coming(Receiver<Bytes>);

impl Stream for Coming {
    type Item = Result<Frame<Bytes>, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(cx).map(|text| text.map(|text| Ok(Frame::data(text))))
    }
}

pub(crate) fn not_found() -> Reply {
    problem(StatusCode::NOT_FOUND, "nothing is here; / lists what there is")
}

pub(crate) fn not_allowed(allowed: &'static str) -> Reply {
    let mut reply = problem(StatusCode::METHOD_NOT_ALLOWED, "this is asked for by another method");
    reply.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    reply
}

pub(crate) fn unauthorised() -> Reply {
    let mut reply = problem(StatusCode::UNAUTHORIZED, "the token is asked for: Authorization: Bearer ...");
    reply.headers_mut().insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    reply
}

pub(crate) fn problem(status: StatusCode, message: &str) -> Reply {
    json(status, &json!({ "message": message }))
}

pub(crate) fn json(status: StatusCode, value: &Value) -> Reply {
    whole(status, "application/json", format!("{value:#}\n"))
}

pub(crate) fn plain(status: StatusCode, text: &str) -> Reply {
    whole(status, "text/plain; charset=utf-8", text.to_owned())
}

/// A page of the program's own; it may load nothing from elsewhere.
pub(crate) fn html(text: String) -> Reply {
    let mut reply = whole(StatusCode::OK, "text/html; charset=utf-8", text);
    let policy = "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; \
                  img-src 'self' data:; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
    reply.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    reply
}

pub(crate) fn whole(status: StatusCode, content_type: &'static str, text: impl Into<Bytes>) -> Reply {
    fields(status, content_type, Either::Left(Full::new(text.into())))
}

/// Lines of JSON, as they come.
pub(crate) fn stream(lines: Receiver<Bytes>) -> Reply {
    fields(StatusCode::OK, "application/x-ndjson", Either::Right(StreamBody::new(Coming(lines))))
}

fn fields(status: StatusCode, content_type: &'static str, content: Either<Full<Bytes>, StreamBody<Coming>>) -> Reply {
    let mut reply = Response::new(content);
    *reply.status_mut() = status;
    let fields = [
        (CONTENT_TYPE, content_type),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
    ];
    for (name, value) in fields {
        reply.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    reply
}
