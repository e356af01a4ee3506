//! HTTP/2 (RFC 9113), both sides, on the `h2` crate: it keeps the frames, we keep the messages, bodies and deadlines.

pub mod client;
pub mod server;

mod inflow;
mod outflow;

mod abuse;
mod scan;
mod streams;
mod watched;

use crate::http::Length;

/// Octets that one stream may have on the way to us before it waits.
const STREAM_WINDOW: u32 = 256 * 1024;
/// Octets that all streams of a connection may have on the way to us.
const CONNECTION_WINDOW: u32 = 1024 * 1024;
/// Octets of one stream that wait to be framed.
const SEND_BUFFER: usize = 64 * 1024;

/// The length that a `content-length` field says, if it is one number.
fn declared(headers: &::http::HeaderMap) -> Length {
    let value = headers.get(::http::header::CONTENT_LENGTH).and_then(|value| value.to_str().ok());
    value.and_then(|text| text.parse().ok()).map_or(Length::Unknown, Length::Known)
}

/// Whether every name is a token (RFC 9110 §5.6.2). The `http` crate lets `"` pass in names of HTTP/2, and HTTP/1 has no such name.
fn names_are_tokens(headers: &::http::HeaderMap) -> bool {
    !headers.keys().any(|name| name.as_str().as_bytes().contains(&b'"'))
}
