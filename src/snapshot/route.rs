//! Routes and what they do.

use std::sync::Arc;
use std::time::Duration;

use super::Admission;
use crate::cache::Caching;
use crate::files::Files;
use crate::filter::{Codings, Filters, Redirect, Respond};
use crate::observe::RouteId;
use crate::routing::split::Split;

/// A route: what it does and what bounds it.
#[derive(Debug)]
pub struct Route {
    /// Its number.
    pub id: RouteId,
    /// What it does to what passes.
    pub filters: Filters,
    /// What it does about content codings; `None` is nothing.
    pub codings: Option<Box<Codings>>,
    /// What it does.
    pub action: Action,
    /// Whether the upstream sees the client's host.
    pub preserve_host: bool,
    /// Bounds the whole exchange.
    pub timeout: Option<Duration>,
    /// Octets of a request body; 0 is no limit.
    pub max_body: u64,
    /// Protocols that clients may switch to, lower case.
    pub upgrades: Vec<String>,
    /// Exchanges at the same time; 0 is no limit, and nothing is counted.
    pub max_requests: usize,
    /// What it stores of what upstreams answer; none: nothing.
    pub cache: Option<Box<Caching>>,
    /// Counts them.
    pub admission: Arc<Admission>,
}

/// What a route does.
#[derive(Debug)]
pub enum Action {
    /// Forwards to an upstream, by its place.
    Upstream(usize),
    /// Forwards to one of several.
    Split(Split),
    /// Redirects.
    Redirect(Redirect),
    /// Answers by itself.
    Respond(Respond),
    /// Answers from a folder.
    Files(Arc<Files>),
}
