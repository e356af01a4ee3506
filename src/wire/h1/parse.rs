//! Heads of HTTP/1 messages (RFC 9112 §2 to §6), read strictly: what two readers could take in two ways is refused.
//!
//! Pure: bytes in, a head or a refusal out. Refused are bare LF and CR, obs-fold, white space before the colon, control bytes, `Content-Length`
//! beside `Transfer-Encoding`, lengths that differ or are not digits, and codings other than one `chunked`.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HOST, HeaderName, HeaderValue, TRANSFER_ENCODING, UPGRADE};
use http::{Method, StatusCode, Version};

use crate::http::{Headers, Text};

pub use super::refused::HeadError;

/// How much of a head is taken. All in octets, but for `fields`.
#[derive(Clone, Copy, Debug)]
pub struct HeadLimits {
    /// Start line, all fields and the empty line.
    pub head: usize,
    /// One field line.
    pub field: usize,
    /// Number of fields.
    pub fields: usize,
    /// Request target.
    pub target: usize,
}

/// How a message says where its body ends (RFC 9112 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framing {
    /// There is none.
    None,
    /// That many octets.
    Length(u64),
    /// Chunks.
    Chunked,
    /// All until the connection closes (responses only).
    UntilClose,
}

/// Octets of a usual field line.
const USUAL_LINE: usize = 32;
/// Fields that are added to a usual message on its way.
const ADDED: usize = 8;

/// The codings that a body may be in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TransferCodings {
    /// Chunks or none.
    #[default]
    Chunked,
    /// Also one that nobody knows (responses only): such a body ends with its connection (RFC 9112 §6.3), and is handed on as it is. Those
    /// that are known are refused all the same: nobody asked for them, and nobody takes them off.
    Unknown,
}

/// A request's head.
#[derive(Debug)]
pub struct RequestHead {
    /// Method.
    pub method: Method,
    /// The target as it stood there, in whatever form.
    pub target: Text,
    /// 1.0 or 1.1.
    pub version: Version,
    /// All fields as they came.
    pub headers: Headers,
    /// The value of the last `Host`, as a slice of the head.
    pub host: Option<Text>,
    /// How the body is framed.
    pub framing: Framing,
    /// What `Connection`, `Expect` and `Upgrade` ask for.
    pub wishes: Wishes,
}

/// A response's head.
#[derive(Debug)]
pub struct ResponseHead {
    /// Status, 100 to 999.
    pub status: StatusCode,
    /// All fields as they came.
    pub headers: Headers,
    /// How the body is framed, for a request that was not `HEAD`.
    pub framing: Framing,
    /// Whether the connection can carry another exchange.
    pub keep_alive: bool,
}

/// What a request asks of its connection.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wishes {
    /// Go on with this connection.
    pub keep_alive: bool,
    /// `Expect: 100-continue`.
    pub expects_continue: bool,
    /// The protocol of `Upgrade`, where `Connection` names it.
    pub upgrade: Option<Text>,
}

/// Looks for the end of a head; remembers how far it looked, so that a head that drips in is looked at once.
#[derive(Debug, Default)]
pub struct HeadScan {
    looked: usize,
    line: usize,
}

impl HeadScan {
    /// Where the head ends (behind the empty line), if it is all there.
    ///
    /// # Errors
    /// A line that ends in LF alone, or more than `limits` allow without an end.
    pub fn find(&mut self, buffer: &[u8], limits: &HeadLimits) -> Result<Option<usize>, HeadError> {
        while let Some(at) = memchr::memchr(b'\n', &buffer[self.looked..]) {
            let end = self.looked + at;
            if end == 0 || buffer[end - 1] != b'\r' {
                return Err(HeadError::LineEnd);
            }
            let empty = end - 1 == self.line;
            self.looked = end + 1;
            if end + 1 > limits.head {
                return Err(over(buffer, limits));
            }
            if empty {
                return Ok(Some(end + 1));
            }
            self.line = end + 1;
        }
        self.looked = buffer.len();
        if buffer.len() >= limits.head { Err(over(buffer, limits)) } else { Ok(None) }
    }
}

/// A head over the limit: is it the target, or the fields?
fn over(buffer: &[u8], limits: &HeadLimits) -> HeadError {
    let line = memchr::memchr(b'\n', buffer).unwrap_or(buffer.len());
    if line > limits.target { HeadError::TargetTooLong } else { HeadError::TooLarge }
}

