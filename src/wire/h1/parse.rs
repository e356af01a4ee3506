//! Heads of HTTP/1 messages (RFC 9112 §2 to §6), read strictly: what two readers could take in two ways is refused.
//!
//! Pure: bytes in, a head or a refusal out. Refused are bare LF and CR, obs-fold, white space before the colon, control bytes, `Content-Length`
//! beside `Transfer-Encoding`, lengths that differ or are not digits, and codings other than one `chunked`.

use std::ops::Range;

use bytes::{Bytes, BytesMut};
use http::header::{HOST, HeaderName, HeaderValue};
use http::{Method, StatusCode, Version};

use super::names::{self, Role};
use super::seek::seek;
use crate::http::{Headers, Text};

pub use super::refused::HeadError;
pub use super::scan::HeadScan;

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
    /// All other fields as they came.
    pub headers: Headers,
    /// The value of `Host`, where that is there once and is visible ASCII; otherwise it is among the other fields.
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

/// Reads a request's head; `head` is all of it with the empty line.
///
/// # Errors
/// [`HeadError`] where it is not one that RFC 9112 allows, or over a limit.
pub fn request(head: BytesMut, limits: &HeadLimits) -> Result<RequestHead, HeadError> {
    let head = head.freeze();
    let line_end = seek(&head, b'\r').ok_or(HeadError::LineEnd)?;
    let (front, version) = version(&head[..line_end])?;
    let method_end = seek(front, b' ').ok_or(HeadError::StartLine)?;
    let method = Method::from_bytes(&front[..method_end]).map_err(|_| HeadError::Method)?;
    if front.len() - method_end - 1 > limits.target {
        return Err(HeadError::TargetTooLong);
    }
    let target = Text::visible(head.slice(method_end + 1..front.len())).ok_or(HeadError::Target)?;
    let (headers, mut noted) = fields(&head, line_end, limits, Noted { takes_host: true, ..Noted::default() })?;
    let framing = match noted.framing(version)? {
        Framing::UntilClose => Framing::None,
        framing => framing,
    };
    let (wishes, host) = (noted.wishes(version), noted.host);
    Ok(RequestHead { method, target, version, headers, host, framing, wishes })
}

/// The version at the end of a request line, and what stands before it.
fn version(line: &[u8]) -> Result<(&[u8], Version), HeadError> {
    if let Some(front) = line.strip_suffix(b" HTTP/1.1") {
        return Ok((front, Version::HTTP_11));
    }
    let space = memchr::memrchr(b' ', line).ok_or(HeadError::StartLine)?;
    match line.split_at(space) {
        (front, b" HTTP/1.0") => Ok((front, Version::HTTP_10)),
        (_, rest) if rest.starts_with(b" HTTP/") => Err(HeadError::Version),
        _ => Err(HeadError::StartLine),
    }
}

