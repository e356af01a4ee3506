//! Writes the heads of HTTP/1 messages (RFC 9112 §3, §4) and the framing of bodies. Framing fields are made here and nowhere else.

use bytes::{BufMut, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, HeaderName, HeaderValue, TE, TRANSFER_ENCODING};
use http::{Method, StatusCode};

use crate::http::{Headers, Length};

/// How the body of a message that we write is framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outgoing {
    /// No body and no word about it.
    None,
    /// `Content-Length`.
    Length(u64),
    /// `Transfer-Encoding: chunked`.
    Chunked,
    /// Until the connection closes.
    UntilClose,
    /// No body, but the fields that tell of it stay: the answer to `HEAD`, and 304.
    Described,
}

impl Outgoing {
    /// For a body of that length, towards one who understands chunks or not.
    pub const fn of(length: Length, chunks: bool) -> Self {
        match length {
            Length::Known(length) => Self::Length(length),
            Length::Unknown if chunks => Self::Chunked,
            Length::Unknown => Self::UntilClose,
        }
    }
}

/// What `Connection` says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// Nothing: HTTP/1.1 goes on.
    Implied,
    /// `keep-alive`, for HTTP/1.0.
    KeepAlive,
    /// `close`
    Close,
    /// `upgrade`
    Upgrade,
}

/// Writes a status line and fields.
pub fn response_head(out: &mut BytesMut, status: StatusCode, headers: &Headers, framing: Outgoing, last: Persistence) {
    status_line(out, status);
    fields(out, headers, framing);
    match last {
        Persistence::Implied => {}
        Persistence::KeepAlive => out.put_slice(b"connection: keep-alive\r\n"),
        Persistence::Close => out.put_slice(b"connection: close\r\n"),
        Persistence::Upgrade => out.put_slice(b"connection: upgrade\r\n"),
    }
    out.put_slice(b"\r\n");
}

/// What the request line and the fields of a request say.
#[derive(Debug)]
pub struct RequestLine<'a> {
    /// Method.
    pub method: &'a Method,
    /// Path and query.
    pub target: &'a [u8],
    /// The value of `Host`.
    pub host: &'a [u8],
    /// The other fields.
    pub headers: &'a Headers,
}

/// Writes a request line and fields.
pub fn request_head(out: &mut BytesMut, line: &RequestLine<'_>, framing: Outgoing, last: Persistence) {
    out.reserve(line.target.len() + line.host.len() + 64);
    out.put_slice(line.method.as_str().as_bytes());
    out.put_u8(b' ');
    out.put_slice(line.target);
    out.put_slice(b" HTTP/1.1\r\nhost: ");
    out.put_slice(line.host);
    out.put_slice(b"\r\n");
    fields(out, line.headers, framing);
    match last {
        Persistence::Upgrade => out.put_slice(b"connection: upgrade\r\n"),
        Persistence::Close => out.put_slice(b"connection: close\r\n"),
        Persistence::Implied | Persistence::KeepAlive => {}
    }
    out.put_slice(b"\r\n");
}

/// Writes the line in front of a chunk of that size.
pub fn chunk_line(out: &mut BytesMut, size: usize) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0u8; 18];
    let (mut at, mut left) = (16, size);
    loop {
        at -= 1;
        text[at] = DIGITS[left & 15];
        left >>= 4;
        if left == 0 {
            break;
        }
    }
    text[16] = b'\r';
    text[17] = b'\n';
    out.put_slice(&text[at..]);
}

/// Writes the last chunk and the trailer section.
pub fn last_chunk(out: &mut BytesMut, trailers: Option<&Headers>) {
    out.put_slice(b"0\r\n");
    for (name, value) in trailers.into_iter().flat_map(Headers::iter) {
        field(out, name, value);
    }
    out.put_slice(b"\r\n");
}

