//! Bodies of HTTP/1 messages (RFC 9112 §6 and §7): where they end, and what is payload. Pure; strict as [`super::parse`] is.

use bytes::{Buf, Bytes, BytesMut};

use super::parse::{self, Framing, HeadLimits, HeadScan};
use crate::http::{Headers, Length};

/// Longest chunk-size line with its extensions, in octets. Extensions are read over and never passed on (RFC 9112 §7.1.1).
const MAX_CHUNK_LINE: usize = 256;
/// What a trailer section may take.
const TRAILER_LIMITS: HeadLimits = HeadLimits { head: 8 * 1024, field: 4 * 1024, fields: 64, target: usize::MAX };

/// The framing of a body was broken; no byte behind that place can be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed;

/// What the decoder found at the front of the buffer.
#[derive(Debug)]
pub enum Step {
    /// Payload; never empty.
    Data(Bytes),
    /// A trailer section with at least one field; the body has ended.
    Trailers(Headers),
    /// The body has ended.
    End,
    /// More bytes are needed.
    NeedMore,
}

/// Takes payload off the front of a read buffer.
#[derive(Debug)]
pub enum Decoder {
    /// So many octets to come.
    Length(u64),
    /// Chunks.
    Chunked(Chunk),
    /// All that comes, until the connection closes.
    UntilClose,
    /// Nothing more.
    Done,
}

/// Where in a chunked body we are.
#[derive(Debug)]
pub enum Chunk {
    /// Before a chunk-size line; so many of its bytes were looked at.
    Size,
    /// In the data, so many octets to come.
    Data(u64),
    /// Before the CR LF behind the data.
    DataEnd,
    /// In the trailer section.
    Trailers(HeadScan),
}

impl Decoder {
    /// A decoder for that framing.
    pub const fn new(framing: Framing) -> Self {
        match framing {
            Framing::None => Self::Done,
            Framing::Length(0) => Self::Done,
            Framing::Length(length) => Self::Length(length),
            Framing::Chunked => Self::Chunked(Chunk::Size),
            Framing::UntilClose => Self::UntilClose,
        }
    }

    /// Whether the body has ended.
    pub const fn is_done(&self) -> bool {
        matches!(self, Self::Done)
    }

    /// Whether the end of the connection is the end of the body.
    pub const fn ends_by_close(&self) -> bool {
        matches!(self, Self::UntilClose)
    }

    /// How much payload is still to come.
    pub const fn length(&self) -> Length {
        match self {
            Self::Length(left) => Length::Known(*left),
            Self::Done => Length::Known(0),
            Self::Chunked(_) | Self::UntilClose => Length::Unknown,
        }
    }

    /// The next piece.
    ///
    /// # Errors
    /// [`Malformed`] where the framing is broken.
    pub fn step(&mut self, buffer: &mut BytesMut) -> Result<Step, Malformed> {
        match self {
            Self::Done => Ok(Step::End),
            Self::UntilClose if buffer.is_empty() => Ok(Step::NeedMore),
            Self::UntilClose => Ok(Step::Data(buffer.split().freeze())),
            Self::Length(left) => {
                let data = take(buffer, left);
                if *left == 0 {
                    *self = Self::Done;
                }
                Ok(if data.is_empty() { Step::NeedMore } else { Step::Data(data) })
            }
            Self::Chunked(chunk) => {
                let step = chunk.step(buffer)?;
                if matches!(step, Step::End | Step::Trailers(_)) {
                    *self = Self::Done;
                }
                Ok(step)
            }
        }
    }
}

/// Up to `left` bytes off the front, counted off.
fn take(buffer: &mut BytesMut, left: &mut u64) -> Bytes {
    let here = usize::try_from(*left).map_or(buffer.len(), |left| left.min(buffer.len()));
    *left -= here as u64;
    buffer.split_to(here).freeze()
}

impl Chunk {
    fn step(&mut self, buffer: &mut BytesMut) -> Result<Step, Malformed> {
        loop {
            match self {
                Self::Size => {
                    let Some((size, line)) = chunk_size(buffer)? else { return Ok(Step::NeedMore) };
                    buffer.advance(line);
                    *self = if size == 0 { Self::Trailers(HeadScan::default()) } else { Self::Data(size) };
                }
                Self::Data(left) => {
                    let data = take(buffer, left);
                    if *left == 0 {
                        *self = Self::DataEnd;
                    }
                    return Ok(if data.is_empty() { Step::NeedMore } else { Step::Data(data) });
                }
                Self::DataEnd => match buffer.get(..2) {
                    Some(b"\r\n") => {
                        buffer.advance(2);
                        *self = Self::Size;
                    }
                    Some(_) => return Err(Malformed),
                    None if buffer.first().is_some_and(|byte| *byte != b'\r') => return Err(Malformed),
                    None => return Ok(Step::NeedMore),
                },
                Self::Trailers(scan) => {
                    let end = scan.find(buffer, &TRAILER_LIMITS).map_err(|_| Malformed)?;
                    let Some(end) = end else { return Ok(Step::NeedMore) };
                    let section = buffer.split_to(end);
                    let headers = parse::trailers(section, &TRAILER_LIMITS).map_err(|_| Malformed)?;
                    return Ok(if headers.is_empty() { Step::End } else { Step::Trailers(headers) });
                }
            }
        }
    }
}

