//! Routes and what they do.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;

use super::Admission;
use crate::cache::Caching;
use crate::config::model::Priority;
use crate::edge::Edge;
use crate::files::Files;
use crate::filter::{Codings, Filters, Inject, Redirect, Respond};
use crate::observe::RouteId;
use crate::routing::split::Split;
use crate::upstream::hedge::Hedge;
use crate::upstream::mirror::Mirror;

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
    /// Tells upstreams what is left of the time.
    pub deadline_header: Option<HeaderName>,
    /// When a second endpoint is asked too; `None`: never.
    pub hedge: Option<Hedge>,
    /// Where copies go; `None`: there are none.
    pub mirror: Option<Box<Mirror>>,
    /// What goes wrong on purpose; `None`: nothing.
    pub inject: Option<Box<Inject>>,
    /// Octets of a request body; 0 is no limit.
    pub max_body: u64,
    /// Protocols that clients may switch to, lower case.
    pub upgrades: Vec<String>,
    /// Exchanges at the same time; 0 is no limit, and nothing is counted.
    pub max_requests: usize,
    /// What it stores of what upstreams answer; none: nothing.
    pub cache: Option<Box<Caching>>,
    /// Who may come, and what browsers are told; none: everybody, and nothing.
    pub edge: Option<Arc<Edge>>,
    /// Who is served while others are refused.
    pub priority: Priority,
    /// Counts them.
    pub admission: Arc<Admission>,
}

/// What a route does. Boxed, so that those that only forward lie closer together.
#[derive(Debug)]
pub enum Action {
    /// Forwards to an upstream, by its place.
    Upstream(usize),
    /// Forwards to one of several.
    Split(Box<Split>),
    /// Redirects.
    Redirect(Box<Redirect>),
    /// Answers by itself.
    Respond(Box<Respond>),
    /// Answers from a folder.
    Files(Arc<Files>),
}
