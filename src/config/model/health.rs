//! `[upstreams.NAME.health]`: how endpoints are asked whether they are well.

use std::time::Duration;

/// `[upstreams.NAME.health]`; present: endpoints are probed
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// `type` and the keys that belong to it
    pub probe: HealthProbe,
    /// `interval`, default 10 s: between two probes of an endpoint, give or take a tenth
    pub interval: Duration,
    /// `timeout`, default 5 s: for a whole probe, connecting included
    pub timeout: Duration,
    /// `rise`, default 2: probes in a row that pass before an endpoint that is down is up
    pub rise: u32,
    /// `fall`, default 3: probes in a row that fail before an endpoint that is up is down
    pub fall: u32,
}

/// `type`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HealthProbe {
    /// `"http"` (default): GET, over the protocol of the upstream
    Http(HttpProbe),
    /// `"tcp"`: a connection, with the TLS handshake where the upstream has TLS
    Tcp,
    /// `"grpc"`: `grpc.health.v1.Health/Check`
    Grpc {
        /// `host`; none: the endpoint's own name
        host: Option<String>,
        /// `service`; empty: the server as a whole
        service: String,
    },
}

/// What an HTTP probe asks for and expects.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpProbe {
    /// `path`, default `/`; with the query, where there is one
    pub path: String,
    /// `host`; none: the endpoint's own name
    pub host: Option<String>,
    /// `status`, default `["200-299"]`
    pub status: Vec<StatusRange>,
    /// `body`: a text that the body has, within its first 64 KiB
    pub body: Option<String>,
}

/// `"200"`, `"200-299"`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StatusRange {
    /// The first one.
    pub from: u16,
    /// The last one.
    pub to: u16,
}

impl StatusRange {
    /// Whether the status is one of these.
    pub const fn contains(self, status: u16) -> bool {
        self.from <= status && status <= self.to
    }
}
