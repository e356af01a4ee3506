//! What 304 and HEAD change in a stored response (§3.2, §4.3.4, §4.3.5).

use http::header::{
    CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, LAST_MODIFIED, TRANSFER_ENCODING,
};
use http::{HeaderName, HeaderValue, Method, StatusCode};

use crate::http::Headers;

use super::{NotStored, Options, RequestView, ResponseView, Storable, StoredView, Times, may_store};

/// What a 304 comes to.
#[derive(Clone, Debug)]
pub enum Validated {
    /// The stored response is good again: stored anew with these fields and terms, and its body is the answer.
    Updated(Box<Storable>),
    /// Its body is the answer this once, with these fields, and for this client alone. What is stored goes, but for a reason that lies
    /// in the one request ([`NotStored::is_of_request`]): then it stays as it was.
    UsedOnce(Headers, NotStored),
    /// The 304 speaks of another representation (§4.3.4): the request is made again without conditions.
    Mismatch,
}

/// What a HEAD of a stored response's address comes to.
#[derive(Clone, Debug)]
pub enum HeadVerdict {
    /// The stored response is the same: stored anew with these fields and terms.
    Freshened(Box<Storable>),
    /// It is another, or gone: what is stored is no longer used.
    Invalid,
    /// It says nothing about what is stored.
    Unrelated,
}

/// Fields that describe the stored body, and so are never taken from a response without it (§3.2).
const OF_THE_BODY: [HeaderName; 5] = [CONTENT_LENGTH, CONTENT_ENCODING, CONTENT_TYPE, CONTENT_RANGE, TRANSFER_ENCODING];

/// Takes in a 304 to a validation with [`super::conditions`]. `asked` is the client's request, as for [`may_store`].
pub fn on_validated(
    asked: &RequestView<'_>,
    stored: &StoredView<'_>,
    answer: &ResponseView<'_>,
    options: &Options,
    times: Times,
) -> Validated {
    if differs(stored.headers, answer.headers) {
        return Validated::Mismatch;
    }
    let headers = updated(stored.headers, answer.headers);
    match store_again(asked, stored, &headers, options, times) {
        Ok(storable) => Validated::Updated(Box::new(storable)),
        Err(why) => Validated::UsedOnce(headers, why),
    }
}

/// Takes in the response to a HEAD that went to the upstream although a response to GET is stored.
pub fn on_head(
    asked: &RequestView<'_>,
    stored: &StoredView<'_>,
    answer: &ResponseView<'_>,
    options: &Options,
    times: Times,
) -> HeadVerdict {
    match answer.status {
        StatusCode::NOT_FOUND | StatusCode::GONE if stored.status.is_success() => return HeadVerdict::Invalid,
        status if status != stored.status => return HeadVerdict::Unrelated,
        _ => {}
    }
    let says = |name: &HeaderName| answer.headers.first(name);
    let other = |name: &HeaderName| says(name).is_some_and(|value| stored.headers.first(name) != Some(value));
    if other(&ETAG) || other(&LAST_MODIFIED) || other(&CONTENT_LENGTH) && stored.headers.contains(&CONTENT_LENGTH) {
        return HeadVerdict::Invalid;
    }
    let headers = updated(stored.headers, answer.headers);
    match store_again(asked, stored, &headers, options, times) {
        Ok(storable) => HeadVerdict::Freshened(Box::new(storable)),
        Err(_) => HeadVerdict::Invalid,
    }
}

fn store_again(
    asked: &RequestView<'_>,
    stored: &StoredView<'_>,
    headers: &Headers,
    options: &Options,
    times: Times,
) -> Result<Storable, NotStored> {
    // What is stored answers a GET, whatever it was that made us ask.
    let asked = RequestView { method: &Method::GET, has_body: false, ..*asked };
    may_store(&asked, &ResponseView { status: stored.status, headers }, options, times)
}

/// The stored fields, each replaced by all of that name in the answer (§3.2). `Age` is the answer's, or gone: it was of another journey.
pub(super) fn updated(stored: &Headers, answer: &Headers) -> Headers {
    let replaced =
        |name: &HeaderName| answer.contains(name) && !OF_THE_BODY.contains(name) || *name == http::header::AGE;
    let copy = |(name, value): (&HeaderName, &HeaderValue)| (name.clone(), value.clone());
    let kept = stored.iter().filter(|(name, _)| !replaced(name)).map(copy);
    kept.chain(answer.iter().filter(|(name, _)| !OF_THE_BODY.contains(name)).map(copy)).collect()
}

/// Whether a 304 names a representation that is not the stored one (§4.3.4).
fn differs(stored: &Headers, answer: &Headers) -> bool {
    let etag = |headers: &Headers| headers.first(&ETAG).map(|etag| etag.as_bytes().to_vec());
    match (etag(stored), etag(answer)) {
        (Some(stored), Some(answer)) => opaque(&stored) != opaque(&answer),
        _ => match (stored.first(&LAST_MODIFIED), answer.first(&LAST_MODIFIED)) {
            (Some(stored), Some(answer)) => stored != answer,
            _ => false,
        },
    }
}

/// An entity tag without its `W/`.
fn opaque(etag: &[u8]) -> &[u8] {
    etag.strip_prefix(b"W/").unwrap_or(etag)
}
