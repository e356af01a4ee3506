//! One address of an upstream, as the whole process sees it.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

use super::balance::PeakEwma;
use super::discovery::Spot;
use super::discovery::answers::is_local;
use super::record::Record;
use super::standing::Verdict;
use super::tally::Tallies;
use super::{Moment, Standing};
use crate::config::model::{EndpointAddress, ProxyProtocolVersion, Upstream as Model, UpstreamProtocol};
use crate::tls::ClientTls;

/// What makes two endpoints of two configs the same one: then connections, health and numbers are carried over.
#[derive(Clone, Debug)]
pub struct EndpointIdentity {
    /// The upstream it belongs to. The same address in two upstreams is two endpoints: their policies differ.
    pub upstream: Arc<str>,
    /// How it is named.
    pub address: EndpointAddress,
    /// Which of the addresses of that name.
    pub at: Option<SocketAddr>,
    /// How it is spoken to.
    pub protocol: UpstreamProtocol,
    /// What a new connection begins with.
    pub proxy_protocol: Option<ProxyProtocolVersion>,
    /// TLS to it.
    pub tls: Option<ClientTls>,
}

impl EndpointIdentity {
    /// Of what an upstream should have there.
    pub fn of(upstream: &Model, spot: &Spot, tls: Option<&ClientTls>) -> Self {
        Self {
            upstream: upstream.name.clone(),
            address: spot.address.clone(),
            at: spot.at,
            protocol: upstream.protocol,
            proxy_protocol: upstream.proxy_protocol,
            tls: tls.cloned(),
        }
    }

    /// The name for logs: the address where there is one, else what it is named by.
    pub fn label(&self) -> String {
        self.at.map_or_else(|| self.address.to_string(), |at| at.to_string())
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
            && self.at == other.at
            && self.protocol == other.protocol
            && self.proxy_protocol == other.proxy_protocol
    }
}

/// An endpoint. Its numbers are the process's, not a worker's.
#[derive(Debug)]
pub struct Endpoint {
    /// Who it is.
    pub identity: EndpointIdentity,
    /// The name for logs: `127.0.0.1:9000`, whatever the name that has this address.
    pub label: Arc<str>,
    /// What `Host` says where the client's host is not preserved.
    pub host: Box<str>,
    /// Where to connect to, one after the other until one takes it; none where its name has no address.
    pub addresses: Box<[SocketAddr]>,
    /// Whether it should get exchanges.
    pub standing: Standing,
    /// How fast it answers, for `least_time`.
    pub speed: PeakEwma,
    /// What its exchanges came to.
    pub record: Record,
    /// What came of the attempts at it, counted.
    pub tallies: Tallies,
    in_flight: AtomicUsize,
    connections: AtomicUsize,
}

impl Endpoint {
    /// An endpoint that carries nothing yet.
    pub fn new(identity: EndpointIdentity) -> Arc<Self> {
        Arc::new(Self {
            host: host(&identity.address, identity.tls.is_some()).into(),
            label: identity.label().into(),
            addresses: addresses(&identity),
            identity,
            standing: Standing::default(),
            speed: PeakEwma::default(),
            record: Record::default(),
            tallies: Tallies::default(),
            in_flight: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
        })
    }

    /// Whether it stands for a name that has no address: nobody can connect to it.
    pub fn is_unresolved(&self) -> bool {
        self.addresses.is_empty() && !matches!(self.identity.address, EndpointAddress::Unix(_))
    }

    /// Takes the word of probes, as [`Standing::set_probe`] does. One that was gone and is there again has a new record.
    pub fn set_probe(&self, verdict: Verdict, reason: &'static str, now: Moment) -> bool {
        let was_down = self.standing.verdict() == Verdict::Down;
        let changed = self.standing.set_probe(verdict, reason, now);
        if was_down && verdict == Verdict::Up {
            self.record.begin_anew();
        }
        changed
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

fn addresses(identity: &EndpointIdentity) -> Box<[SocketAddr]> {
    match (&identity.address, identity.at) {
        (EndpointAddress::Ip(address), _) => Box::new([*address]),
        (_, Some(at)) => Box::new([at]),
        (EndpointAddress::Name { host, port }, None) if is_local(host) => {
            Box::new([(Ipv4Addr::LOCALHOST, *port).into(), (Ipv6Addr::LOCALHOST, *port).into()])
        }
        _ => Box::new([]),
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
        EndpointAddress::Service(name) => name.clone(),
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
