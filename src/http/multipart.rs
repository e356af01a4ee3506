//! `multipart/byteranges` (RFC 9110 §14.6): several parts of a representation in one body.

use std::hash::{BuildHasher, RandomState};

use bytes::Bytes;
use http::HeaderValue;

use super::range::Span;

/// A part of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Octets that are here.
    Ready(Bytes),
    /// So many octets of the representation from that offset on.
    Part {
        /// The first of them, from 0.
        offset: u64,
        /// How many.
        octets: u64,
    },
}

impl Piece {
    /// How many octets it has.
    pub fn octets(&self) -> u64 {
        match self {
            Self::Ready(bytes) => bytes.len() as u64,
            Self::Part { octets, .. } => *octets,
        }
    }
}

/// The body's type, with its boundary, and its pieces.
pub struct Multipart {
    /// `multipart/byteranges` with the boundary.
    pub content_type: HeaderValue,
    /// Heads and parts, in their order.
    pub pieces: Vec<Piece>,
}

/// The parts of a representation of `length` octets of that type, with a boundary that no author of it can know before.
pub fn compose(spans: &[Span], of: &HeaderValue, length: u64) -> Multipart {
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
