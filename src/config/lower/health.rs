//! `[upstreams.NAME.health]`

use std::time::Duration;

use crate::config::fields::Fields;
use crate::config::model::{Health, HealthProbe, HttpProbe, Upstream, UpstreamProtocol};
use crate::config::scalar;
use crate::config::words::ProbeType;

/// Keys that belong to some types only.
const OF_TYPES: [(&str, &[ProbeType]); 5] = [
    ("path", &[ProbeType::Http]),
    ("host", &[ProbeType::Http, ProbeType::Grpc]),
    ("status", &[ProbeType::Http]),
    ("body", &[ProbeType::Http]),
    ("service", &[ProbeType::Grpc]),
];

pub(super) fn health(at: &Fields<'_>) -> Health {
    let kind: ProbeType = at.word("type");
    for (key, types) in OF_TYPES {
        if let Some(found) = at.find(key).filter(|_| !types.contains(&kind)) {
            found.no_effect(format!("`{key}` has no effect on a probe of this type"), "remove it, or change `type`");
        }
    }
    let (path, host) = (at.parsed("path", scalar::request_target), at.parsed("host", scalar::authority));
    let (status, service) = (at.list("status", scalar::status_range), at.parsed("service", |text| Ok(text.to_owned())));
    let body = at.parsed("body", |text| Ok(text.to_owned())).filter(|text| !text.is_empty());
    if let Some(found) = at.find("status").filter(|found| found.items().is_empty()) {
        found.conflict("no status would ever pass", "such as status = [\"200-299\"]");
    }
    let probe = match kind {
        ProbeType::Http => HealthProbe::Http(HttpProbe { path: path.unwrap_or_default(), host, status, body }),
        ProbeType::Tcp => HealthProbe::Tcp,
        ProbeType::Grpc => HealthProbe::Grpc { host, service: service.unwrap_or_default() },
    };
    let (interval, timeout) = (some_time(at, "interval"), some_time(at, "timeout"));
    Health { probe, interval, timeout, rise: at.count("rise"), fall: at.count("fall") }
}

/// A time that is not zero.
fn some_time(at: &Fields<'_>, key: &str) -> Duration {
    let read = at.duration(key);
    if let Some(found) = at.find(key).filter(|_| read.is_none()) {
        found.conflict(format!("`{key}` cannot be zero"), "such as \"5s\"");
    }
    read.unwrap_or(Duration::from_secs(1))
}

/// gRPC is HTTP/2.
pub(super) fn fits_protocol(upstream: &Upstream, at: &Fields<'_>) {
    let grpc = upstream.health.as_ref().is_some_and(|health| matches!(health.probe, HealthProbe::Grpc { .. }));
    let http2 = match upstream.protocol {
        UpstreamProtocol::Http1 => false,
        UpstreamProtocol::H2 => true,
        UpstreamProtocol::Auto => upstream.tls.is_some(),
    };
    if let Some(found) = at.find("health").filter(|_| grpc && !http2) {
        found.conflict("probes of gRPC need an upstream of HTTP/2", "set protocol = \"h2\" for this upstream");
    }
}
