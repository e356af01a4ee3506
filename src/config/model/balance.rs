//! `[upstreams.NAME]`: which endpoint takes a request, and when one is kept out.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use super::HashOn;
use crate::http::key::{self, KeySource};

/// `balance`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Balance {
    /// Smooth weighted round robin.
    RoundRobin,
    /// By chance, by weight.
    Random,
    /// The less loaded of two, by weight (default).
    LeastRequests,
    /// The faster of two, by the time to the first byte and by what runs on them.
    LeastTime,
    /// The same key to the same endpoint, unless that has far more than its share.
    Hash,
    /// The same key to the same endpoint, from a table.
    Maglev,
}

impl HashOn {
    /// The hash of the key that a request has, where it has it.
    pub fn key(&self, source: &KeySource<'_>) -> Option<u64> {
        match self {
            Self::ClientIp => source.client_ip(),
            Self::Path => Some(source.path()),
            Self::Header(name) => source.header(name),
            Self::Cookie(name) => source.cookie(name).map(key::hash),
        }
    }
}

/// What `balance` needs beside its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spread {
    /// `hash_on`, default `client_ip`: the key of `hash` and `maglev`
    pub hash_on: HashOn,
    /// `hash_balance_factor`, default 150: with `hash`, how many of 100 parts of its fair share an endpoint may run
    pub hash_balance_factor: u32,
    /// `sticky`: a client stays with the endpoint that answered it first
    pub sticky: Option<Sticky>,
    /// `slow_start`, default off: how long an endpoint that joins or comes back takes to its full weight
    pub slow_start: Option<Duration>,
    /// `panic_threshold`, default 50: with fewer than that many of 100 primaries usable, all are used; 0 never
    pub panic_threshold: u32,
}

impl Spread {
    /// The defaults.
    pub const PLAIN: Self = Self {
        hash_on: HashOn::ClientIp,
        hash_balance_factor: 150,
        sticky: None,
        slow_start: None,
        panic_threshold: 50,
    };
}

/// `sticky`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sticky {
    /// `cookie`: its name
    pub cookie: String,
    /// `secret` or `secret_file`; none: one that is made when the process starts
    pub secret: Option<StickySecret>,
    /// `max_age`, default off: the cookie ends with the client's session
    pub max_age: Option<Duration>,
    /// `same_site`, default lax
    pub same_site: SameSite,
}

/// What sticky cookies are signed with. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub enum StickySecret {
    /// `secret`
    Text(String),
    /// `secret_file`
    File(PathBuf),
}

impl fmt::Debug for StickySecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(_) => f.write_str("Text(..)"),
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
        }
    }
}

/// `same_site` (RFC 6265bis §5.4.7)
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SameSite {
    /// `"lax"` (default)
    Lax,
    /// `"strict"`
    Strict,
    /// `"none"`: sent from anywhere; the cookie is `Secure` then, as browsers ask
    None,
}

impl SameSite {
    /// As `Set-Cookie` says it.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Lax => "Lax",
            Self::Strict => "Strict",
            Self::None => "None",
        }
    }

    /// Whether browsers take it under TLS alone.
    pub const fn needs_tls(self) -> bool {
        matches!(self, Self::None)
    }
}

/// `[upstreams.NAME.outlier]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outlier {
    /// `enabled`, default true
    pub enabled: bool,
    /// `consecutive_failures`, default 5: failures of the gateway kind in a row; 0 is off
    pub consecutive_failures: u32,
    /// `interval`, default 10 s: between two comparisons of the endpoints
    pub interval: Duration,
    /// `base_ejection`, default 30 s: the first ejection; the n-th is n times as long
    pub base_ejection: Duration,
    /// `max_ejection`, default 5 min
    pub max_ejection: Duration,
    /// `max_ejected`, default 10: of 100 endpoints, but one in any case
    pub max_ejected: u32,
    /// `success_rate`, default true
    pub success_rate: bool,
    /// `success_rate_margin`, default 10: of 100 requests, how many more must fail than elsewhere
    pub success_rate_margin: u32,
    /// `success_rate_requests`, default 100: fewer are not compared
    pub success_rate_requests: u32,
    /// `latency`, default true
    pub latency: bool,
    /// `latency_factor`, default 4: times the median of the others
    pub latency_factor: u32,
    /// `latency_margin`, default 100 ms: and so much slower
    pub latency_margin: Duration,
    /// `latency_requests`, default 30: fewer are not compared
    pub latency_requests: u32,
}

impl Outlier {
    /// The defaults.
    pub const PLAIN: Self = Self {
        enabled: true,
        consecutive_failures: 5,
        interval: Duration::from_secs(10),
        base_ejection: Duration::from_secs(30),
        max_ejection: Duration::from_secs(300),
        max_ejected: 10,
        success_rate: true,
        success_rate_margin: 10,
        success_rate_requests: 100,
        latency: true,
        latency_factor: 4,
        latency_margin: Duration::from_millis(100),
        latency_requests: 30,
    };
}
