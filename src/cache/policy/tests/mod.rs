//! Cases of the policy, and what they are written with.
//!
//! All that the public suite for HTTP caches (http-tests/cache-tests) asks for is asked for here or in a story, in words of our own:
//!
//! | group of the suite | where |
//! |---|---|
//! | freshness, parsing of `Cache-Control`, `Expires` and `Age`, heuristics, statuses, `Pragma` of a response | [`freshness`] |
//! | targeted fields | [`targeted`] |
//! | directives and `Pragma` of a request, authorization, cookies, queries, methods, invalidation, `Vary` and its parsing | [`requests`] |
//! | `Vary` in normal form | `cache::vary` |
//! | validation by tag and date, updates by 304 and HEAD | [`validation`] |
//! | conditions from clients: tags and dates | `http::conditional`, `tests/it/cache/fields.rs` |
//! | staleness | [`staleness`], `tests/it/cache/stale.rs` |
//! | fields that are stored, interim responses | [`validation`], `tests/it/cache/fields.rs` |
//! | ranges and parts | `policy::partial`, `cache::parts`, `tests/it/cache/serving.rs` and `parts.rs` |

mod freshness;
mod oracle;
mod requests;
mod staleness;
mod targeted;
mod validation;
mod world;

use http::{HeaderName, HeaderValue, Method};

use crate::http::path::PathPolicy;
use crate::http::{Headers, Scheme, Target, Text};

use super::RequestView;

/// Fields from pairs.
pub(in crate::cache) fn headers(fields: &[(&str, &str)]) -> Headers {
    let field = |(name, value): &(&str, &str)| {
        (HeaderName::from_bytes(name.as_bytes()).unwrap(), HeaderValue::from_bytes(value.as_bytes()).unwrap())
    };
    fields.iter().map(field).collect()
}

/// A request to `http://example.org`.
pub(in crate::cache) struct Ask {
    pub(in crate::cache) method: Method,
    pub(in crate::cache) target: Target,
    pub(in crate::cache) headers: Headers,
}

impl Ask {
    pub(in crate::cache) fn new(method: Method, target: &str, headers: Headers) -> Self {
        let text = Text::visible(bytes::Bytes::copy_from_slice(target.as_bytes())).unwrap();
        Self { method, target: Target::parse(text).unwrap(), headers }
    }

    pub(in crate::cache) fn get(target: &str) -> Self {
        Self::new(Method::GET, target, Headers::new())
    }

    pub(in crate::cache) fn view(&self) -> RequestView<'_> {
        RequestView {
            method: &self.method,
            scheme: Scheme::Http,
            authority: "example.org",
            target: &self.target,
            paths: PathPolicy::default(),
            headers: &self.headers,
            has_body: false,
            upgrades: false,
            authenticated: false,
        }
    }
}
