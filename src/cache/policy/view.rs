//! What the policy sees of a request, a response and a stored response.

use http::{Method, StatusCode};

use crate::http::path::PathPolicy;
use crate::http::sanitize::CleanRequest;
use crate::http::{Headers, Scheme, Target};

use super::Terms;

/// A request as it reached the cache: sanitised, before the filters of the upstream side changed it.
#[derive(Clone, Copy, Debug)]
pub struct RequestView<'a> {
    /// Method.
    pub method: &'a Method,
    /// Scheme by which the client reached us.
    pub scheme: Scheme,
    /// Host and port as the client named them.
    pub authority: &'a str,
    /// Path and query.
    pub target: &'a Target,
    /// By which policy the path was made clean.
    pub paths: PathPolicy,
    /// Fields.
    pub headers: &'a Headers,
    /// Whether there is a body. A `GET` with one is never answered from the cache nor stored: its body is no part of the key.
    pub has_body: bool,
    /// Whether the client asks for another protocol; then the cache stays out of it.
    pub upgrades: bool,
    /// Whether the client was let in by its credentials: as good as `Authorization` (§3.5), whatever carried them.
    pub authenticated: bool,
}

impl<'a> RequestView<'a> {
    /// Of a request.
    pub fn of(clean: &'a CleanRequest) -> Self {
        let request = clean.request();
        Self {
            method: &request.method,
            scheme: request.scheme,
            authority: request.authority.as_str(),
            target: &request.target,
            paths: clean.paths(),
            headers: &request.headers,
            has_body: !request.body.is_empty(),
            upgrades: request.upgrade.is_some(),
            authenticated: false,
        }
    }
}

/// The head of an upstream's final response, sanitised (without the fields of its connection).
#[derive(Clone, Copy, Debug)]
pub struct ResponseView<'a> {
    /// Status.
    pub status: StatusCode,
    /// Fields.
    pub headers: &'a Headers,
}

/// A stored response.
#[derive(Clone, Copy, Debug)]
pub struct StoredView<'a> {
    /// Status.
    pub status: StatusCode,
    /// Fields as they were stored.
    pub headers: &'a Headers,
    /// On which terms it was stored.
    pub terms: &'a Terms,
    /// Whether a soft purge made it stale: it is served once more while it is validated in the background.
    pub soft_purged: bool,
}