/// Reads a request's head; `head` is all of it with the empty line.
///
/// # Errors
/// [`HeadError`] where it is not one that RFC 9112 allows, or over a limit.
pub fn request(head: BytesMut, limits: &HeadLimits) -> Result<RequestHead, HeadError> {
    let head = head.freeze();
    let line_end = memchr::memchr(b'\r', &head).ok_or(HeadError::LineEnd)?;
    let line = &head[..line_end];
    let method_end = memchr::memchr(b' ', line).ok_or(HeadError::StartLine)?;
    let method = Method::from_bytes(&line[..method_end]).map_err(|_| HeadError::Method)?;
    let target_end = memchr::memrchr(b' ', line).filter(|end| *end > method_end).ok_or(HeadError::StartLine)?;
    let version = match &line[target_end + 1..] {
        b"HTTP/1.1" => Version::HTTP_11,
        b"HTTP/1.0" => Version::HTTP_10,
        rest if rest.starts_with(b"HTTP/") => return Err(HeadError::Version),
        _ => return Err(HeadError::StartLine),
    };
    if target_end - method_end - 1 > limits.target {
        return Err(HeadError::TargetTooLong);
    }
    let target = Text::visible(head.slice(method_end + 1..target_end)).ok_or(HeadError::Target)?;
    let (headers, mut noted) = fields(&head, line_end, limits, TransferCodings::Chunked)?;
    let framing = match noted.framing(version)? {
        Framing::UntilClose => Framing::None,
        framing => framing,
    };
    let (wishes, host) = (noted.wishes(version), noted.host.and_then(Text::visible));
    Ok(RequestHead { method, target, version, headers, host, framing, wishes })
}

/// Reads a response's head; `head` is all of it with the empty line.
///
/// # Errors
/// [`HeadError`] where it is not one that RFC 9112 allows, or over a limit.
pub fn response(head: BytesMut, limits: &HeadLimits, codings: TransferCodings) -> Result<ResponseHead, HeadError> {
    let head = head.freeze();
    let line_end = memchr::memchr(b'\r', &head).ok_or(HeadError::LineEnd)?;
    let line = &head[..line_end];
    let version = match line.get(..9) {
        Some(b"HTTP/1.1 ") => Version::HTTP_11,
        Some(b"HTTP/1.0 ") => Version::HTTP_10,
        _ => return Err(HeadError::StartLine),
    };
    let code = line.get(9..12).ok_or(HeadError::StartLine)?;
    let status = StatusCode::from_bytes(code).map_err(|_| HeadError::StartLine)?;
    // The reason phrase means nothing; but it is text, and a space stands before it.
    if line.get(12).is_some_and(|byte| *byte != b' ') || line.iter().any(|byte| *byte < 0x20 && *byte != b'\t') {
        return Err(HeadError::StartLine);
    }
    let (headers, noted) = fields(&head, line_end, limits, codings)?;
    let bodiless = status.is_informational() || status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED;
    // The framing fields of a response without a body are checked all the same.
    let framing = match noted.framing(version)? {
        _ if bodiless => Framing::None,
        framing => framing,
    };
    let keep_alive = noted.keep_alive(version) && framing != Framing::UntilClose;
    Ok(ResponseHead { status, headers, framing, keep_alive })
}

/// The fields of a trailer section; `section` is all of it with the empty line.
///
/// # Errors
/// As for a head.
pub fn trailers(section: BytesMut, limits: &HeadLimits) -> Result<Headers, HeadError> {
    let section = section.freeze();
    let mut headers = Headers::new();
    let mut at = 0;
    while let Some(Field { name, value, next, .. }) = field(&section, at, limits)? {
        if headers.len() == limits.fields {
            return Err(HeadError::TooLarge);
        }
        headers.append(name, value);
        at = next;
    }
    Ok(headers)
}

/// What the fields say about framing and connection.
#[derive(Default)]
struct Noted {
    length: Option<u64>,
    codings: TransferCodings,
    chunked: bool,
    /// In a coding that nobody knows.
    coded: bool,
    close: bool,
    keep_alive: bool,
    names_upgrade: bool,
    upgrade: Option<Bytes>,
    host: Option<Bytes>,
    expects_continue: bool,
}

fn fields(
    head: &Bytes,
    line_end: usize,
    limits: &HeadLimits,
    codings: TransferCodings,
) -> Result<(Headers, Noted), HeadError> {
    // So many as there are lines of the usual length, and what is added on the way.
    let mut headers = Headers::with_capacity(((head.len() - line_end) / USUAL_LINE).min(limits.fields) + ADDED);
    let mut noted = Noted { codings, ..Noted::default() };
    let mut at = line_end + 2;
    if head.get(line_end..at) != Some(b"\r\n") {
        return Err(HeadError::LineEnd);
    }
    while let Some(field) = field(head, at, limits)? {
        if headers.len() == limits.fields {
            return Err(HeadError::TooLarge);
        }
        noted.note(head, &field)?;
        let Field { name, value, next, .. } = field;
        headers.append(name, value);
        at = next;
    }
    Ok((headers, noted))
}

/// A field line.
struct Field {
    name: HeaderName,
    value: HeaderValue,
    /// Where the value stands in the head; the value itself does not give its slice away.
    place: Range<usize>,
    /// Where the next line begins.
    next: usize,
}

