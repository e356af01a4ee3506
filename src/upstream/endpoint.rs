//! One address of an upstream, as the whole process sees it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use arc_swap::ArcSwap;

use super::Standing;
use super::balance::PeakEwma;
use super::record::Record;
use crate::config::model::{EndpointAddress, ProxyProtocolVersion, Upstream as Model, UpstreamProtocol};
use crate::tls::ClientTls;

/// What makes two endpoints of two configs the same one: then connections, health and numbers are carried over.
#[derive(Clone, Debug)]
pub struct EndpointIdentity {
    /// The upstream it belongs to. The same address in two upstreams is two endpoints: their policies differ.
    pub upstream: Arc<str>,
    /// Where it is.
    pub address: EndpointAddress,
    /// How it is spoken to.
    pub protocol: UpstreamProtocol,
    /// What a new connection begins with.
    pub proxy_protocol: Option<ProxyProtocolVersion>,
    /// TLS to it.
    pub tls: Option<ClientTls>,
}

impl EndpointIdentity {
    /// Of one of the model's endpoints.
    pub fn of(upstream: &Model, address: &EndpointAddress, tls: Option<&ClientTls>) -> Self {
        Self {
            upstream: upstream.name.clone(),
            address: address.clone(),
            protocol: upstream.protocol,
            proxy_protocol: upstream.proxy_protocol,
            tls: tls.cloned(),
        }
    }

    /// Whether it is the same endpoint.
    pub fn is_same(&self, other: &Self) -> bool {
        let same_tls = match (&self.tls, &other.tls) {
            (None, None) => true,
            (Some(one), Some(other)) => one.is_same(other),
            _ => false,
        };
        same_tls
            && self.upstream == other.upstream
            && self.address == other.address
            && self.protocol == other.protocol
            && self.proxy_protocol == other.proxy_protocol
    }
}

/// An endpoint. Its numbers are the process's, not a worker's.
#[derive(Debug)]
pub struct Endpoint {
    /// Who it is.
    pub identity: EndpointIdentity,
    /// The name for logs: `127.0.0.1:9000`.
    pub label: Arc<str>,
    /// What `Host` says where the client's host is not preserved.
    pub host: Box<str>,
    /// What its name stands for at the moment; empty where that could not be found out.
    pub addresses: ArcSwap<Vec<SocketAddr>>,
    /// Whether it should get exchanges.
    pub standing: Standing,
    /// How fast it answers, for `least_time`.
    pub speed: PeakEwma,
    /// What its exchanges came to.
    pub record: Record,
    in_flight: AtomicUsize,
    connections: AtomicUsize,
}

impl Endpoint {
    /// An endpoint that carries nothing yet.
    pub fn new(identity: EndpointIdentity) -> Arc<Self> {
        let addresses = match &identity.address {
            EndpointAddress::Ip(address) => vec![*address],
            EndpointAddress::Name { .. } | EndpointAddress::Unix(_) => Vec::new(),
        };
        Arc::new(Self {
            host: host(&identity.address, identity.tls.is_some()).into(),
            label: identity.address.to_string().into(),
            identity,
            addresses: ArcSwap::from_pointee(addresses),
            standing: Standing::default(),
            speed: PeakEwma::default(),
            record: Record::default(),
            in_flight: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
        })
    }

    /// Whether its address has to be looked up.
    pub fn is_named(&self) -> bool {
        matches!(self.identity.address, EndpointAddress::Name { .. })
    }

    /// Whether there is an address to connect to.
    pub fn addresses_known(&self) -> bool {
        !self.is_named() || !self.addresses.load().is_empty()
    }

    /// Exchanges that run on it.
    pub fn in_flight(&self) -> usize {
        self.in_flight.load(Relaxed)
    }

    /// Connections to it that stand or are being made.
    pub fn connections(&self) -> usize {
        self.connections.load(Relaxed)
    }

    /// Counts a connection in, unless `limit` (0: none) is reached.
    pub fn admit_connection(self: &Arc<Self>, limit: usize) -> Option<Connected> {
        let before = self.connections.fetch_add(1, Relaxed);
        let connected = Connected(self.clone());
        (limit == 0 || before < limit).then_some(connected)
    }
}

/// Host and port of an endpoint, the port only where it is not the scheme's own; a Unix socket has neither.
fn host(address: &EndpointAddress, tls: bool) -> String {
    let usual = if tls { 443 } else { 80 };
    match address {
        EndpointAddress::Ip(SocketAddr::V6(address)) if address.port() == usual => format!("[{}]", address.ip()),
        EndpointAddress::Ip(address) if address.port() == usual => address.ip().to_string(),
        EndpointAddress::Name { host, port } if *port == usual => host.clone(),
        EndpointAddress::Ip(_) | EndpointAddress::Name { .. } => address.to_string(),
        EndpointAddress::Unix(_) => "localhost".to_owned(),
    }
}

/// Counts an exchange on an endpoint until it is dropped.
#[derive(Debug)]
pub struct InFlight(Arc<Endpoint>);

impl InFlight {
    /// Counts it in.
    pub fn begin(endpoint: &Arc<Endpoint>) -> Self {
        endpoint.in_flight.fetch_add(1, Relaxed);
        Self(endpoint.clone())
    }

    /// Counts it in, unless `limit` (0: none) is reached.
    pub fn admit(endpoint: &Arc<Endpoint>, limit: usize) -> Option<Self> {
        let before = endpoint.in_flight.fetch_add(1, Relaxed);
        let begun = Self(endpoint.clone());
        (limit == 0 || before < limit).then_some(begun)
    }
}

impl InFlight {
    /// Where it runs.
    pub fn endpoint(&self) -> &Endpoint {
        &self.0
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Relaxed);
    }
}

/// Counts a connection to an endpoint until it is dropped.
#[derive(Debug)]
pub struct Connected(Arc<Endpoint>);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Relaxed);
    }
}
