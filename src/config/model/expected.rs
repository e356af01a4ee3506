//! `[[tests]]`: what an operator expects of the config.

use std::net::IpAddr;
use std::sync::Arc;

use http::{HeaderName, HeaderValue, Method};

/// One of `[[tests]]`: a request, and what is to become of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// `name`; `test-N` unless set
    pub name: Arc<str>,
    /// The method of `request`
    pub method: Method,
    /// The URL of `request`
    pub url: String,
    /// `headers`
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// `client`
    pub client: Option<IpAddr>,
    /// `listener`: by which it comes; none: each that may take it
    pub listener: Option<String>,
    /// `route`: the name of the route that takes it
    pub route: Option<String>,
    /// `upstream`: where it is forwarded to
    pub upstream: Option<String>,
    /// `target`: path and query that the upstream is asked for
    pub target: Option<String>,
    /// `status`: of the answer that needs no upstream
    pub status: Option<u16>,
    /// `location`: where it is redirected to
    pub location: Option<String>,
}