/// The field line that begins at `at`, and where the next one does; `None` at the empty line.
fn field(head: &Bytes, at: usize, limits: &HeadLimits) -> Result<Option<Field>, HeadError> {
    let rest = &head[at..];
    if rest.starts_with(b"\r\n") {
        return Ok(None);
    }
    let end = memchr::memchr(b'\r', rest).ok_or(HeadError::LineEnd)?;
    if rest.get(end + 1) != Some(&b'\n') {
        return Err(HeadError::LineEnd);
    }
    if end > limits.field {
        return Err(HeadError::TooLarge);
    }
    let line = &rest[..end];
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Err(HeadError::Fold);
    }
    let colon = memchr::memchr(b':', line).ok_or(HeadError::FieldName)?;
    let name = HeaderName::from_bytes(&line[..colon]).map_err(|_| HeadError::FieldName)?;
    let blank = |byte: &u8| *byte == b' ' || *byte == b'\t';
    let value = &line[colon + 1..];
    let skip = value.iter().position(|byte| !blank(byte)).unwrap_or(value.len());
    let keep = value.iter().rposition(|byte| !blank(byte)).map_or(skip, |last| last + 1);
    let start = at + colon + 1;
    let place = start + skip..start + keep;
    let value = HeaderValue::from_maybe_shared(head.slice(place.clone())).map_err(|_| HeadError::FieldValue)?;
    Ok(Some(Field { name, value, place, next: at + end + 2 }))
}

impl Noted {
    fn note(&mut self, head: &Bytes, field: &Field) -> Result<(), HeadError> {
        let Field { name, value, place, .. } = field;
        if *name == CONTENT_LENGTH {
            let length = digits(value.as_bytes()).ok_or(HeadError::ContentLength)?;
            if self.length.replace(length).is_some() {
                return Err(HeadError::ContentLength);
            }
        } else if *name == TRANSFER_ENCODING {
            if self.chunked || self.coded {
                return Err(HeadError::TransferEncoding);
            }
            self.chunked = value.as_bytes().eq_ignore_ascii_case(b"chunked");
            self.coded =
                !self.chunked && self.codings == TransferCodings::Unknown && is_unknown_coding(value.as_bytes());
            if !self.chunked && !self.coded {
                return Err(HeadError::TransferEncoding);
            }
        } else if *name == CONNECTION {
            for token in value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                self.close |= token.eq_ignore_ascii_case(b"close");
                self.keep_alive |= token.eq_ignore_ascii_case(b"keep-alive");
                self.names_upgrade |= token.eq_ignore_ascii_case(b"upgrade");
            }
        } else if *name == UPGRADE {
            self.upgrade = Some(head.slice(place.clone()));
        } else if *name == HOST {
            self.host = Some(head.slice(place.clone()));
        } else if *name == EXPECT {
            self.expects_continue |= value.as_bytes().eq_ignore_ascii_case(b"100-continue");
        }
        Ok(())
    }

    fn framing(&self, version: Version) -> Result<Framing, HeadError> {
        match (self.chunked || self.coded, self.length) {
            (true, Some(_)) => Err(HeadError::TransferEncoding),
            (true, None) if version == Version::HTTP_10 => Err(HeadError::TransferEncoding),
            (true, None) if self.coded => Ok(Framing::UntilClose),
            (true, None) => Ok(Framing::Chunked),
            (false, Some(0)) => Ok(Framing::None),
            (false, Some(length)) => Ok(Framing::Length(length)),
            (false, None) => Ok(Framing::UntilClose),
        }
    }

    fn keep_alive(&self, version: Version) -> bool {
        !self.close && (version == Version::HTTP_11 || self.keep_alive)
    }

    fn wishes(&mut self, version: Version) -> Wishes {
        // HTTP/1.0 knows neither (RFC 9110 §7.8, §10.1.1).
        let modern = version == Version::HTTP_11;
        let upgrade = self.upgrade.take().filter(|_| modern && self.names_upgrade).and_then(Text::visible);
        let expects_continue = modern && self.expects_continue;
        Wishes { keep_alive: self.keep_alive(version), expects_continue, upgrade }
    }
}

/// Whether it is one coding, none that is known, and nothing that could be taken for chunks.
fn is_unknown_coding(value: &[u8]) -> bool {
    let known = ["gzip", "x-gzip", "deflate", "compress", "x-compress", "trailers"];
    let token = !value.is_empty() && value.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(byte));
    let like_chunks = value.windows(5).any(|part| part.eq_ignore_ascii_case(b"chunk"));
    token && !like_chunks && !known.iter().any(|known| value.eq_ignore_ascii_case(known.as_bytes()))
}

/// A number of one to nineteen digits and nothing else.
fn digits(text: &[u8]) -> Option<u64> {
    if text.is_empty() || text.len() > 19 {
        return None;
    }
    text.iter().try_fold(0u64, |sum, byte| byte.is_ascii_digit().then(|| sum * 10 + u64::from(byte - b'0')))
}

#[cfg(test)]
#[path = "parse_tests.rs"]
mod tests;
