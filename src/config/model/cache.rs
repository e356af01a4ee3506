//! `[cache]`, and the `cache` of a route.

use std::path::PathBuf;
use std::time::Duration;

use http::HeaderName;

use super::Cidr;

/// `[cache]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cache {
    /// `memory`, default 256 MiB: keys, fields and bodies
    pub memory: u64,
    /// `max_object`, default 8 MiB: the largest body that is stored
    pub max_object: u64,
    /// `max_variants`, default 64: responses under one key
    pub max_variants: usize,
    /// `purge_from`: who may purge by the method `PURGE`
    pub purge_from: Vec<Cidr>,
    /// `disk`; absent: memory alone
    pub disk: Option<CacheDisk>,
}

/// `cache.disk`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheDisk {
    /// `path`
    pub path: PathBuf,
    /// `size`: octets of the files
    pub size: u64,
    /// `index`, default 64 MiB: octets of memory for the index
    pub index: u64,
}

/// `cache` of a route; absent: off
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CachePolicy {
    /// `key`
    pub key: CacheKey,
    /// `default_ttl`, default off: freshness of what says nothing
    pub default_ttl: Option<Duration>,
    /// `negative_ttl`, default off: freshness of a 404 and the like that says nothing
    pub negative_ttl: Option<Duration>,
    /// `max_ttl`, default a year
    pub max_ttl: Duration,
    /// `heuristic`, default false: a tenth of the time since `Last-Modified`, at most a day
    pub heuristic: bool,
    /// `stale_while_revalidate`, default off, where the response does not say
    pub stale_while_revalidate: Option<Duration>,
    /// `stale_if_error`, default off, where the response does not say
    pub stale_if_error: Option<Duration>,
    /// `max_stale_if_error`, default a day, whatever anybody says
    pub max_stale_if_error: Duration,
    /// `client_directives`, default true: whether the client's `Cache-Control` counts
    pub client_directives: bool,
    /// `match_language`, default false: whether a response in the language that the client wants most is an answer to it
    pub match_language: bool,
    /// `set_cookie`, default `refuse`: what becomes of a response with `Set-Cookie`
    pub set_cookie: SetCookie,
    /// `ranges`, default `whole`: what is fetched where a client asks for a part
    pub ranges: Ranges,
    /// `max_object`; absent: that of `[cache]`
    pub max_object: Option<u64>,
    /// `wait`, default 5 s: how long a request waits for the fetch of another one; none: it never does
    pub wait: Option<Duration>,
}

/// What becomes of a response with `Set-Cookie`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SetCookie {
    /// It is not stored
    #[default]
    Refuse,
    /// It is stored without the field, which only the client that asked gets
    Drop,
    /// It is stored with the field, which every client gets
    Store,
}

/// What is fetched where a client asks for a part and nothing is stored
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ranges {
    /// The whole, from which this part and all others are answered
    #[default]
    Whole,
    /// The part, and what of it is missing
    Parts,
}

/// `cache.key`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CacheKey {
    /// `query`: the parameters that count; absent: all
    pub query: Option<Vec<String>>,
    /// `query_except`: the parameters that do not count
    pub query_except: Vec<String>,
    /// `sort_query`, default false
    pub sort_query: bool,
    /// `headers`
    pub headers: Vec<HeaderName>,
    /// `cookies`
    pub cookies: Vec<String>,
}
