//! What was found out about names, services and files.

use std::collections::{BTreeSet, HashMap};
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

use crate::config::model::{Container, Endpoint, EndpointAddress, Upstream};

/// The last good answers. A name that is missing here never had one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answers {
    /// Addresses of names, sorted.
    pub hosts: HashMap<String, Arc<[IpAddr]>>,
    /// SRV records of services, sorted.
    pub services: HashMap<String, Arc<[ServiceRecord]>>,
    /// Containers that take requests, by name.
    pub containers: Arc<[Container]>,
    /// What files list.
    pub files: HashMap<PathBuf, Arc<[Endpoint]>>,
}

/// An SRV record (RFC 2782).
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ServiceRecord {
    /// The lowest ones are used; the others are backups.
    pub priority: u16,
    /// Its share among those of its priority.
    pub weight: u16,
    /// Where it is.
    pub host: String,
    /// And at which port.
    pub port: u16,
}

/// Something to look up.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Query {
    /// The addresses of a name.
    Host(String),
    /// The records of a service.
    Service(String),
}

impl Query {
    /// `dns:api.internal`, `srv:_http._tcp.api.internal`: for logs and metrics.
    pub fn label(&self) -> String {
        match self {
            Self::Host(name) => format!("dns:{name}"),
            Self::Service(name) => format!("srv:{name}"),
        }
    }
}

impl Answers {
    /// The endpoints that an upstream lists, and those that its file does.
    pub(super) fn listed<'a>(&'a self, upstream: &'a Upstream) -> impl Iterator<Item = &'a Endpoint> {
        let file = upstream.discovery.file.as_ref().and_then(|file| self.files.get(file));
        upstream.endpoints.iter().chain(file.into_iter().flat_map(|listed| listed.iter()))
    }

    /// Forgets what nobody asks for any more.
    pub fn retain(&mut self, wanted: &BTreeSet<Query>) {
        // A look-up of the borrowed name would need an owned query.
        self.hosts.retain(|name, _| wanted.contains(&Query::Host(name.clone())));
        self.services.retain(|name, _| wanted.contains(&Query::Service(name.clone())));
    }
}

/// Everything that has to be looked up for these upstreams, as far as is known by now: records of a service name hosts.
pub fn wanted(upstreams: &[Upstream], answers: &Answers) -> BTreeSet<Query> {
    let mut wanted = BTreeSet::new();
    for endpoint in upstreams.iter().flat_map(|upstream| answers.listed(upstream)) {
        match &endpoint.address {
            EndpointAddress::Name { host, .. } => wanted.extend(query_of(host)),
            EndpointAddress::Service(name) => {
                let records = answers.services.get(name).into_iter().flat_map(|records| records.iter());
                wanted.extend(records.filter_map(|record| query_of(&record.host)));
                wanted.insert(Query::Service(name.clone()));
            }
            EndpointAddress::Ip(_) | EndpointAddress::Unix(_) => {}
        }
    }
    wanted
}

/// `localhost` is known (RFC 6761 §6.3), and so is an address.
fn query_of(host: &str) -> Option<Query> {
    (!is_local(host)).then(|| Query::Host(host.to_owned()))
}

/// Whether a name is this machine's in any case.
pub(crate) fn is_local(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    host == "localhost" || host.ends_with(".localhost")
}
