//! Every problem of the TLS sections of a config at once, for `tidegate check`.

use super::client::{ClientTls, alpn_of, alpn_of_collector};
use super::problem::{TlsProblem, TlsProblemKind as Kind};
use super::server::ServerTls;
use crate::config::model::{EndpointAddress, HostPattern, Listener, Model, Tracing, Upstream, UpstreamTls};

/// Reads every file that a TLS section names and says what is wrong, errors and warnings, in the order of the file.
pub fn problems(model: &Model) -> Vec<TlsProblem> {
    let listeners = model.listeners.iter().enumerate().flat_map(|(at, listener)| of_listener(model, at, listener));
    let upstreams = model.upstreams.iter().flat_map(of_upstream);
    let collector = model.tracing.iter().flat_map(of_collector);
    listeners.chain(upstreams).chain(collector.map(|problem| problem.within("tracing.tls"))).collect()
}

/// What is wrong with TLS to the collector of traces, with keys below `tls`.
pub fn of_collector(tracing: &Tracing) -> Vec<TlsProblem> {
    if tracing.endpoint.as_ref().is_none_or(|collector| !collector.tls) {
        return Vec::new();
    }
    let mut problems = ClientTls::compile(&tracing.tls, alpn_of_collector(tracing.protocol)).err().unwrap_or_default();
    if !tracing.tls.verify {
        problems.push(not_verified("the collector's certificate is"));
    }
    problems
}

fn not_verified(what: &str) -> TlsProblem {
    let message = format!("{what} not verified: whoever can reach the wire can read and change what passes");
    TlsProblem::new(Kind::NotVerified, "verify", message, "name the authority in `ca` instead")
}

fn of_listener(model: &Model, at: usize, listener: &Listener) -> Vec<TlsProblem> {
    let Some(tls) = &listener.tls else { return Vec::new() };
    let table = format!("listeners.{}.tls", listener.name);
    let problems = match ServerTls::compile(tls, None, listener.http2) {
        Err(problems) => problems,
        Ok(tls) => tls.warnings().iter().cloned().chain(hosts_not_covered(model, at, &tls)).collect(),
    };
    problems.into_iter().map(|problem| problem.within(&table)).collect()
}

/// Hosts of routes that this listener answers with 421, whatever certificate it chooses.
fn hosts_not_covered(model: &Model, listener: usize, tls: &ServerTls) -> Vec<TlsProblem> {
    let covered = |host: &str| tls.certificates().iter().any(|certificate| certificate.names().covers(host));
    let mut problems = Vec::new();
    for route in model.routes.iter().filter(|route| route.listeners.contains(&listener)) {
        for host in &route.hosts {
            let HostPattern::Exact(host) = host else { continue };
            if !covered(host) && !super::session::is_localhost(host) {
                let message = format!(
                    "no certificate has the name {host} of route {:?}, so its requests are answered 421",
                    route.name
                );
                let help = "add a certificate with that name, or take the host or the listener off the route";
                problems.push(TlsProblem::new(Kind::HostNotCovered, "certificates", message, help));
            }
        }
    }
    problems
}

fn of_upstream(upstream: &Upstream) -> Vec<TlsProblem> {
    let Some(tls) = &upstream.tls else { return Vec::new() };
    let table = format!("upstreams.{}.tls", upstream.name);
    let mut problems = ClientTls::compile(tls, alpn_of(upstream.protocol)).err().unwrap_or_default();
    problems.extend(without_name(upstream, tls));
    if !tls.verify {
        problems.push(not_verified("certificates of this upstream are"));
    }
    problems.into_iter().map(|problem| problem.within(&table)).collect()
}

fn without_name(upstream: &Upstream, tls: &UpstreamTls) -> Option<TlsProblem> {
    let unix = |address: &EndpointAddress| matches!(address, EndpointAddress::Unix(_));
    let endpoint = upstream.endpoints.iter().find(|endpoint| unix(&endpoint.address))?;
    tls.server_name.is_none().then(|| {
        let message = format!("the endpoint {} has no name to verify its certificate against", endpoint.address);
        TlsProblem::new(Kind::NoServerName, "server_name", message, "set `server_name` to the name in its certificate")
    })
}
