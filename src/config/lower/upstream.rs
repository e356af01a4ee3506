//! `[upstreams.NAME]`

use std::collections::HashMap;

use super::balance;
use super::traffic;
use crate::config::fields::Fields;
use crate::config::found::Found;
use crate::config::model::{CertificateFiles, Discovery, Endpoint, EndpointAddress, Upstream, UpstreamTls};
use crate::config::problem::{Problem, ProblemKind};
use crate::config::scalar::{self, Wrong};

pub(super) fn upstreams(root: &Fields<'_>) -> Vec<Upstream> {
    let Some(found) = root.find("upstreams") else { return Vec::new() };
    let one = |(entry, found): (&crate::config::raw::Entry, Found<'_>)| {
        super::check::name(&found, entry);
        found.section().map(|at| upstream(&entry.key, &at))
    };
    found.named().into_iter().filter_map(one).collect()
}

fn upstream(name: &str, at: &Fields<'_>) -> Upstream {
    let upstream = Upstream {
        name: name.into(),
        endpoints: listed(at),
        discovery: Discovery { file: at.find("endpoints_file").and_then(|found| found.path()) },
        protocol: at.word("protocol"),
        balance: at.word("balance"),
        spread: balance::spread(at, at.word("balance")),
        connect_timeout: at.duration("connect_timeout"),
        response_timeout: at.duration("response_timeout"),
        response_body_timeout: at.duration("response_body_timeout"),
        write_timeout: at.duration("write_timeout"),
        idle_timeout: at.duration("idle_timeout"),
        max_idle: at.count("max_idle"),
        max_connections: at.count("max_connections"),
        max_response_head_size: usize::try_from(at.size("max_response_head_size")).unwrap_or(usize::MAX),
        unknown_transfer_codings: at.boolean("unknown_transfer_codings"),
        proxy_protocol: at.word("proxy_protocol"),
        tls: at.section("tls").map(|at| tls(&at)),
        retry: traffic::retry(at),
        capacity: traffic::capacity(at),
        outlier: balance::outlier(at),
        health: at.section("health").map(|at| super::health::health(&at)),
    };
    super::health::fits_protocol(&upstream, at);
    upstream
}

/// `endpoints`, which may be absent or empty where a file has some.
fn listed(at: &Fields<'_>) -> Vec<Endpoint> {
    let alone = at.find("endpoints_file").is_none();
    let found = if alone { at.required("endpoints") } else { at.find("endpoints") };
    let Some(found) = found else { return Vec::new() };
    if alone && matches!(&found.node.shape, crate::config::raw::Shape::List(list) if list.is_empty()) {
        found.wrong(Wrong::new("an upstream needs an endpoint", "such as endpoints = [\"127.0.0.1:9000\"]"));
    }
    endpoints(&found)
}

pub(super) fn endpoints(found: &Found<'_>) -> Vec<Endpoint> {
    let items = found.items();
    let mut seen = HashMap::new();
    let mut endpoints = Vec::new();
    for item in items {
        let Some(endpoint) = endpoint(&item) else { continue };
        if let Some(first) = seen.insert(endpoint.address.clone(), item.node.span) {
            let message = format!("{} is listed twice", endpoint.address);
            let problem = Problem::error(ProblemKind::Conflict, item.path.clone(), message);
            let problem = problem.help("for a larger share give it a `weight`").related(first, "first listed here");
            item.scope.report(problem.at(item.node.span));
        }
        endpoints.push(endpoint);
    }
    endpoints
}

fn endpoint(item: &Found<'_>) -> Option<Endpoint> {
    if item.is_text() {
        return Some(Endpoint { address: address(item)?, weight: 1, backup: false, zone: None });
    }
    let at = item.section()?;
    let (weight, backup) = (at.count("weight"), at.boolean("backup"));
    let zone = balance::zone(&at);
    Some(Endpoint { address: address(&at.required("address")?)?, weight, backup, zone })
}

fn address(found: &Found<'_>) -> Option<EndpointAddress> {
    Some(match found.parsed(scalar::endpoint_address)? {
        EndpointAddress::Unix(path) => {
            EndpointAddress::Unix(found.scope.sources.resolve(found.node.span.file, &path.to_string_lossy()))
        }
        other => other,
    })
}

pub(super) fn tls(at: &Fields<'_>) -> UpstreamTls {
    let (verify, ca) = (at.boolean("verify"), at.file("ca"));
    if let Some(found) = at.find("ca").filter(|_| !verify) {
        found.no_effect("`ca` has no effect: nothing is verified", "remove verify = false");
    }
    for (one, other) in [("cert", "key"), ("key", "cert")] {
        if let Some(found) = at.find(one).filter(|_| at.find(other).is_none()) {
            found
                .conflict(format!("`{one}` needs `{other}`"), "a client certificate is a chain and its key: give both");
        }
    }
    let (cert, key) = (at.file("cert"), at.file("key"));
    UpstreamTls {
        verify,
        ca,
        server_name: at.parsed("server_name", scalar::certificate_name),
        certificate: cert.zip(key).map(|(cert, key)| CertificateFiles { cert, key }),
        min_version: at.word("min_version"),
    }
}
