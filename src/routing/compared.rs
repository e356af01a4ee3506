//! Which route takes a request in one config, and which in another.
//!
//! Both are asked about one request for each route that either has: the plainest one that the route is for. So a route that takes another one's
//! requests away shows, whatever the keys are that made it do so.

use std::sync::Arc;

use http::header::COOKIE;
use http::{HeaderMap, Method};

use super::{Lookup, Router};
use crate::config::model::{HostPattern, Model, PathMatch, Route, ValueMatch};
use crate::http::Headers;

/// A request, and who takes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Taken {
    /// `GET example.com/api`
    pub request: String,
    /// The listener by which it comes.
    pub listener: Arc<str>,
    /// The place of the route that takes it in the old config; none: nobody does.
    pub old: Option<usize>,
    /// Likewise in the new one.
    pub new: Option<usize>,
}

/// Who takes the requests that the routes of either config are for, by the listeners that both have.
pub fn compared(old: &Model, new: &Model) -> Vec<Taken> {
    let routers = [old, new].map(|model| (model, Router::compile(&model.routes, model.listeners.len())));
    let mut compared = Vec::new();
    for listener in &old.listeners {
        let name = &listener.name;
        if new.listeners.iter().all(|one| one.name != *name) {
            continue;
        }
        let mut asked: Vec<_> = [old, new].into_iter().flat_map(|model| samples(model, name)).collect();
        asked.sort_by(|one, other| one.shown.cmp(&other.shown));
        asked.dedup_by(|one, other| one.shown == other.shown);
        for sample in asked {
            let [old, new] = routers.each_ref().map(|(model, router)| taken(model, router, name, &sample));
            compared.push(Taken { request: sample.shown, listener: name.clone(), old, new });
        }
    }
    compared
}

/// A request.
struct Sample {
    method: Method,
    host: String,
    path: String,
    query: Option<String>,
    headers: Headers,
    shown: String,
}

/// One for each route of that listener; a path that a regular expression describes is not made up.
fn samples<'m>(model: &'m Model, listener: &str) -> impl Iterator<Item = Sample> + 'm {
    let place = model.listeners.iter().position(|one| &*one.name == listener);
    model
        .routes
        .iter()
        .filter(move |route| place.is_some_and(|place| route.listeners.contains(&place)))
        .filter_map(sample)
}

fn sample(route: &Route) -> Option<Sample> {
    let path = match &route.path {
        PathMatch::Exact(path) | PathMatch::Prefix(path) => path.clone(),
        PathMatch::Regex(_) => return None,
    };
    let host = route.hosts.first().map_or_else(
        || "any.host".to_owned(),
        |host| match host {
            HostPattern::Exact(host) => host.clone(),
            HostPattern::Wildcard(suffix) => format!("any.{suffix}"),
        },
    );
    let query = pairs(&route.query)?;
    let query = (!query.is_empty()).then(|| query.join("&"));
    let mut fields = Vec::with_capacity(route.headers.len() + 1);
    for (name, wanted) in &route.headers {
        fields.extend(value(wanted)?.map(|value| (name.clone(), value)));
    }
    let cookies = pairs(&route.cookies)?;
    if !cookies.is_empty() {
        fields.push((COOKIE, cookies.join("; ")));
    }
    let mut headers = HeaderMap::new();
    for (name, text) in &fields {
        headers.append(name.clone(), text.parse().ok()?);
    }
    let method = route.methods.first().cloned().unwrap_or(Method::GET);
    let question = query.as_ref().map_or_else(String::new, |query| format!("?{query}"));
    let mut shown = format!("{method} {}{path}{question}", if route.hosts.is_empty() { "" } else { &host });
    for (name, text) in &fields {
        shown.push_str(&format!(" {name}: {text}"));
    }
    Some(Sample { method, host, path, query, headers: headers.into_iter().filter_map(named).collect(), shown })
}

/// A value that is as wanted: `Some(None)` is none at all, `None` one that is not made up.
fn value(wanted: &ValueMatch) -> Option<Option<String>> {
    match wanted {
        ValueMatch::Any => Some(Some("any".to_owned())),
        ValueMatch::Exact(text) => Some(Some(text.clone())),
        ValueMatch::Absent => Some(None),
        ValueMatch::Regex(_) => None,
    }
}

/// `name=value` for each that is there.
fn pairs(wanted: &[(String, ValueMatch)]) -> Option<Vec<String>> {
    let mut pairs = Vec::with_capacity(wanted.len());
    for (name, wanted) in wanted {
        pairs.extend(value(wanted)?.map(|value| format!("{name}={value}")));
    }
    Some(pairs)
}

fn named(
    (name, value): (Option<http::HeaderName>, http::HeaderValue),
) -> Option<(http::HeaderName, http::HeaderValue)> {
    Some((name?, value))
}

/// The place of the route that takes it.
fn taken(model: &Model, router: &Router, listener: &str, sample: &Sample) -> Option<usize> {
    let listener = model.listeners.iter().position(|one| &*one.name == listener)?;
    let found = router.find(&Lookup {
        listener,
        host: &sample.host,
        path: &sample.path,
        query: sample.query.as_deref(),
        method: &sample.method,
        headers: &sample.headers,
    });
    found.map(|route| route.place())
}
