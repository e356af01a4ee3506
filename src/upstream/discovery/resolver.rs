//! Asks name servers, and `/etc/hosts` before them. What is cached here is nothing: who asks keeps the answer for its TTL.

use std::fmt;
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts};
use hickory_resolver::lookup::Lookup;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, RecordType};

use super::answers::ServiceRecord;
use crate::config::model::{self, AddressFamily};

/// Why there is no answer. The last one stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LookupFailure {
    /// There is no such name.
    NxDomain,
    /// The name is there, but has no record of the kind.
    NoRecords,
    /// The name server says that it could not find out.
    ServFail,
    /// The name server does not want to be asked.
    Refused,
    /// No name server answered in time.
    Timeout,
    /// Anything else: no way to a name server, or nonsense from it.
    Failed,
}

impl LookupFailure {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::NxDomain, Self::NoRecords, Self::ServFail, Self::Refused, Self::Timeout, Self::Failed];

    /// The word for logs and metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Self::NxDomain => "nxdomain",
            Self::NoRecords => "no_records",
            Self::ServFail => "servfail",
            Self::Refused => "refused",
            Self::Timeout => "timeout",
            Self::Failed => "failed",
        }
    }
}

impl fmt::Display for LookupFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.label())
    }
}

/// An answer, and for how long it is good.
pub type Answer<T> = (Vec<T>, Duration);

/// Looks names up.
#[derive(Debug)]
pub struct Resolver {
    inner: TokioResolver,
    family: AddressFamily,
    timeout: Duration,
}

impl Resolver {
    /// By the config, and where that names no servers by `/etc/resolv.conf`.
    ///
    /// # Errors
    /// Where the system's own config cannot be read: then this machine is asked, as the C library does.
    pub fn new(settings: &model::Resolver) -> (Self, Option<String>) {
        let (mut config, mut options, problem) = system();
        if !settings.nameservers.is_empty() {
            let (domain, search, _) = config.into_parts();
            let servers = settings.nameservers.iter().map(|address| server(*address)).collect();
            config = ResolverConfig::from_parts(domain, search, servers);
        }
        options.cache_size = 0;
        options.use_hosts_file = if settings.hosts_file { ResolveHosts::Always } else { ResolveHosts::Never };
        // Room for a second try within the time.
        options.timeout = options.timeout.min(settings.timeout / 2).max(Duration::from_millis(1));
        let mut builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
        *builder.options_mut() = options;
        let problem = problem.filter(|_| settings.nameservers.is_empty());
        let inner = builder.build().expect("only TLS and trust anchors can fail, and there are none");
        (Self { inner, family: settings.family, timeout: settings.timeout }, problem)
    }

    /// The addresses of a name, sorted, as far as this machine has a way to them.
    ///
    /// # Errors
    /// [`LookupFailure`]. Where only one family has none or does not answer, `known` stands in for it.
    pub async fn addresses(&self, host: &str, known: &[IpAddr]) -> Result<Answer<IpAddr>, LookupFailure> {
        let name = name(host)?;
        let (four, six) = match self.family {
            AddressFamily::Any => {
                tokio::join!(self.ask(name.clone(), RecordType::A), self.ask(name, RecordType::AAAA))
            }
            AddressFamily::Ipv4 => (self.ask(name, RecordType::A).await, Err(LookupFailure::NoRecords)),
            AddressFamily::Ipv6 => (Err(LookupFailure::NoRecords), self.ask(name, RecordType::AAAA).await),
        };
        let known = |four: bool| known.iter().copied().filter(move |one| one.is_ipv4() == four);
        let (mut found, ttl) = both(family(four, known(true)), family(six, known(false)))?;
        found.sort_unstable();
        found.dedup();
        let reachable: Vec<_> = found.iter().copied().filter(|address| has_route(*address)).collect();
        Ok((if reachable.is_empty() { found } else { reachable }, ttl))
    }

    /// The records of a service, sorted. None at all where it says that it is not there (RFC 2782: the target is the root).
    ///
    /// # Errors
    /// [`LookupFailure`]
    pub async fn service(&self, service: &str) -> Result<Answer<ServiceRecord>, LookupFailure> {
        let found = self.ask(name(service)?, RecordType::SRV).await?;
        let record = |data: &RData| match data {
            RData::SRV(srv) if !srv.target.is_root() => Some(ServiceRecord {
                priority: srv.priority,
                weight: srv.weight,
                host: srv.target.to_lowercase().to_ascii(),
                port: srv.port,
            }),
            _ => None,
        };
        let mut records: Vec<_> = found.answers().iter().filter_map(|answer| record(&answer.data)).collect();
        records.sort_unstable();
        records.dedup();
        Ok((records, ttl(&found)))
    }

    async fn ask(&self, name: Name, kind: RecordType) -> Result<Lookup, LookupFailure> {
        let asked = tokio::time::timeout(self.timeout, self.inner.lookup(name, kind)).await;
        let found = asked.map_err(|_| LookupFailure::Timeout)?.map_err(|error| meaning(&error))?;
        let has = found.answers().iter().any(|answer| answer.record_type() == kind);
        if has { Ok(found) } else { Err(LookupFailure::NoRecords) }
    }
}

