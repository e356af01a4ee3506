//! Where endpoints come from that the config does not list by address: names, services, files.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// `[resolver]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resolver {
    /// `nameservers`; none: those of `/etc/resolv.conf`
    pub nameservers: Vec<SocketAddr>,
    /// `hosts_file`, default true: whether `/etc/hosts` answers first
    pub hosts_file: bool,
    /// `family`, default any
    pub family: AddressFamily,
    /// `lookup_timeout`, default 3 s: for all of one look-up; also how long a start waits for first answers
    pub timeout: Duration,
    /// `min_ttl`, default 1 s: no answer counts for less
    pub min_ttl: Duration,
    /// `max_ttl`, default 5 min: no answer counts for more
    pub max_ttl: Duration,
}

/// `family`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AddressFamily {
    /// `"any"`: A and AAAA
    Any,
    /// `"ipv4"`: A
    Ipv4,
    /// `"ipv6"`: AAAA
    Ipv6,
}

/// Where the endpoints of an upstream come from, beside its list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Discovery {
    /// `endpoints_file`
    pub file: Option<PathBuf>,
}

/// One of `endpoints`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// `address`
    pub address: EndpointAddress,
    /// `weight`, default 1, at least 1
    pub weight: u32,
    /// `backup`: used only while no other endpoint can be
    pub backup: bool,
    /// `zone`: where it is
    pub zone: Option<Arc<str>>,
}

/// Where an endpoint is.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EndpointAddress {
    /// `"127.0.0.1:9000"`
    Ip(SocketAddr),
    /// `"api.internal:9000"`
    Name {
        /// Host name, lower case.
        host: String,
        /// Port.
        port: u16,
    },
    /// `"unix:/run/app.sock"`
    Unix(PathBuf),
    /// `"srv:_http._tcp.api.internal"`: what the SRV records of that name say (RFC 2782)
    Service(String),
}

impl std::fmt::Display for EndpointAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Name { host, port } => write!(f, "{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
            Self::Service(name) => write!(f, "srv:{name}"),
        }
    }
}
