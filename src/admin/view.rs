//! The config in force and what became of it, as JSON. Values of header rules, bodies and keys are never shown.

use serde_json::{Value, json};

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use super::surface::{CertificateState, EndpointState, Surface, World};
use crate::config::model::{
    AccessSink, Action, Inject, ListenAddress, Listener, ListenerTls, Mirror, Model, PathMatch, Route, Upstream,
    UpstreamProtocol, ValueMatch,
};
use crate::observe::metrics::{Process, Totals};
use crate::observe::rfc3339;

/// `/api/status`
pub(crate) fn status(surface: &dyn Surface) -> Value {
    let (world, metrics) = (surface.world(), surface.metrics());
    let (totals, process) = (metrics.totals(), Process::read());
    let up = SystemTime::now().duration_since(metrics.started()).unwrap_or_default();
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "readiness": surface.readiness().label(),
        "generation": world.generation,
        "loaded_at": rfc3339(world.loaded),
        "started_at": rfc3339(metrics.started()),
        "uptime_seconds": up.as_secs(),
        "workers": metrics.workers(),
        "worker_busy_seconds": metrics.busy().iter().map(Duration::as_secs_f64).collect::<Vec<_>>(),
        "listeners": world.model.listeners.len(),
        "routes": world.model.routes.len(),
        "upstreams": world.model.upstreams.len(),
        "connections": totals.connections(),
        "in_flight": totals.in_flight(),
        "requests": totals.requests(),
        "resident_bytes": process.resident_bytes,
        "open_files": process.open_files,
        "max_files": process.max_files,
        "guard": *surface.chronicle().guard.borrow(),
    })
}

/// `/api/config`
pub(crate) fn config(world: &World) -> Value {
    let model = &*world.model;
    json!({
        "version": env!("CARGO_PKG_VERSION"),
        "generation": world.generation,
        "loaded_at": rfc3339(world.loaded),
        "files": model.files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>(),
        "access_log": match &model.log.access {
            AccessSink::Off => "off".to_owned(),
            AccessSink::Stdout => "stdout".to_owned(),
            AccessSink::File(path) => path.display().to_string(),
        },
        "drain_timeout_seconds": model.server.drain_timeout.as_secs_f64(),
        "listeners": model.listeners.iter().map(listener).collect::<Vec<_>>(),
        "upstreams": model.upstreams.iter().map(|upstream| &*upstream.name).collect::<Vec<_>>(),
        "routes": model.routes.iter().map(|route| &*route.name).collect::<Vec<_>>(),
        "config": *model.written,
    })
}

/// One of `/api/certificates`
pub(crate) fn certificate(certificate: &CertificateState) -> Value {
    let CertificateState { listener, names, source, not_after } = certificate;
    let left = not_after.duration_since(SystemTime::now());
    let days = match left {
        Ok(left) => left.as_secs() as i64 / 86_400,
        Err(past) => -1 - past.duration().as_secs() as i64 / 86_400,
    };
    json!({ "listener": &**listener, "names": names, "source": source, "not_after": rfc3339(*not_after), "days_left": days })
}

fn listener(listener: &Listener) -> Value {
    json!({
        "name": &*listener.name,
        "address": address(&listener.address),
        "tls": listener.tls.as_ref().map(tls),
        "http2": listener.http2,
        "proxy_protocol": listener.proxy_protocol,
        "redirect_to_https": listener.redirect_to_https,
        "max_connections": listener.limits.max_connections,
    })
}

/// `/api/listeners`
pub(crate) fn listeners(model: &Model, totals: &Totals) -> Value {
    let one = |one: &Listener| {
        let mut shown = listener(one);
        let counted = totals.listener(&one.name);
        shown["accepted"] = json!(counted.accepted);
        shown["connections"] = json!(counted.connections);
        shown["refused"] = json!(counted.refused);
        shown["in_flight"] = json!(counted.in_flight);
        shown["requests"] = json!(counted.requests);
        shown
    };
    model.listeners.iter().map(one).collect()
}

/// Where the certificates are, but not what is in them.
fn tls(tls: &ListenerTls) -> Value {
    json!({
        "certificates": tls.certificates.iter().map(|pair| pair.cert.display().to_string()).collect::<Vec<_>>(),
        "self_signed": tls.self_signed,
        "client_certificates": tls.client_auth.as_ref().map(|auth| if auth.required { "require" } else { "request" }),
    })
}

fn address(address: &ListenAddress) -> String {
    match address {
        ListenAddress::Tcp(address) => address.to_string(),
        ListenAddress::Unix(path) => format!("unix:{}", path.display()),
    }
}

/// `/api/upstreams`
pub(crate) fn upstreams(model: &Model, totals: &Totals, live: impl Fn(&str) -> Vec<EndpointState>) -> Value {
    let one = |upstream: &Upstream| {
        let counted = totals.upstream(&upstream.name);
        json!({
            "name": &*upstream.name,
            "protocol": match upstream.protocol {
                UpstreamProtocol::Http1 => "http/1.1",
                UpstreamProtocol::H2 => "h2",
                UpstreamProtocol::Auto => "auto",
            },
            "balance": upstream.balance.label(),
            "tls": upstream.tls.is_some(),
            "endpoints": live(&upstream.name).iter().map(endpoint).collect::<Vec<_>>(),
            "requests": counted.requests,
            "attempts": counted.attempts,
            "retries": counted.retries,
            "connects": counted.connects,
            "connect_failures": counted.connect_failures,
            "reused": counted.reused,
            "connections_open": counted.connections_open,
        })
    };
    model.upstreams.iter().map(one).collect()
}

