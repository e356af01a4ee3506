//! The smallest config that forwards: one listener `web`, one upstream `app`, one route `all`, and what a story adds to them.

use std::fmt::Display;
use std::net::SocketAddr;

use super::{Folder, Proxy};

/// A config in the making.
#[derive(Clone, Default)]
pub struct Edge {
    listener: String,
    upstream: String,
    route: String,
    more: String,
}

impl Edge {
    /// Forwards everything to that endpoint.
    pub fn to(endpoint: impl Display) -> Self {
        Self {
            listener: "address = \"127.0.0.1:0\"".to_owned(),
            upstream: format!("endpoints = [\"{endpoint}\"]"),
            route: "name = \"all\"\nupstream = \"app\"".to_owned(),
            more: String::new(),
        }
    }

    /// Forwards everything to several endpoints, each as it stands in the config; the later ones only where the earlier ones fail.
    pub fn to_first_of(endpoints: &[SocketAddr]) -> Self {
        let list: Vec<_> = endpoints
            .iter()
            .enumerate()
            .map(|(place, one)| format!("{{ address = \"{one}\", backup = {} }}", place > 0))
            .collect();
        Self { upstream: format!("endpoints = [{}]", list.join(", ")), ..Self::to("") }
    }

    /// The same with the listener somewhere else.
    pub fn at(mut self, address: impl Display) -> Self {
        self.listener = format!("address = \"{address}\"");
        self
    }

    /// More keys of `[listeners.web]`.
    pub fn listener(mut self, keys: &str) -> Self {
        self.listener += &format!("\n{keys}");
        self
    }

    /// More keys of `[upstreams.app]`.
    pub fn upstream(mut self, keys: &str) -> Self {
        self.upstream += &format!("\n{keys}");
        self
    }

    /// More keys of the route.
    pub fn route(mut self, keys: &str) -> Self {
        self.route += &format!("\n{keys}");
        self
    }

    /// More of the config, behind everything else.
    pub fn more(mut self, toml: &str) -> Self {
        self.more += &format!("\n{toml}");
        self
    }

    /// As TOML.
    pub fn toml(&self) -> String {
        let Self { listener, upstream, route, more } = self;
        format!("[listeners.web]\n{listener}\n\n[upstreams.app]\n{upstream}\n\n[[routes]]\n{route}\n{more}\n")
    }

    /// The program with this config.
    pub fn start(&self) -> Proxy {
        Proxy::start(&self.toml())
    }

    /// The same, in a folder that holds what the config names.
    pub fn start_in(&self, folder: Folder) -> Proxy {
        Proxy::start_in(folder, &self.toml())
    }
}
