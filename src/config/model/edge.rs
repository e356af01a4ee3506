//! What a route decides at the edge, before a request goes further, and what it tells browsers.

use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method};

use super::{Auth, Cidr};

/// The policies of a route about who may come, and what browsers are told.
#[derive(Clone, Debug, Default)]
pub struct EdgePolicies {
    /// `allow` and `deny`
    pub access: Access,
    /// `rate_limit`: all of them hold
    pub rate_limits: Vec<RateLimit>,
    /// `bandwidth`
    pub bandwidth: Bandwidth,
    /// `auth`; none: everybody
    pub auth: Option<Auth>,
    /// `cors`; none: off
    pub cors: Option<Cors>,
    /// `security_headers`; none: off
    pub security_headers: Option<SecurityHeaders>,
}

/// `allow`, `deny`: the longest prefix decides; an address in none of them may come unless there is an `allow`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// `allow`
    pub allow: Vec<Cidr>,
    /// `deny`
    pub deny: Vec<Cidr>,
}

/// `rate_limit`, or one of several
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// `name`: routes that name the same limit share it; none: the route's own
    pub name: Option<Arc<str>>,
    /// `rate`: requests
    pub requests: u32,
    /// `rate`: in that time
    pub period: Duration,
    /// `burst`, default the requests of `rate`
    pub burst: u32,
    /// `key`, default the client's address
    pub key: LimitKey,
    /// `prefix_v4`, default 32
    pub prefix_v4: u8,
    /// `prefix_v6`, default 64
    pub prefix_v6: u8,
    /// `dry_run`, default false: counted and told, but not refused
    pub dry_run: bool,
    /// `fields`, default true: whether clients are told by `RateLimit` and `RateLimit-Policy`
    pub fields: bool,
    /// `max_keys`, default 65536
    pub max_keys: usize,
}

/// `key` of a limit
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LimitKey {
    /// `"client_ip"`
    ClientIp,
    /// `"path"`
    Path,
    /// `"fixed"`: all requests count together
    Fixed,
    /// `"header:NAME"`
    Header(HeaderName),
    /// `"cookie:NAME"`
    Cookie(String),
    /// `"identity"`: who authenticated
    Identity,
}

impl RateLimit {
    /// Whether both count alike, so that what one remembers is true of the other.
    pub fn counts_like(&self, other: &Self) -> bool {
        let Self { name: _, requests, period, burst, key, prefix_v4, prefix_v6, dry_run: _, fields: _, max_keys } =
            self;
        (requests, period, burst, key) == (&other.requests, &other.period, &other.burst, &other.key)
            && (prefix_v4, prefix_v6, max_keys) == (&other.prefix_v4, &other.prefix_v6, &other.max_keys)
    }
}

/// `bandwidth`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bandwidth {
    /// `download`: octets of response bodies in a second; none: no limit
    pub download: Option<u64>,
    /// `upload`: octets of request bodies in a second; none: no limit
    pub upload: Option<u64>,
    /// `per`, default connection: whether each exchange has the rate to itself
    pub per_exchange: bool,
}

/// `cors`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cors {
    /// `origins`, at least one
    pub origins: Vec<OriginPattern>,
    /// `methods`, default GET, HEAD and POST
    pub methods: Vec<Method>,
    /// `headers`: the fields that pages may send
    pub headers: CorsHeaders,
    /// `expose`: the fields that pages may read
    pub expose: Vec<HeaderName>,
    /// `credentials`, default false; never beside the origin `*`
    pub credentials: bool,
    /// `max_age`, default 10 min
    pub max_age: Duration,
}

/// One of `origins`, in the form in which browsers send it (RFC 6454 §6.2)
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OriginPattern {
    /// `"*"`
    Any,
    /// `"https://app.example.com"`, `"null"`
    Exact(String),
    /// `"https://*.example.com"`: what stands before the star, and what behind it, with its dot
    Below(String, String),
}

/// `headers` of `cors`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CorsHeaders {
    /// `["*"]`: whatever the page asks for
    Any,
    /// These.
    Only(Vec<HeaderName>),
}

/// `security_headers`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecurityHeaders {
    /// `hsts`, default a year; none: off. `Strict-Transport-Security` goes out over TLS alone (RFC 6797 §7.2)
    pub hsts: Option<Duration>,
    /// `hsts_subdomains`, default false
    pub hsts_subdomains: bool,
    /// `hsts_preload`, default false
    pub hsts_preload: bool,
    /// `nosniff`, default true
    pub nosniff: bool,
    /// `frame_options`, default sameorigin
    pub frame_options: FrameOptions,
    /// `referrer_policy`, default `strict-origin-when-cross-origin`; none: off
    pub referrer_policy: Option<&'static str>,
    /// `content_security_policy`
    pub content_security_policy: Option<HeaderValue>,
    /// `permissions_policy`
    pub permissions_policy: Option<HeaderValue>,
    /// `replace`, default false: whether the fields take the place of those of the upstream
    pub replace: bool,
}

/// `frame_options`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameOptions {
    /// `"off"`
    Off,
    /// `"deny"`
    Deny,
    /// `"sameorigin"`
    SameOrigin,
}
