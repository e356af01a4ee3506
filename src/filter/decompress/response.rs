//! `decompress_response`: a client that does not take a coding gets the content without it.

use http::StatusCode;
use http::header::{CONTENT_ENCODING, CONTENT_RANGE};

use super::body::{Bounds, DecodedBody, Tally};
use super::request::known;
use crate::filter::compress::{recode, vary};
use crate::http::negotiate::Coding;
use crate::http::sanitize::CleanResponse;
use crate::http::{Body, Headers};

/// What a response has for a coding that can be taken off, where this client may not be sent it: `takes` tells of a coding.
///
/// A 206 is left alone: a part of coded content cannot be decoded by itself.
pub fn decode_for(
    takes: impl Fn(Coding) -> bool,
    head: bool,
    response: &mut CleanResponse,
    tally: Tally,
) -> Option<Coding> {
    let status = response.status();
    if status == StatusCode::PARTIAL_CONTENT || status.is_informational() {
        return None;
    }
    let coding = coding(response.headers())?;
    vary(response.headers_mut());
    if takes(coding) || response.headers().contains(&CONTENT_RANGE) {
        return None;
    }
    if !head && status != StatusCode::NOT_MODIFIED && status != StatusCode::NO_CONTENT {
        // What comes is held a piece at a time, and the client's own pace bounds the rest.
        let body = std::mem::take(response.body_mut());
        let bounds = Bounds { octets: 0, ratio: 0 };
        *response.body_mut() = Body::stream(DecodedBody::new(body, coding, bounds).ok()?.counted(tally));
    }
    recode(response.headers_mut(), None);
    Some(coding)
}

fn coding(headers: &Headers) -> Option<Coding> {
    let mut codings = headers.all(&CONTENT_ENCODING);
    let coding = codings.next().and_then(known).filter(|coding| *coding != Coding::Identity);
    coding.filter(|_| codings.next().is_none())
}
