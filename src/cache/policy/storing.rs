//! Whether a response is stored, and on which terms (§3).

use http::header::{CONTENT_LENGTH, CONTENT_LOCATION, ETAG, LAST_MODIFIED, SET_COOKIE};
use http::{Method, StatusCode};

use crate::cache::vary::Names;
use crate::http::Headers;

use super::invalidate::Address;
use super::{
    Bypass, Lookup, Millis, NotStored, Options, RequestVerdict, RequestView, ResponseDirectives, ResponseView, Rules,
    SECOND, SearchVariance, SetCookie, Tags, Terms, Times, fields, freshness, request, targeted,
};

/// A response that may be stored; what it is stored with.
#[derive(Clone, Debug)]
pub struct Storable {
    /// On which terms.
    pub terms: Terms,
    /// Its fields, without those that must not be stored (§3.1).
    pub headers: Headers,
    /// The request fields that chose it (§4.1).
    pub vary: Names,
    /// What it may be purged by.
    pub tags: Tags,
    /// Which part of the query makes no difference.
    pub search: Option<SearchVariance>,
}

/// Whether the response may be stored for its request.
///
/// # Errors
/// The reason why not.
pub fn may_store(
    asked: &RequestView<'_>,
    response: &ResponseView<'_>,
    options: &Options,
    times: Times,
) -> Result<Storable, NotStored> {
    let lookup = storable_request(asked, response, options)?;
    let status = response.status.as_u16();
    match status {
        206 => return Err(NotStored::Partial),
        // Answers to what is no part of the key: preconditions, a range, an expectation, the size of a request's fields.
        412 | 416 | 417 | 431 => return Err(NotStored::Status),
        200..=303 | 305..=999 => {}
        _ => return Err(NotStored::Status),
    }
    let directives = targeted::directives(response.headers, options);
    permitted(&directives, response, lookup, options)?;
    let vary = Names::of(response.headers).ok_or(NotStored::Vary)?;
    let length = response.headers.text(&CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    if length.is_some_and(|length| length > options.max_object) {
        return Err(NotStored::TooLarge);
    }
    let terms = terms(&directives, response, options, times);
    // Without freshness of its own a response needs a status that has some by default (§3).
    let allowed = !terms.rules.has(Rules::HEURISTIC) || directives.public || is_cacheable_by_default(response.status);
    if !allowed
        || !is_of_use(&terms)
        || asked.method == Method::POST && (terms.lifetime == 0 || terms.rules.has(Rules::HEURISTIC))
    {
        return Err(NotStored::NoFreshness);
    }
    Ok(Storable {
        terms,
        headers: fields::to_store(response.headers, options.set_cookie),
        vary,
        tags: Tags::of(response.headers),
        search: SearchVariance::of(response.headers),
    })
}

/// The request's part: `GET`, or a `POST` whose response says that it is what a `GET` of the same address would bring (RFC 9110 §9.3.3).
fn storable_request(
    asked: &RequestView<'_>,
    response: &ResponseView<'_>,
    options: &Options,
) -> Result<Lookup, NotStored> {
    if asked.method == Method::POST {
        let as_get = RequestView { method: &Method::GET, has_body: false, ..*asked };
        return match request(&as_get, options) {
            RequestVerdict::Lookup(lookup) if names_itself(asked, response) => Ok(lookup),
            RequestVerdict::Lookup(_) => Err(NotStored::Method),
            RequestVerdict::Bypass(why) => Err(bypassed(why)),
        };
    }
    match request(asked, options) {
        RequestVerdict::Lookup(lookup) if lookup.head => Err(NotStored::Method),
        RequestVerdict::Lookup(lookup) => Ok(lookup),
        RequestVerdict::Bypass(why) => Err(bypassed(why)),
    }
}

const fn bypassed(why: Bypass) -> NotStored {
    match why {
        Bypass::Method => NotStored::Method,
        Bypass::RequestNoStore => NotStored::RequestNoStore,
        Bypass::Body | Bypass::Upgrade | Bypass::MethodOverride | Bypass::UrlOverride => NotStored::Request,
    }
}

fn names_itself(asked: &RequestView<'_>, response: &ResponseView<'_>) -> bool {
    let here = Address::of(asked);
    response.status == StatusCode::OK
        && response.headers.text(&CONTENT_LOCATION).and_then(|reference| here.resolve(reference)).as_ref()
            == Some(&here)
}

/// What the response forbids.
fn permitted(
    directives: &ResponseDirectives,
    response: &ResponseView<'_>,
    lookup: Lookup,
    options: &Options,
) -> Result<(), NotStored> {
    if directives.malformed {
        return Err(NotStored::Malformed);
    }
    if directives.must_understand {
        if !is_understood(response.status) {
            return Err(NotStored::NotUnderstood);
        }
    } else if directives.no_store {
        return Err(NotStored::NoStore);
    }
    // The client that asked gets such a field, nobody after it may: so the response is not shared at all.
    let for_one = directives.withheld.iter().any(|name| response.headers.contains(name));
    if directives.private || for_one {
        return Err(NotStored::Private);
    }
    let for_all = directives.public || directives.must_revalidate || directives.s_maxage.is_some();
    if lookup.authorized && !for_all {
        return Err(NotStored::Authorization);
    }
    if response.headers.contains(&SET_COOKIE) && options.set_cookie == SetCookie::Refuse {
        return Err(NotStored::SetCookie);
    }
    Ok(())
}

/// Whether the status is one whose meaning for a cache this program knows (§3, `must-understand`).
fn is_understood(status: StatusCode) -> bool {
    matches!(status.as_u16(), 200..=205 | 300..=303 | 307 | 308 | 400..=417 | 421..=426 | 428 | 429 | 431 | 451 | 500..=508 | 511)
}

/// Whether a response of that status has freshness although it does not say so (RFC 9110 §15.1).
fn is_cacheable_by_default(status: StatusCode) -> bool {
    matches!(status.as_u16(), 200 | 203 | 204 | 300 | 301 | 308) || is_negative(status)
}

/// What says that there is nothing.
fn is_negative(status: StatusCode) -> bool {
    matches!(status.as_u16(), 404 | 405 | 410 | 414 | 501)
}

fn terms(directives: &ResponseDirectives, response: &ResponseView<'_>, options: &Options, times: Times) -> Terms {
    let explicit = freshness::explicit(response.headers, directives, times.received);
    let implied = || implied(directives, response, options, times.received);
    let lifetime = explicit.or_else(implied).unwrap_or(0).min(options.max_ttl);
    let strict = directives.must_revalidate || directives.proxy_revalidate;
    let shared = directives.s_maxage.is_some();
    // What the route adds must not be what the origin forbids; what the origin grants itself, it grants even beside `s-maxage`.
    let window = |granted: Option<u64>, added: Millis| match granted {
        _ if strict || directives.no_cache => 0,
        Some(granted) => granted * SECOND,
        None if shared => 0,
        None => added,
    };
    let validator = response.headers.contains(&ETAG) || response.headers.contains(&LAST_MODIFIED);
    Terms {
        received: times.received,
        initial_age: freshness::initial_age(response.headers, times),
        lifetime,
        stale_while_revalidate: window(directives.stale_while_revalidate, options.stale_while_revalidate),
        stale_if_error: window(directives.stale_if_error, options.stale_if_error),
        rules: Rules::default()
            .with(Rules::VALIDATE, directives.no_cache)
            .with(Rules::MUST_REVALIDATE, strict)
            .with(Rules::SHARED_MAX_AGE, shared)
            .with(Rules::VALIDATOR, validator)
            .with(Rules::HEURISTIC, explicit.is_none()),
    }
}

/// Freshness of a response that does not say any: estimated, or what the route gives.
fn implied(
    directives: &ResponseDirectives,
    response: &ResponseView<'_>,
    options: &Options,
    received: Millis,
) -> Option<Millis> {
    let status = response.status;
    if !is_cacheable_by_default(status) && !directives.public {
        return None;
    }
    let estimate = options.heuristic.and_then(|heuristic| freshness::estimate(response.headers, heuristic, received));
    let given = if is_negative(status) { options.negative_ttl } else { options.default_ttl };
    estimate.or(given.filter(|_| is_cacheable_by_default(status)))
}

/// Whether anything can come of storing it: it will be fresh, may be served stale, or can be validated.
fn is_of_use(terms: &Terms) -> bool {
    let oldest = terms.lifetime + terms.stale_while_revalidate.max(terms.stale_if_error);
    let as_it_is = !terms.rules.has(Rules::VALIDATE) && terms.initial_age < oldest;
    as_it_is || terms.rules.has(Rules::VALIDATOR)
}
