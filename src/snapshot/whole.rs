//! The snapshot itself.

use std::sync::Arc;

use super::{Listener, Route};
use crate::cache::Store;
use crate::config::model::Model;
use crate::observe::{Ids, ListenerId, UpstreamId};
use crate::routing::Router;
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
    /// What is stored; none where no route has `cache`.
    pub cache: Option<Arc<Store>>,
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