fn status_line(out: &mut BytesMut, status: StatusCode) {
    match status {
        StatusCode::OK => out.put_slice(b"HTTP/1.1 200 OK\r\n"),
        StatusCode::NOT_MODIFIED => out.put_slice(b"HTTP/1.1 304 Not Modified\r\n"),
        StatusCode::NOT_FOUND => out.put_slice(b"HTTP/1.1 404 Not Found\r\n"),
        _ => {
            out.put_slice(b"HTTP/1.1 ");
            out.put_slice(status.as_str().as_bytes());
            out.put_u8(b' ');
            out.put_slice(status.canonical_reason().unwrap_or("").as_bytes());
            out.put_slice(b"\r\n");
        }
    }
}

fn fields(out: &mut BytesMut, headers: &Headers, framing: Outgoing) {
    let (shared, behind) = headers.parts();
    if let Some(shared) = shared {
        // Checked and written out when they were stored; only the length is told in different ways.
        out.extend_from_slice(shared.lines());
        if framing == Outgoing::Described
            && let Some(length) = shared.first(&CONTENT_LENGTH)
        {
            field(out, &CONTENT_LENGTH, length);
        }
    }
    for (name, value) in behind {
        // Whatever a filter left there: one place frames a message.
        let framed = *name == CONTENT_LENGTH && framing != Outgoing::Described;
        // `TE` would have to be named by Connection; trailers are taken from HTTP/1.1 upstreams in any case.
        if framed || *name == TRANSFER_ENCODING || *name == CONNECTION || *name == TE {
            continue;
        }
        field(out, name, value);
    }
    match framing {
        Outgoing::None | Outgoing::UntilClose | Outgoing::Described => {}
        Outgoing::Chunked => out.put_slice(b"transfer-encoding: chunked\r\n"),
        Outgoing::Length(length) => {
            out.put_slice(b"content-length: ");
            out.put_slice(itoa::Buffer::new().format(length).as_bytes());
            out.put_slice(b"\r\n");
        }
    }
}

fn field(out: &mut BytesMut, name: &HeaderName, value: &HeaderValue) {
    let (name, value) = (name.as_str().as_bytes(), value.as_bytes());
    out.reserve(name.len() + value.len() + 4);
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(value);
    out.extend_from_slice(b"\r\n");
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::{ETAG, SERVER};

    #[test]
    fn heads_are_framed_once() {
        let mut headers = Headers::new();
        headers.append(SERVER, HeaderValue::from_static("x"));
        headers.append(CONTENT_LENGTH, HeaderValue::from_static("7"));
        headers.append(TRANSFER_ENCODING, HeaderValue::from_static("chunked"));
        headers.append(CONNECTION, HeaderValue::from_static("keep-alive"));
        headers.append(ETAG, HeaderValue::from_static("\"e\""));
        let head = |framing, last| {
            let mut out = BytesMut::new();
            response_head(&mut out, StatusCode::IM_A_TEAPOT, &headers, framing, last);
            String::from_utf8_lossy(&out).into_owned()
        };
        let start = "HTTP/1.1 418 I'm a teapot\r\nserver: x\r\netag: \"e\"\r\n";
        assert_eq!(head(Outgoing::Length(5), Persistence::Implied), format!("{start}content-length: 5\r\n\r\n"));
        let chunked = format!("{start}transfer-encoding: chunked\r\nconnection: close\r\n\r\n");
        assert_eq!(head(Outgoing::Chunked, Persistence::Close), chunked);
        let described = "HTTP/1.1 418 I'm a teapot\r\nserver: x\r\ncontent-length: 7\r\netag: \"e\"\r\n\r\n";
        assert_eq!(head(Outgoing::Described, Persistence::Implied), described);
    }

    #[test]
    fn chunk_lines() {
        for (size, text) in [(1, "1\r\n"), (16, "10\r\n"), (0xabc, "abc\r\n"), (65536, "10000\r\n")] {
            let mut out = BytesMut::new();
            chunk_line(&mut out, size);
            assert_eq!(&out[..], text.as_bytes());
        }
    }
}
