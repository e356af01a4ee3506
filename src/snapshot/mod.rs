//! The config in force, as requests read it: immutable, shared by all workers, replaced as a whole.

mod cell;
mod compile;

pub use cell::Cell;
pub use compile::{CompileProblem, compile};

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use http::HeaderName;

use crate::config::model::{ListenerLimits, Model};
use crate::filter::{Filters, Redirect, Respond};
use crate::http::Scheme;
use crate::http::trust::Trusted;
use crate::observe::{Ids, ListenerId, RouteId, UpstreamId};
use crate::routing::Router;
use crate::routing::split::Split;
use crate::tls::ServerTls;
use crate::upstream::Seed;

/// Everything that a request may need of the config.
#[derive(Debug)]
pub struct Snapshot {
    /// Counts the publications of this process, from 1.
    pub generation: u64,
    /// What it was compiled from.
    pub model: Arc<Model>,
    /// Finds routes.
    pub router: Router,
    /// In the order of the config.
    pub listeners: Vec<Arc<Listener>>,
    /// In the order of the config.
    pub routes: Vec<Route>,
    /// In the order of the config.
    pub upstreams: Vec<Seed>,
    /// Whether some upstream is told by a PROXY header where the client connected to.
    pub tells_destination: bool,
    /// The numbers of the names, for the metrics.
    pub ids: Ids,
}

impl Snapshot {
    /// The place of a listener that has that number, and the listener; `None` once it is out of the config.
    pub fn listener(&self, id: ListenerId) -> Option<(usize, &Arc<Listener>)> {
        self.listeners.iter().enumerate().find(|(_, listener)| listener.id == id)
    }

    /// The number of the upstream at that place, for the facts of an exchange.
    pub fn upstream_id(&self, place: usize) -> Option<UpstreamId> {
        self.ids.upstreams.get(place).copied()
    }
}

/// A listener's policies. Its socket is elsewhere.
#[derive(Debug)]
pub struct Listener {
    /// Its number.
    pub id: ListenerId,
    /// Its name.
    pub name: Arc<str>,
    /// TLS, where it is terminated here.
    pub tls: Option<ServerTls>,
    /// Whose word about clients is believed.
    pub trusted: Trusted,
    /// Every connection begins with a PROXY header.
    pub proxy_protocol: bool,
    /// Whether HTTP/2 is spoken.
    pub http2: bool,
    /// Answers everything, where set.
    pub redirect_to_https: Option<Redirect>,
    /// Carries the subject of a client's certificate.
    pub subject_header: Option<HeaderName>,
    /// Limits and timeouts.
    pub limits: ListenerLimits,
}

impl Listener {
    /// How clients reach it.
    pub const fn scheme(&self) -> Scheme {
        if self.tls.is_some() { Scheme::Https } else { Scheme::Http }
    }
}

/// A route: what it does and what bounds it.
#[derive(Debug)]
pub struct Route {
    /// Its number.
    pub id: RouteId,
    /// What it does to what passes.
    pub filters: Filters,
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
    Files(Arc<crate::files::Files>),
}

/// The exchanges of a route at this moment, in the whole process. It outlives reloads while the route's name stays.
#[derive(Debug)]
pub struct Admission {
    /// The route's name.
    name: Arc<str>,
    running: AtomicUsize,
}

/// A place among them until it is dropped.
#[derive(Debug)]
pub struct Admitted(Arc<Admission>);

impl Admission {
    /// None runs.
    pub(crate) fn new(name: Arc<str>) -> Arc<Self> {
        Arc::new(Self { name, running: AtomicUsize::new(0) })
    }

    /// A place, unless `limit` of them are taken.
    pub fn admit(self: &Arc<Self>, limit: usize) -> Option<Admitted> {
        let before = self.running.fetch_add(1, Relaxed);
        let admitted = Admitted(self.clone());
        (before < limit).then_some(admitted)
    }
}

impl Drop for Admitted {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Relaxed);
    }
}