fn endpoint(endpoint: &EndpointState) -> Value {
    json!({
        "address": endpoint.address,
        "name": endpoint.name,
        "weight": endpoint.weight,
        "backup": endpoint.backup,
        "zone": endpoint.zone.as_deref(),
        "state": endpoint.state,
        "reason": Some(endpoint.reason).filter(|reason| !reason.is_empty()),
        "ejected_for_seconds": endpoint.ejected_for,
        "ejections": endpoint.ejections,
        "probe_failure": endpoint.probe_failure,
        "in_flight": endpoint.in_flight,
        "connections": endpoint.connections,
        "latency_ms": endpoint.latency_ms,
        "attempts": endpoint.attempts,
        "failures": endpoint.failures,
    })
}

/// `/api/routes`
pub(crate) fn routes(model: &Model, totals: &Totals, weights: impl Fn(&str) -> Option<Vec<(Arc<str>, u32)>>) -> Value {
    let one = |route: &Route| {
        let counted = totals.route(&route.name);
        let listeners = route.listeners.iter().filter_map(|place| model.listeners.get(*place));
        json!({
            "name": &*route.name,
            "place": format!("{}:{}", route.place.file, route.place.line),
            "listeners": listeners.map(|listener| &*listener.name).collect::<Vec<_>>(),
            "hosts": route.hosts.iter().map(ToString::to_string).collect::<Vec<_>>(),
            "path": path(&route.path),
            "methods": route.methods.iter().map(|method| method.as_str()).collect::<Vec<_>>(),
            "headers": route.headers.iter().map(|(name, value)| condition(name.as_str(), value)).collect::<Vec<_>>(),
            "cookies": route.cookies.iter().map(|(name, value)| condition(name, value)).collect::<Vec<_>>(),
            "query": route.query.iter().map(|(name, value)| condition(name, value)).collect::<Vec<_>>(),
            "action": action(&route.action, model),
            "mirror": route.policies.mirror.as_ref().map(|one| mirror(one, model)),
            "inject": route.policies.inject.as_ref().map(inject),
            "weights_in_force": weights(&route.name).map(|weights| arms(&weights)),
            "requests": counted.requests,
            "client_errors": counted.client_errors,
            "server_errors": counted.server_errors,
            "request_bytes": counted.request_bytes,
            "response_bytes": counted.response_bytes,
            "durations": counted.durations,
        })
    };
    model.routes.iter().map(one).collect()
}

fn mirror(mirror: &Mirror, model: &Model) -> Value {
    let upstream = model.upstreams.get(mirror.upstream).map(|upstream| &*upstream.name);
    json!({ "upstream": upstream, "share": mirror.share.0, "max_requests": mirror.max_requests })
}

fn inject(inject: &Inject) -> Value {
    let delay = inject.delay.as_ref().map(|one| json!({ "ms": one.time.as_millis() as u64, "share": one.share.0 }));
    let abort = inject.abort.as_ref().map(|one| json!({ "status": one.status.as_u16(), "share": one.share.0 }));
    let headers = inject.headers.iter().map(|(name, value)| condition(name.as_str(), value)).collect::<Vec<_>>();
    json!({ "delay": delay, "abort": abort, "headers": headers })
}

/// Upstreams and their weights.
pub(crate) fn arms(weights: &[(Arc<str>, u32)]) -> Value {
    weights.iter().map(|(upstream, weight)| json!({ "upstream": &**upstream, "weight": weight })).collect()
}

fn path(path: &PathMatch) -> Value {
    match path {
        PathMatch::Exact(path) => json!({ "exact": path }),
        PathMatch::Prefix(prefix) => json!({ "prefix": prefix }),
        PathMatch::Regex(regex) => json!({ "regex": regex.as_str() }),
    }
}

/// The name, and what kind of value is asked for. The value may be a secret that clients show.
fn condition(name: &str, value: &ValueMatch) -> Value {
    let value = match value {
        ValueMatch::Any => "any",
        ValueMatch::Exact(_) => "one",
        ValueMatch::Absent => "none",
        ValueMatch::Regex(_) => "regex",
    };
    json!({ "name": name, "value": value })
}

fn action(action: &Action, model: &Model) -> Value {
    let upstream = |place: usize| model.upstreams.get(place).map(|upstream| &*upstream.name);
    match action {
        Action::Upstream(place) => json!({ "upstream": upstream(*place) }),
        Action::Split(split) => {
            let arms =
                split.arms.iter().map(|(place, weight)| json!({ "upstream": upstream(*place), "weight": weight }));
            let cookie = split.cookie.as_ref().map(|cookie| cookie.name.as_str());
            json!({ "split": arms.collect::<Vec<_>>(), "cookie": cookie })
        }
        Action::Redirect(redirect) => {
            json!({ "redirect": { "to": redirect.to.to_string(), "status": redirect.status.as_u16() } })
        }
        Action::Respond(respond) => json!({ "respond": { "status": respond.status.as_u16() } }),
        Action::Files(files) => json!({ "files": { "root": files.root.display().to_string() } }),
    }
}
