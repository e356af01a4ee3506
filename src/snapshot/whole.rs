//! The snapshot itself.

use std::sync::Arc;

use super::{Listener, Route};
use crate::cache::Store;
use crate::config::model::Model;
use crate::edge::auth::IdentityNames;
use crate::edge::auth::jwks::Remote;
use crate::edge::limit::Limit;
use crate::observe::{Ids, ListenerId, UpstreamId};
use crate::routing::Router;
use crate::upstream::Seed;

/// Everything that a request may need of the config.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Counts the publications of this process, from 1.
    pub generation: u64,
    /// What it was compiled from.
    pub model: Arc<Model>,
    /// Finds routes.
    pub router: Arc<Router>,
    /// In the order of the config.
    pub listeners: Vec<Arc<Listener>>,
    /// In the order of the config.
    pub routes: Arc<[Route]>,
    /// In the order of the config.
    pub upstreams: Vec<Seed>,
    /// What is stored; none where no route has `cache`.
    pub cache: Option<Arc<Store>>,
    /// The keys of tokens that are fetched.
    pub remotes: Vec<Arc<Remote>>,
    /// The fields that no client may bring.
    pub identity: IdentityNames,
    /// The rate limits of all routes.
    pub limits: Vec<Arc<Limit>>,
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

    /// The place of the route of that name.
    pub fn route(&self, name: &str) -> Option<usize> {
        self.model.routes.iter().position(|route| &*route.name == name)
    }

    /// The place of the upstream of that name.
    pub fn upstream(&self, name: &str) -> Option<usize> {
        self.model.upstreams.iter().position(|upstream| &*upstream.name == name)
    }

    /// The number of the upstream at that place, for the facts of an exchange.
    pub fn upstream_id(&self, place: usize) -> Option<UpstreamId> {
        self.ids.upstreams.get(place).copied()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use crate::config::parse;
    use crate::observe::metrics::Metrics;
    use crate::upstream::discovery::Answers;

    /// What requests read is printed without what is secret, as the config is.
    #[test]
    fn no_secret_is_printed() {
        let text = include_str!("../config/tests/secrets.toml");
        let loaded = parse("test", text, &|_| None).unwrap_or_else(|problems| panic!("{}", problems.render(false)));
        let snapshot = super::super::compile(Arc::new(loaded.model), None, &Metrics::new(), &Answers::default());
        let printed = format!("{:?}", snapshot.unwrap_or_else(|problems| panic!("{problems:?}")));
        // Octets are printed as text, or as numbers.
        for mark in ["m4rk", "d15ea5ed", "109, 52, 114, 107", "209, 94, 165, 237"] {
            let leak = printed.find(mark).map(|at| &printed[at.saturating_sub(300)..at + mark.len()]);
            assert_eq!(leak, None, "{mark}");
        }
        assert!(printed.contains("x-api-key"), "it is all printed");
    }
}
