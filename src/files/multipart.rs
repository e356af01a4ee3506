//! `multipart/byteranges` (RFC 9110 §14.6): several parts of a file in one body.

use std::hash::{BuildHasher, RandomState};

use bytes::Bytes;
use http::HeaderValue;

use super::body::Piece;
use crate::http::range::Span;

/// The body's type, with its boundary, and its pieces.
pub(super) struct Multipart {
    pub(super) content_type: HeaderValue,
    pub(super) pieces: Vec<Piece>,
}

/// The parts of a file of `length` octets of that type, with a boundary that no file's author can know before.
pub(super) fn compose(spans: &[Span], of: &HeaderValue, length: u64) -> Multipart {
    let random = || RandomState::new().hash_one(length);
    with_boundary(&format!("{:016x}{:016x}", random(), random()), spans, of, length)
}

fn with_boundary(boundary: &str, spans: &[Span], of: &HeaderValue, length: u64) -> Multipart {
    let mut pieces = Vec::with_capacity(spans.len() * 2 + 1);
    for (at, span) in spans.iter().enumerate() {
        let line = if at == 0 { "" } else { "\r\n" };
        let mut head = format!("{line}--{boundary}\r\ncontent-type: ").into_bytes();
        head.extend_from_slice(of.as_bytes());
        head.extend_from_slice(b"\r\ncontent-range: ");
        head.extend_from_slice(span.content_range(length).as_bytes());
        head.extend_from_slice(b"\r\n\r\n");
        pieces.push(Piece::Ready(Bytes::from(head)));
        pieces.push(Piece::Part { offset: span.first, octets: span.octets() });
    }
    pieces.push(Piece::Ready(Bytes::from(format!("\r\n--{boundary}--\r\n"))));
    let content_type =
        HeaderValue::from_maybe_shared(Bytes::from(format!("multipart/byteranges; boundary={boundary}")));
    Multipart { content_type: content_type.expect("hexadecimal digits are visible"), pieces }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_with_their_heads() {
        let spans = [Span { first: 0, last: 0 }, Span { first: 8, last: 9 }];
        let multipart = with_boundary("xyz", &spans, &HeaderValue::from_static("text/plain"), 10);
        assert_eq!(multipart.content_type, "multipart/byteranges; boundary=xyz");
        let shown: Vec<String> = multipart
            .pieces
            .iter()
            .map(|piece| match piece {
                Piece::Ready(bytes) => String::from_utf8_lossy(bytes).into_owned(),
                Piece::Part { offset, octets } => format!("<{offset}+{octets}>"),
            })
            .collect();
        assert_eq!(
            shown.concat(),
            "--xyz\r\ncontent-type: text/plain\r\ncontent-range: bytes 0-0/10\r\n\r\n<0+1>\
             \r\n--xyz\r\ncontent-type: text/plain\r\ncontent-range: bytes 8-9/10\r\n\r\n<8+2>\r\n--xyz--\r\n"
        );
    }

    #[test]
    fn boundaries_differ() {
        let made = || compose(&[], &HeaderValue::from_static("a/b"), 1).content_type;
        assert_ne!(made(), made());
    }
}
