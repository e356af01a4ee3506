//! `[discovery.docker]`, and what the engine says of a container.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::HostPattern;

/// What the labels begin with that are meant for this program.
pub const LABEL_PREFIX: &str = "tidegate.";

/// Every label that there is, without that.
pub const LABELS: [&str; 14] = [
    "enable",
    "upstream",
    "port",
    "network",
    "weight",
    "protocol",
    "health.path",
    "route.host",
    "route.path",
    "route.path_prefix",
    "route.methods",
    "route.listeners",
    "route.strip_prefix",
    "route.timeout",
];

/// `[discovery.docker]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Docker {
    /// `socket`, default `/var/run/docker.sock`
    pub socket: PathBuf,
    /// `network`: whose addresses are used; none: the only one that a container is in
    pub network: Option<String>,
    /// `hosts`: what labels may name; none: whatever no route of the file does
    pub hosts: Vec<HostPattern>,
    /// `listeners`, for routes that do not say; none: all
    pub listeners: Vec<String>,
    /// `settle`, default 200 ms: how long it must be quiet before a change counts
    pub settle: Duration,
}

/// A container that takes requests, as far as the engine knows: it runs, and is healthy where it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Container {
    /// Without the slash.
    pub name: String,
    /// When it was made, as the engine writes it: the oldest come first.
    pub created: String,
    /// All of them.
    pub labels: BTreeMap<String, String>,
    /// The networks that it is in, and its address there.
    pub networks: Vec<(String, IpAddr)>,
    /// The TCP ports that its image exposes.
    pub ports: Vec<u16>,
}

/// What a container says that is not done.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Unheard {
    /// Its name.
    pub container: String,
    /// Which label.
    pub label: String,
    /// Why, one clause.
    pub message: String,
}

/// What labels have come to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Labelled {
    /// Endpoints: container, upstream, address.
    pub endpoints: Vec<(String, Arc<str>, String)>,
    /// What is not done.
    pub unheard: Vec<Unheard>,
}

impl Container {
    /// Whether a container with that label wants something. Others may begin likewise and only say where an image is from.
    pub fn is_meant(label: &str) -> bool {
        let name = label.strip_prefix(LABEL_PREFIX);
        name.is_some_and(|name| LABELS.contains(&name) || name.starts_with("route."))
    }
}
