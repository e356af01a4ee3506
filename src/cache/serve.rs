//! Answers from a stored response: whole, a part, or that nothing has changed. Pure but for the body that it hands on.

use bytes::Bytes;
use http::header::{
    AGE, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, DATE, ETAG, LAST_MODIFIED,
};
use http::{HeaderName, HeaderValue, Method, StatusCode};

use super::content::Content;
use super::entry::Entry;
use super::policy::{Lookup, Millis, seconds};
use crate::http::conditional::{self, Validators, Verdict};
use crate::http::multipart::{self, Piece};
use crate::http::range::{self, Selection, Span};
use crate::http::{Body, Headers, Response, date};

/// Fields that describe a content, and so are not in a 304 (RFC 9110 §15.4.5).
const OF_CONTENT: [HeaderName; 5] = [CONTENT_TYPE, CONTENT_LENGTH, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_RANGE];

/// Room for the fields that each answer adds: `Age`, `Cache-Status`, and what filters add.
const MORE: usize = 4;

/// What is asked of a stored response.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// `GET` or `HEAD`.
    pub method: &'a Method,
    /// Fields of the request.
    pub headers: &'a Headers,
    /// What the policy saw in them.
    pub lookup: &'a Lookup,
    /// Now.
    pub now: Millis,
}

/// What of a body an answer needs that is not here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gap {
    /// These octets.
    Octets(Span),
    /// More than one part.
    Several,
}

/// What is not here of a stored response to answer from it; `None` where it can answer.
pub fn gap(entry: &Entry, question: &Question<'_>) -> Option<Gap> {
    let parts = entry.contents.identity.parts()?;
    let Question { method, headers: asked, now, .. } = *question;
    if method != Method::GET {
        return Some(Gap::Several);
    }
    let validators = validators(|name| entry.fields.first(name), now);
    if conditional::evaluate(method, asked, validators) != Verdict::Proceed {
        return None;
    }
    match range::select(method, asked, validators, parts.total()) {
        Selection::Whole => parts.all().and_then(|all| parts.missing(all)).map(Gap::Octets),
        Selection::One(span) => parts.missing(span).map(Gap::Octets),
        Selection::Several(spans) => spans.iter().any(|span| parts.missing(*span).is_some()).then_some(Gap::Several),
        Selection::Unsatisfiable => None,
    }
}

/// The answer from the parts that are here and the one that is coming: the octets that are wanted, and whether they are a range of the
/// whole. `None` where more is needed.
pub fn wanted(headers: &Headers, length: u64, question: &Question<'_>) -> Option<(Span, bool)> {
    let validators = validators(|name| headers.first(name), question.now);
    match range::select(question.method, question.headers, validators, length) {
        Selection::Whole => Some((Span { first: 0, last: length.checked_sub(1)? }, false)),
        Selection::One(span) => Some((span, true)),
        Selection::Several(_) | Selection::Unsatisfiable => None,
    }
}

/// The answer, without `Age`: 200 (or what was stored), 206, 304, 412 or 416. Only where there is no [`gap`].
pub fn answer(entry: &Entry, question: &Question<'_>) -> Response {
    let Question { method, headers: asked, lookup, now } = *question;
    let headers = entry.headers(MORE);
    let content = &entry.contents.identity;
    // Only what would be 200 has preconditions and ranges (RFC 9110 §13.2.1, §14.2).
    if !(lookup.conditional || lookup.range) || entry.status != StatusCode::OK {
        return Response { status: entry.status, headers, body: content.whole() };
    }
    let selection = {
        let validators = validators(|name| entry.fields.first(name), now);
        match conditional::evaluate(method, asked, validators) {
            Verdict::NotModified => return not_modified(headers),
            Verdict::Failed => return Response::new(StatusCode::PRECONDITION_FAILED),
            Verdict::Proceed => range::select(method, asked, validators, content.len()),
        }
    };
    select(headers, content, selection)
}

/// The answer to preconditions from the head of a response that did not come from the store; `None` where they hold.
pub fn precondition(status: StatusCode, headers: &Headers, question: &Question<'_>) -> Option<Response> {
    if status != StatusCode::OK || !question.lookup.conditional {
        return None;
    }
    let validators = validators(|name| headers.first(name), question.now);
    match conditional::evaluate(question.method, question.headers, validators) {
        Verdict::NotModified => Some(not_modified(headers.clone())),
        Verdict::Failed => Some(Response::new(StatusCode::PRECONDITION_FAILED)),
        Verdict::Proceed => None,
    }
}

/// The one part of a body of known length that is asked for, from the head of a response whose body is still coming.
pub fn one_part(headers: &Headers, length: u64, question: &Question<'_>) -> Option<Span> {
    if !question.lookup.range {
        return None;
    }
    let validators = validators(|name| headers.first(name), question.now);
    match range::select(question.method, question.headers, validators, length) {
        Selection::One(span) => Some(span),
        // A whole body is an answer to any range.
        Selection::Whole | Selection::Several(_) | Selection::Unsatisfiable => None,
    }
}

fn validators<'a>(first: impl Fn(&HeaderName) -> Option<&'a HeaderValue>, now: Millis) -> Validators<'a> {
    let seconds_of = |name: &HeaderName| first(name).and_then(date::parse);
    Validators { etag: first(&ETAG), modified: seconds_of(&LAST_MODIFIED), dated: seconds_of(&DATE), now: seconds(now) }
}

/// 304 with the fields that are not about a content.
fn not_modified(mut headers: Headers) -> Response {
    headers.retain(|name, _| !OF_CONTENT.contains(name));
    Response { status: StatusCode::NOT_MODIFIED, headers, body: Body::Empty }
}

fn select(mut headers: Headers, content: &Content, selection: Selection) -> Response {
    let length = content.len();
    match selection {
        Selection::Whole => Response { status: StatusCode::OK, headers, body: content.whole() },
        Selection::One(span) => {
            headers.append(CONTENT_RANGE, span.content_range(length));
            let body = content.pieces([Piece::Part { offset: span.first, octets: span.octets() }]);
            Response { status: StatusCode::PARTIAL_CONTENT, headers, body }
        }
        Selection::Several(spans) => {
            let untyped = HeaderValue::from_static("application/octet-stream");
            let of = headers.first(&CONTENT_TYPE).cloned().unwrap_or(untyped);
            let multipart = multipart::compose(&spans, &of, length);
            headers.set(CONTENT_TYPE, multipart.content_type);
            let body = content.pieces(multipart.pieces);
            Response { status: StatusCode::PARTIAL_CONTENT, headers, body }
        }
        Selection::Unsatisfiable => {
            let mut headers = Headers::new();
            headers.append(CONTENT_RANGE, range::unsatisfied(length));
            Response { status: StatusCode::RANGE_NOT_SATISFIABLE, headers, body: Body::Empty }
        }
    }
}

/// Tells how old the response is, in seconds.
pub fn tell_age(headers: &mut Headers, age: u64) {
    let mut digits = itoa::Buffer::new();
    let digits = Bytes::copy_from_slice(digits.format(age).as_bytes());
    if let Ok(age) = HeaderValue::from_maybe_shared(digits) {
        headers.append(AGE, age);
    }
}