/// The system's config, or why it is not to be had.
fn system() -> (ResolverConfig, ResolverOpts, Option<String>) {
    match hickory_resolver::system_conf::read_system_conf() {
        Ok((config, options)) => (config, options, None),
        Err(error) => {
            let here = ResolverConfig::from_name_servers(vec![server(SocketAddr::from(([127, 0, 0, 1], 53)))]);
            (here, ResolverOpts::default(), Some(error.to_string()))
        }
    }
}

fn server(address: SocketAddr) -> NameServerConfig {
    let mut server = NameServerConfig::udp_and_tcp(address.ip());
    server.connections.iter_mut().for_each(|connection| connection.port = address.port());
    server
}

fn name(text: &str) -> Result<Name, LookupFailure> {
    Name::from_ascii(text).map_err(|_| LookupFailure::Failed)
}

/// The least of all records: an alias may change earlier than what it leads to.
fn ttl(found: &Lookup) -> Duration {
    let least = found.answers().iter().map(|answer| answer.ttl).min().unwrap_or(0);
    Duration::from_secs(u64::from(least))
}

/// What one family's answer comes to: none of that kind is an answer as well; no answer is what was known.
type Family = Result<(Vec<IpAddr>, Option<Duration>), LookupFailure>;

fn family(found: Result<Lookup, LookupFailure>, known: impl Iterator<Item = IpAddr>) -> Family {
    match found {
        Ok(found) => {
            let address = |data: &RData| match data {
                RData::A(address) => Some(IpAddr::V4(address.0)),
                RData::AAAA(address) => Some(IpAddr::V6(address.0)),
                _ => None,
            };
            let ttl = ttl(&found);
            Ok((found.answers().iter().filter_map(|answer| address(&answer.data)).collect(), Some(ttl)))
        }
        Err(failure @ (LookupFailure::NxDomain | LookupFailure::NoRecords)) => Err(failure),
        Err(failure) => {
            let known: Vec<_> = known.collect();
            if known.is_empty() { Err(failure) } else { Ok((known, None)) }
        }
    }
}

/// Both together. Without a single new answer it is a failure, and the worse one is told.
fn both(four: Family, six: Family) -> Result<Answer<IpAddr>, LookupFailure> {
    let fresh = [&four, &six].into_iter().flatten().filter_map(|(_, ttl)| *ttl).min();
    let Some(ttl) = fresh else {
        let failures = [four.err(), six.err()];
        return Err(failures.into_iter().flatten().max().unwrap_or(LookupFailure::Timeout));
    };
    let found = [four, six].into_iter().flatten().flat_map(|(found, _)| found);
    Ok((found.collect(), ttl))
}

/// Whether the system knows a way there; connecting a UDP socket looks, and sends nothing.
fn has_route(address: IpAddr) -> bool {
    let any: SocketAddr = match address {
        IpAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
        IpAddr::V6(_) => (std::net::Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    UdpSocket::bind(any).and_then(|socket| socket.connect((address, 9))).is_ok()
}

fn meaning(error: &NetError) -> LookupFailure {
    match error {
        NetError::Timeout => LookupFailure::Timeout,
        NetError::Dns(DnsError::NoRecordsFound(none)) => code(none.response_code).unwrap_or(LookupFailure::NoRecords),
        NetError::Dns(DnsError::ResponseCode(response)) => code(*response).unwrap_or(LookupFailure::Failed),
        _ => LookupFailure::Failed,
    }
}

fn code(code: ResponseCode) -> Option<LookupFailure> {
    match code {
        ResponseCode::NXDomain => Some(LookupFailure::NxDomain),
        ResponseCode::ServFail => Some(LookupFailure::ServFail),
        ResponseCode::Refused => Some(LookupFailure::Refused),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_family_may_fail_while_the_other_answers() {
        use LookupFailure::{NoRecords, NxDomain, ServFail, Timeout};
        let address = |text: &str| text.parse::<IpAddr>().expect("an address");
        let new = |text: &str, ttl| Ok((vec![address(text)], Some(Duration::from_secs(ttl))));
        let old = |text: &str| Ok((vec![address(text)], None));
        type Expected = Result<(&'static str, u64), LookupFailure>;
        let cases: [(Family, Family, Expected); 8] = [
            (new("10.0.0.1", 5), new("fd00::1", 3), Ok(("10.0.0.1 fd00::1", 3))),
            (new("10.0.0.1", 5), Err(NoRecords), Ok(("10.0.0.1", 5))),
            (new("10.0.0.1", 5), Err(Timeout), Ok(("10.0.0.1", 5))),
            (new("10.0.0.1", 5), old("fd00::1"), Ok(("10.0.0.1 fd00::1", 5))),
            (old("10.0.0.1"), Err(NoRecords), Err(NoRecords)),
            (old("10.0.0.1"), old("fd00::1"), Err(Timeout)),
            (Err(NxDomain), Err(NxDomain), Err(NxDomain)),
            (Err(ServFail), Err(NoRecords), Err(ServFail)),
        ];
        for (four, six, expected) in cases {
            let what = format!("{four:?} {six:?}");
            let found = both(four, six).map(|(found, ttl)| {
                (found.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "), ttl.as_secs())
            });
            assert_eq!(found, expected.map(|(text, ttl)| (text.to_owned(), ttl)), "{what}");
        }
    }

    #[test]
    fn loopback_has_a_route() {
        assert!(has_route(IpAddr::from([127, 0, 0, 2])));
    }
}
