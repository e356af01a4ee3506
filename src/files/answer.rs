//! The answer to a request for a file that is there: pure but for the body that it hands on.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, LAST_MODIFIED,
    LOCATION, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderValue, Method, StatusCode};

use super::body::FileBody;
use super::folder::Opened;
use crate::http::conditional::{self, Validators, Verdict};
use crate::http::multipart::{self, Piece};
use crate::http::negotiate::Coding;
use crate::http::range::{self, Selection, Span};
use crate::http::{Body, Headers, Response, date};

/// A file that was found, and what is to be said of it.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) opened: Opened,
    pub(super) content_type: HeaderValue,
    pub(super) coding: Coding,
    /// Whether another client could be sent another coding.
    pub(super) varies: bool,
    /// The content, where it is small and was read with the opening.
    pub(super) content: Option<Bytes>,
}

/// 200, 206, 304, 412 or 416, by the preconditions and the range of the request. `now` is in seconds since 1970.
pub(super) fn compose(found: Found, method: &Method, asked: &Headers, now: u64) -> Response {
    let (size, modified) = (found.opened.size, modified_second(&found.opened, now));
    let etag = etag(&found.opened);
    let validators = Validators { etag: Some(&etag), modified, dated: None, now };
    let mut headers = Headers::with_capacity(12);
    if found.varies {
        headers.append(VARY, HeaderValue::from_name(ACCEPT_ENCODING));
    }
    match conditional::evaluate(method, asked, validators) {
        Verdict::Proceed => {}
        Verdict::NotModified => {
            headers.append(ETAG, etag);
            return bare(StatusCode::NOT_MODIFIED, headers);
        }
        Verdict::Failed => return bare(StatusCode::PRECONDITION_FAILED, headers),
    }
    let selection = range::select(method, asked, validators, size);
    describe(&mut headers, &found, etag, modified);
    match selection {
        Selection::Whole if method == Method::HEAD => {
            headers.append(CONTENT_LENGTH, size.into());
            bare(StatusCode::OK, headers)
        }
        Selection::Whole => whole(found, headers),
        Selection::One(span) => part(found, headers, span),
        Selection::Several(spans) => parts(found, headers, &spans),
        Selection::Unsatisfiable => {
            headers.retain(|name, _| name == VARY || name == ACCEPT_RANGES);
            headers.append(CONTENT_RANGE, range::unsatisfied(size));
            bare(StatusCode::RANGE_NOT_SATISFIABLE, headers)
        }
    }
}

fn describe(headers: &mut Headers, found: &Found, etag: HeaderValue, modified: Option<u64>) {
    headers.append(CONTENT_TYPE, found.content_type.clone());
    headers.append(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if found.coding != Coding::Identity {
        headers.append(CONTENT_ENCODING, HeaderValue::from_static(found.coding.as_str()));
    }
    headers.append(ETAG, etag);
    if let Some(modified) = modified {
        headers.append(LAST_MODIFIED, date::imf_fixdate(modified));
    }
    headers.append(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
}

fn whole(found: Found, headers: Headers) -> Response {
    let octets = found.opened.size;
    let body = match found.content {
        Some(content) => Body::full(content),
        None => of_parts(found, [Piece::Part { offset: 0, octets }]),
    };
    bare(StatusCode::OK, headers).with_body(body)
}

fn part(found: Found, mut headers: Headers, span: Span) -> Response {
    headers.append(CONTENT_RANGE, span.content_range(found.opened.size));
    let body = of_parts(found, [Piece::Part { offset: span.first, octets: span.octets() }]);
    bare(StatusCode::PARTIAL_CONTENT, headers).with_body(body)
}

fn parts(found: Found, mut headers: Headers, spans: &[Span]) -> Response {
    let multipart = multipart::compose(spans, &found.content_type, found.opened.size);
    headers.set(CONTENT_TYPE, multipart.content_type);
    bare(StatusCode::PARTIAL_CONTENT, headers).with_body(of_parts(found, multipart.pieces))
}

fn of_parts(found: Found, pieces: impl IntoIterator<Item = Piece>) -> Body {
    if found.opened.size == 0 {
        return Body::Empty;
    }
    Body::stream(FileBody::new(Arc::new(found.opened.file), pieces))
}

fn bare(status: StatusCode, headers: Headers) -> Response {
    Response { status, headers, body: Body::Empty }
}

/// 301 from a folder's name without the slash to the one with it. `path` is the client's; the reference is relative to it, so that it
/// holds whatever prefix was taken off, and can lead to no other host.
pub(super) fn redirect(path: &str, query: Option<&str>) -> Response {
    let last = path.rsplit('/').next().unwrap_or_default();
    let query = query.map(|query| format!("?{query}")).unwrap_or_default();
    let mut headers = Headers::new();
    // Parts of a target are visible ASCII.
    if let Ok(location) = HeaderValue::from_maybe_shared(Bytes::from(format!("./{last}/{query}"))) {
        headers.append(LOCATION, location);
    }
    bare(StatusCode::MOVED_PERMANENTLY, headers)
}

/// Strong: a change of the content changes the time, and a file put in its place has another inode.
fn etag(opened: &Opened) -> HeaderValue {
    let text = format!("\"{:x}-{:x}-{:x}\"", opened.modified, opened.size, opened.inode);
    HeaderValue::from_maybe_shared(Bytes::from(text)).expect("hexadecimal digits are visible")
}

/// No time before 1970 can be told, and none after now may be (RFC 9110 §8.8.2.1).
fn modified_second(opened: &Opened, now: u64) -> Option<u64> {
    u64::try_from(opened.modified.div_euclid(1_000_000_000)).ok().map(|second| second.min(now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn redirects_are_relative() {
        for (path, query, want) in [
            ("/docs", None, "./docs/"),
            ("/a/docs", Some("x=1"), "./docs/?x=1"),
            ("//evil.example", None, "./evil.example/"),
            ("/a:b", None, "./a:b/"),
            ("/a%20b", Some(""), "./a%20b/?"),
        ] {
            let response = redirect(path, query);
            assert_eq!((response.status.as_u16(), response.headers.text(&LOCATION)), (301, Some(want)));
        }
    }

    #[test]
    fn times_that_can_be_told() {
        let file = || std::fs::File::open("/dev/null").expect("every system has it").into();
        let at = |modified| Opened { file: file(), size: 0, modified, inode: 1 };
        for (modified, want) in [(5_000_000_001, Some(5)), (0, Some(0)), (-1, None), (500_000_000_000, Some(100))] {
            assert_eq!(modified_second(&at(modified), 100), want, "{modified}");
        }
        assert_ne!(etag(&at(1)), etag(&at(2)));
        assert_eq!(etag(&at(-1)), etag(&at(-1)));
    }
}
