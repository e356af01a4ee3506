//! What a route may decide about the cache, compiled.

use super::{DAY, HOUR, Millis};
pub use crate::config::model::{Ranges, SetCookie};

/// The cache policy of a route. The default stores what the origin says may be stored, for as long as it says, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Freshness estimated from `Last-Modified` where the origin says nothing (§4.2.2); off by default.
    pub heuristic: Option<Heuristic>,
    /// Freshness of a 200, 203, 204, 300, 301 or 308 that says nothing; off by default.
    pub default_ttl: Option<Millis>,
    /// Freshness of a 404, 405, 410, 414 or 501 that says nothing; off by default.
    pub negative_ttl: Option<Millis>,
    /// The longest freshness, whatever the origin says.
    pub max_ttl: Millis,
    /// How long a stale response is served while it is validated, where the response does not say (RFC 5861 §3); 0 by default.
    pub stale_while_revalidate: Millis,
    /// How long a stale response stands in for a failing upstream, where the response does not say (RFC 5861 §4); 0 by default.
    pub stale_if_error: Millis,
    /// The longest time for which a stale response stands in for a failing upstream, whatever anybody says.
    pub max_stale_if_error: Millis,
    /// Whether `Tidegate-Cache-Control` and `CDN-Cache-Control` take the place of `Cache-Control` (RFC 9213).
    pub targeted: bool,
    /// Whether `Cache-Control` of the client counts (§5.2.1). Without, a client can neither force a fetch nor ask for what is stale.
    pub client_directives: bool,
    /// What becomes of a response with `Set-Cookie`; by default it is not stored. To store the field is only for origins whose cookies are
    /// the same for all.
    pub set_cookie: SetCookie,
    /// Whether a stored response of which `Content-Language` is what the client wants most is used although the rest of its
    /// `Accept-Language` differs.
    pub match_language: bool,
    /// What is asked of the upstream where a client asks for a part and nothing is stored.
    pub ranges: Ranges,
    /// Octets of body above which a response streams through and is not stored.
    pub max_object: u64,
}

/// How freshness is estimated from `Last-Modified`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heuristic {
    /// Percent of the time since the last change.
    pub percent: u8,
    /// The longest estimate.
    pub max: Millis,
}

impl Default for Heuristic {
    /// A tenth, at most a day.
    fn default() -> Self {
        Self { percent: 10, max: DAY }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            heuristic: None,
            default_ttl: None,
            negative_ttl: None,
            max_ttl: 365 * 24 * HOUR,
            stale_while_revalidate: 0,
            stale_if_error: 0,
            max_stale_if_error: DAY,
            targeted: true,
            client_directives: true,
            set_cookie: SetCookie::Refuse,
            match_language: false,
            ranges: Ranges::Whole,
            max_object: 8 << 20,
        }
    }
}
