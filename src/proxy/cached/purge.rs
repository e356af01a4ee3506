//! The method `PURGE`, from those who may.

use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};

use super::Asked;
use crate::cache::purging;
use crate::http::sanitize::{self, CleanResponse};
use crate::http::{Body, Response};
use crate::observe::{CacheFacts, CacheVerdict, Exchange};

/// Takes out what the request names, its URL unless it says more: 200; 403 to who may not, 400 to who cannot be understood.
pub(super) async fn by_method(asked: &Asked<'_>, exchange: &mut Exchange) -> CleanResponse {
    let (status, text) = if asked.caching.may_purge(exchange.client) {
        purge(asked).await
    } else {
        (StatusCode::FORBIDDEN, "not from here\n".to_owned())
    };
    let mut response = Response::new(status).with_body(Body::full(text));
    response.headers.append(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    exchange.cache =
        Some(CacheFacts { verdict: CacheVerdict::Bypass, reason: Some("purge"), age: None, collapsed: false });
    sanitize::own(response)
}

async fn purge(asked: &Asked<'_>) -> (StatusCode, String) {
    let Some((scopes, soft)) = purging::read(&asked.url(), asked.request.headers()) else {
        return (StatusCode::BAD_REQUEST, format!("{}\n", purging::MALFORMED));
    };
    for scope in scopes {
        asked.store.purge(scope, soft);
    }
    asked.store.settled().await;
    (StatusCode::OK, if soft { "purged softly\n" } else { "purged\n" }.to_owned())
}
