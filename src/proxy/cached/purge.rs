//! The method `PURGE`, from those who may.

use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};

use super::Asked;
use crate::cache::purge::Scope;
use crate::http::sanitize::{self, CleanResponse};
use crate::http::{Body, Response};
use crate::observe::{CacheFacts, CacheVerdict, Exchange};

/// Takes the URL of the request out of the cache, in all its variants: 200, or 403 to who may not.
pub(super) fn by_method(asked: &Asked<'_>, exchange: &mut Exchange) -> CleanResponse {
    let may = asked.caching.may_purge(exchange.client);
    if may {
        asked.store.purge(&Scope::Url((&*asked.url()).into()), false);
    }
    let (status, text) = if may { (StatusCode::OK, "purged\n") } else { (StatusCode::FORBIDDEN, "not from here\n") };
    let mut response = Response::new(status).with_body(Body::full(text));
    response.headers.append(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    exchange.cache =
        Some(CacheFacts { verdict: CacheVerdict::Bypass, reason: Some("purge"), age: None, collapsed: false });
    sanitize::own(response)
}
