//! Which fields are stored, which leave the edge, and which go upstream to validate or to fill.

use http::header::{
    ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH, LAST_MODIFIED, PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, RANGE, SET_COOKIE,
};
use http::{HeaderName, HeaderValue};

use crate::http::Headers;

use super::SetCookie;
use super::request::is_condition;
use super::tags::SURROGATE_KEY;
use super::targeted;

/// Fields between us and the upstream only (§3.1), beyond those of the connection, which sanitising took.
const BETWEEN_PROXIES: [HeaderName; 3] =
    [PROXY_AUTHENTICATE, PROXY_AUTHORIZATION, HeaderName::from_static("proxy-authentication-info")];

/// The fields of a response that are stored: not those between proxies, and `Set-Cookie` only where the route says so.
pub(super) fn to_store(headers: &Headers, cookies: SetCookie) -> Headers {
    let for_one = |name: &HeaderName| *name == SET_COOKIE && cookies != SetCookie::Store;
    let stored = |name: &HeaderName| !BETWEEN_PROXIES.contains(name) && !for_one(name);
    headers.iter().filter(|(name, _)| stored(name)).map(|(name, value)| (name.clone(), value.clone())).collect()
}

/// Whether a field of a response goes on to the client. What only this edge reads does not: it says how the edge works, and a cache
/// behind it would obey it a second time.
pub fn leaves_the_edge(name: &HeaderName) -> bool {
    *name != targeted::OURS && *name != SURROGATE_KEY
}

/// The preconditions that validate a stored response (§4.3.1).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    /// `If-None-Match`
    pub if_none_match: Option<HeaderValue>,
    /// `If-Modified-Since`
    pub if_modified_since: Option<HeaderValue>,
}

/// The preconditions for a stored response, from the fields it was stored with.
pub fn conditions(stored: &Headers) -> Conditions {
    Conditions { if_none_match: stored.first(&ETAG).cloned(), if_modified_since: stored.first(&LAST_MODIFIED).cloned() }
}

impl Conditions {
    /// Whether there is nothing to validate by.
    pub fn is_empty(&self) -> bool {
        self.if_none_match.is_none() && self.if_modified_since.is_none()
    }

    /// Makes a request to the upstream a validation: the client's own preconditions and range go, these come.
    pub fn apply(self, headers: &mut Headers) {
        prepare_fill(headers);
        if let Some(value) = self.if_none_match {
            headers.append(IF_NONE_MATCH, value);
        }
        if let Some(value) = self.if_modified_since {
            headers.append(IF_MODIFIED_SINCE, value);
        }
    }
}

/// Makes a request to the upstream one for the whole: the client's preconditions and range are answered by us, from what comes.
pub fn prepare_fill(headers: &mut Headers) {
    headers.retain(|name, _| *name != RANGE && !is_condition(name));
}