/// Reads a response's head; `head` is all of it with the empty line.
///
/// # Errors
/// [`HeadError`] where it is not one that RFC 9112 allows, or over a limit.
pub fn response(head: BytesMut, limits: &HeadLimits, codings: TransferCodings) -> Result<ResponseHead, HeadError> {
    let head = head.freeze();
    let line_end = seek(&head, b'\r').ok_or(HeadError::LineEnd)?;
    let line = &head[..line_end];
    let version = match line.get(..9) {
        Some(b"HTTP/1.1 ") => Version::HTTP_11,
        Some(b"HTTP/1.0 ") => Version::HTTP_10,
        _ => return Err(HeadError::StartLine),
    };
    let code = line.get(9..12).ok_or(HeadError::StartLine)?;
    let status = StatusCode::from_bytes(code).map_err(|_| HeadError::StartLine)?;
    // The reason phrase means nothing; but it is text, and a space stands before it.
    if line.get(12).is_some_and(|byte| *byte != b' ')
        || line.iter().fold(false, |control, byte| control | (*byte < 0x20 && *byte != b'\t'))
    {
        return Err(HeadError::StartLine);
    }
    let (headers, noted) = fields(&head, line_end, limits, Noted { codings, ..Noted::default() })?;
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
    while let Some(field) = field(&section, at, limits)? {
        if headers.len() == limits.fields {
            return Err(HeadError::TooLarge);
        }
        let value = field.value(&section)?;
        headers.append(field.name, value);
        at = field.next;
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
    /// The first `Host` goes there, in requests.
    takes_host: bool,
    host: Option<Text>,
    expects_continue: bool,
}

fn fields(head: &Bytes, line_end: usize, limits: &HeadLimits, mut noted: Noted) -> Result<(Headers, Noted), HeadError> {
    // So many as there are lines of the usual length, and what is added on the way.
    let mut headers = Headers::with_capacity(((head.len() - line_end) / USUAL_LINE).min(limits.fields) + ADDED);
    let mut at = line_end + 2;
    if head.get(line_end..at) != Some(b"\r\n") {
        return Err(HeadError::LineEnd);
    }
    let mut left = limits.fields;
    while let Some(field) = field(head, at, limits)? {
        left = left.checked_sub(1).ok_or(HeadError::TooLarge)?;
        at = field.next;
        if field.role == Role::Host && noted.takes_host {
            noted.host = Text::visible(head.slice(field.place.clone())).filter(|host| !host.is_empty());
            noted.takes_host = false;
            if noted.host.is_some() {
                continue;
            }
        } else if field.role == Role::Host
            && let Some(first) = noted.host.take()
        {
            // There is another: neither is the one that counts, and whoever looks finds both.
            let first = HeaderValue::from_str(first.as_str()).map_err(|_| HeadError::FieldValue)?;
            headers.append(HOST, first);
        }
        let value = field.value(head)?;
        if field.role != Role::Plain {
            noted.note(head, &field, &value)?;
        }
        headers.append(field.name, value);
    }
    Ok((headers, noted))
}

/// A field line.
struct Field {
    name: HeaderName,
    role: Role,
    /// Where the value stands in the head.
    place: Range<usize>,
    /// Where the next line begins.
    next: usize,
}

impl Field {
    #[inline(always)]
    fn value(&self, head: &Bytes) -> Result<HeaderValue, HeadError> {
        HeaderValue::from_maybe_shared(head.slice(self.place.clone())).map_err(|_| {
            let line_end = head[self.place.clone()].contains(&b'\n');
            if line_end { HeadError::LineEnd } else { HeadError::FieldValue }
        })
    }
}

/// The field line that begins at `at`, and where the next one does; `None` at the empty line.
#[inline(always)]
fn field(head: &[u8], at: usize, limits: &HeadLimits) -> Result<Option<Field>, HeadError> {
    let rest = &head[at..];
    match rest {
        [b'\r', b'\n', ..] => return Ok(None),
        [b' ' | b'\t', ..] => return Err(HeadError::Fold),
        _ => {}
    }
    // Where it is that of a later line, there is an end of a line in the name.
    let colon = seek(rest, b':').ok_or(HeadError::FieldName)?;
    let (name, role) = names::read(&rest[..colon]).ok_or(HeadError::FieldName)?;
    let value = &rest[colon + 1..];
    let end = seek(value, b'\r').ok_or(HeadError::LineEnd)?;
    if value.get(end + 1) != Some(&b'\n') {
        return Err(HeadError::LineEnd);
    }
    if colon + 1 + end > limits.field {
        return Err(HeadError::TooLarge);
    }
    let blank = |byte: &u8| *byte == b' ' || *byte == b'\t';
    let value = &value[..end];
    let skip = value.iter().position(|byte| !blank(byte)).unwrap_or(end);
    let keep = value.iter().rposition(|byte| !blank(byte)).map_or(skip, |last| last + 1);
    let start = at + colon + 1;
    Ok(Some(Field { name, role, place: start + skip..start + keep, next: start + end + 2 }))
}

impl Noted {
    fn note(&mut self, head: &Bytes, field: &Field, value: &HeaderValue) -> Result<(), HeadError> {
        match field.role {
            Role::Plain | Role::Host => {}
            Role::ContentLength => {
                let length = digits(value.as_bytes()).ok_or(HeadError::ContentLength)?;
                if self.length.replace(length).is_some() {
                    return Err(HeadError::ContentLength);
                }
            }
            Role::TransferEncoding => self.note_coding(value.as_bytes())?,
            Role::Connection => {
                for token in value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
                    self.close |= token.eq_ignore_ascii_case(b"close");
                    self.keep_alive |= token.eq_ignore_ascii_case(b"keep-alive");
                    self.names_upgrade |= token.eq_ignore_ascii_case(b"upgrade");
                }
            }
            Role::Upgrade => self.upgrade = Some(head.slice(field.place.clone())),
            Role::Expect => self.expects_continue |= value.as_bytes().eq_ignore_ascii_case(b"100-continue"),
        }
        Ok(())
    }

    fn note_coding(&mut self, coding: &[u8]) -> Result<(), HeadError> {
        if self.chunked || self.coded {
            return Err(HeadError::TransferEncoding);
        }
        self.chunked = coding.eq_ignore_ascii_case(b"chunked");
        self.coded = !self.chunked && self.codings == TransferCodings::Unknown && is_unknown_coding(coding);
        if self.chunked || self.coded { Ok(()) } else { Err(HeadError::TransferEncoding) }
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