/// The size on a chunk-size line, and the length of the line with its CR LF; `None` where it is not all there.
fn chunk_size(buffer: &[u8]) -> Result<Option<(u64, usize)>, Malformed> {
    let window = &buffer[..buffer.len().min(MAX_CHUNK_LINE)];
    let Some(end) = memchr::memchr(b'\n', window) else {
        return if window.len() == MAX_CHUNK_LINE { Err(Malformed) } else { Ok(None) };
    };
    let line = window[..end].strip_suffix(b"\r").ok_or(Malformed)?;
    let count = line.iter().position(|byte| !byte.is_ascii_hexdigit()).unwrap_or(line.len());
    // Sixteen digits fill a u64; leading zeroes beyond that have no honest use.
    if count == 0 || count > 16 {
        return Err(Malformed);
    }
    let mut size = 0u64;
    for digit in &line[..count] {
        size = size << 4 | u64::from((*digit as char).to_digit(16).ok_or(Malformed)?);
    }
    extension(&line[count..])?;
    Ok(Some((size, end + 1)))
}

/// An extension begins with `;` and has no control byte; nothing else may follow the digits.
fn extension(rest: &[u8]) -> Result<(), Malformed> {
    let blank = rest.iter().position(|byte| *byte != b' ' && *byte != b'\t').unwrap_or(rest.len());
    // White space stands before an extension, and nowhere else (RFC 9112 §7.1.1).
    let fine = rest.is_empty() || rest.get(blank) == Some(&b';');
    let text = rest.iter().all(|byte| *byte == b'\t' || (*byte >= 0x20 && *byte != 0x7f));
    if fine && text { Ok(()) } else { Err(Malformed) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Feeds the text in pieces of `size`; payload with `|` between body and trailers, or the error.
    fn decode(text: &[u8], size: usize) -> Result<String, Malformed> {
        let mut decoder = Decoder::new(Framing::Chunked);
        let (mut buffer, mut out, mut pieces) = (BytesMut::new(), String::new(), text.chunks(size));
        loop {
            match decoder.step(&mut buffer)? {
                Step::Data(data) => out.push_str(&String::from_utf8_lossy(&data)),
                Step::End => return Ok(out + "."),
                Step::Trailers(headers) => {
                    let fields: Vec<_> = headers.iter().map(|(n, _)| n.as_str()).collect();
                    return Ok(format!("{out}|{}", fields.join(",")));
                }
                Step::NeedMore => match pieces.next() {
                    Some(piece) => buffer.extend_from_slice(piece),
                    None => return Ok(out + "..."),
                },
            }
        }
    }

    #[test]
    fn chunked_bodies_in_pieces_of_any_size() {
        let cases: [(&[u8], Result<&str, Malformed>); 23] = [
            (b"0\r\n\r\n", Ok(".")),
            (b"3\r\nabc\r\n0\r\n\r\n", Ok("abc.")),
            (b"03\r\nabc\r\nA\r\n0123456789\r\n0\r\n\r\n", Ok("abc0123456789.")),
            (b"3;x=y\r\nabc\r\n0;z\r\n\r\n", Ok("abc.")),
            (b"3 ;x=\"y\"\r\nabc\r\n0\r\n\r\n", Ok("abc.")),
            (b"3\r\nabc\r\n0\r\nA: b\r\nC: d\r\n\r\n", Ok("abc|a,c")),
            (b"3\r\nabc\r\n0\r\n", Ok("abc...")),
            (b"3\r\nab", Ok("ab...")),
            (b"3\nabc\n0\n\n", Err(Malformed)),
            (b"3\r\nabcX\r\n0\r\n\r\n", Err(Malformed)),
            (b"3\r\nabc\n0\r\n\r\n", Err(Malformed)),
            (b"\r\nabc", Err(Malformed)),
            (b"0x3\r\nabc\r\n0\r\n\r\n", Err(Malformed)),
            (b"+3\r\nabc\r\n0\r\n\r\n", Err(Malformed)),
            (b"-1\r\n", Err(Malformed)),
            (b"3 3\r\nabc", Err(Malformed)),
            (b"3\r\r\nabc", Err(Malformed)),
            (b"3 \r\nabc\r\n0\r\n\r\n", Err(Malformed)),
            (b"3;a\rb\r\nabc\r\n0\r\n\r\n", Err(Malformed)),
            (b"10000000000000000\r\n", Err(Malformed)),
            (b"0\r\n A: b\r\n\r\n", Err(Malformed)),
            (b"0\r\nA : b\r\n\r\n", Err(Malformed)),
            (b"0\r\nA: b\n\r\n", Err(Malformed)),
        ];
        for (text, expected) in cases {
            for size in [1, 2, 3, 7, 1000] {
                let seen = decode(text, size);
                assert_eq!(
                    seen.as_deref().map_err(|e| *e),
                    expected,
                    "{:?} by {size}",
                    text.escape_ascii().to_string()
                );
            }
        }
    }

    #[test]
    fn a_size_line_that_never_ends_is_refused() {
        let mut line = b"1;".to_vec();
        line.extend([b'a'; 300]);
        assert_eq!(decode(&line, 10), Err(Malformed));
    }

    #[test]
    fn a_length_takes_no_byte_of_the_next_message() {
        let mut decoder = Decoder::new(Framing::Length(3));
        let mut buffer = BytesMut::from("abcGET");
        assert!(matches!(decoder.step(&mut buffer), Ok(Step::Data(data)) if data == "abc"));
        assert!(matches!(decoder.step(&mut buffer), Ok(Step::End)));
        assert_eq!(&buffer[..], b"GET");
    }
}
