//! The config in force and what became of it, as JSON. Values of header rules, bodies and keys are never shown.

use serde_json::{Value, json};

use super::surface::{EndpointState, World};
use crate::config::model::{
    AccessSink, Action, Endpoint, ListenAddress, Listener, ListenerTls, Model, PathMatch, Route, Upstream,
    UpstreamProtocol, ValueMatch,
};
use crate::observe::metrics::Totals;
use crate::observe::rfc3339;

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
    })
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
        let live = live(&upstream.name);
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
            "endpoints": upstream.endpoints.iter().map(|one| endpoint(one, &live)).collect::<Vec<_>>(),
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

fn endpoint(endpoint: &Endpoint, live: &[EndpointState]) -> Value {
    let address = endpoint.address.to_string();
    let live = live.iter().find(|live| live.address == address);
    json!({
        "address": address,
        "weight": endpoint.weight,
        "backup": endpoint.backup,
        "state": live.map(|live| live.state),
        "reason": live.map(|live| live.reason).filter(|reason| !reason.is_empty()),
        "in_flight": live.map(|live| live.in_flight),
    })
}

/// `/api/routes`
pub(crate) fn routes(model: &Model, totals: &Totals) -> Value {
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
            "query": route.query.iter().map(|(name, value)| condition(name, value)).collect::<Vec<_>>(),
            "action": action(&route.action, model),
            "requests": counted.requests,
            "client_errors": counted.client_errors,
            "server_errors": counted.server_errors,
            "request_bytes": counted.request_bytes,
            "response_bytes": counted.response_bytes,
        })
    };
    model.routes.iter().map(one).collect()
}

fn path(path: &PathMatch) -> Value {
    match path {
        PathMatch::Exact(path) => json!({ "exact": path }),
        PathMatch::Prefix(prefix) => json!({ "prefix": prefix }),
        PathMatch::Regex(regex) => json!({ "regex": regex.as_str() }),
    }
}

/// The name, and whether a certain value is asked for. The value may be a secret that clients show.
fn condition(name: &str, value: &ValueMatch) -> Value {
    json!({ "name": name, "value": match value { ValueMatch::Any => "any", ValueMatch::Exact(_) => "one" } })
}

fn action(action: &Action, model: &Model) -> Value {
    let upstream = |place: usize| model.upstreams.get(place).map(|upstream| &*upstream.name);
    match action {
        Action::Upstream(place) => json!({ "upstream": upstream(*place) }),
        Action::Split(split) => {
            let arms =
                split.arms.iter().map(|(place, weight)| json!({ "upstream": upstream(*place), "weight": weight }));
            json!({ "split": arms.collect::<Vec<_>>() })
        }
        Action::Redirect(redirect) => {
            json!({ "redirect": { "to": redirect.to.to_string(), "status": redirect.status.as_u16() } })
        }
        Action::Respond(respond) => json!({ "respond": { "status": respond.status.as_u16() } }),
        Action::Files(files) => json!({ "files": { "root": files.root.display().to_string() } }),
    }
}
