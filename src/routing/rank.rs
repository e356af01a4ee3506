//! The rule by which routes win, said once, slowly and readably, over the config model.
//!
//! Requests never come here: [`super::Router`] says the same faster. What explains a decision does, and the property tests.

use std::cmp::Reverse;

use super::Lookup;
use super::condition::{cookie_holds, header_holds, predicates, query_holds};
use super::host::{self, HostBuffer};
use crate::config::model::{HostPattern, PathMatch, Route};
use crate::http::normal::{covers, normal};

/// How well a route fits a request that it takes; the greatest wins. The order of the fields is the rule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rank {
    /// First the host.
    pub host: HostFit,
    /// Then the path.
    pub path: PathFit,
    /// Then the number of predicates: methods together, each header field, each cookie, each query parameter.
    pub predicates: usize,
    /// Then the place in the config.
    pub place: Reverse<usize>,
}

/// By which host a route fits, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum HostFit {
    /// It names no host.
    Any,
    /// A wildcard, by the length of what follows the `*.`
    Wildcard(usize),
    /// The host itself.
    Exact,
}

/// By which path a route fits, the worst first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PathFit {
    /// It names no path, or the prefix `/`, which is the same.
    Any,
    /// A regex.
    Regex,
    /// A prefix, by its length.
    Prefix(usize),
    /// The path itself.
    Exact,
}

/// Why a route does not take a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Miss {
    /// It is not on this listener.
    Listener,
    /// None of its hosts fits.
    Host,
    /// Its path does not fit.
    Path,
    /// The method is none of its own.
    Method,
    /// No field of that name has the value; by its place in the route.
    Header(usize),
    /// No cookie of that name has the value; by its place in the route.
    Cookie(usize),
    /// No parameter of that name has the value; by its place in the route.
    Query(usize),
}

/// How well the route at `place` fits.
///
/// # Errors
/// Everything that does not fit.
pub fn judge(place: usize, route: &Route, lookup: &Lookup<'_>) -> Result<Rank, Vec<Miss>> {
    let (host, path) = (host_fit(&route.hosts, lookup.host), path_fit(&route.path, lookup.path));
    let mut misses = Vec::new();
    let mut miss = |missed: bool, what: Miss| missed.then(|| misses.push(what));
    miss(!route.listeners.contains(&lookup.listener), Miss::Listener);
    miss(host.is_none(), Miss::Host);
    miss(path.is_none(), Miss::Path);
    miss(!route.methods.is_empty() && !route.methods.contains(lookup.method), Miss::Method);
    for (at, (name, wanted)) in route.headers.iter().enumerate() {
        miss(!header_holds(name, wanted, lookup), Miss::Header(at));
    }
    for (at, (name, wanted)) in route.cookies.iter().enumerate() {
        miss(!cookie_holds(name, wanted, lookup), Miss::Cookie(at));
    }
    for (at, (name, wanted)) in route.query.iter().enumerate() {
        miss(!query_holds(name, wanted, lookup), Miss::Query(at));
    }
    match (host, path) {
        (Some(host), Some(path)) if misses.is_empty() => {
            Ok(Rank { host, path, predicates: predicates(route), place: Reverse(place) })
        }
        _ => Err(misses),
    }
}

/// The best fit of these hosts; no hosts fit any.
pub fn host_fit(patterns: &[HostPattern], authority: &str) -> Option<HostFit> {
    let mut room = HostBuffer::new();
    let host = room.normal(authority);
    let fit = |pattern: &HostPattern| match pattern {
        HostPattern::Exact(exact) => (*host::normal(exact) == *host).then_some(HostFit::Exact),
        HostPattern::Wildcard(suffix) => {
            let suffix = host::normal(suffix);
            let before = host.strip_suffix(&*suffix).and_then(|rest| rest.strip_suffix(b"."));
            before.is_some_and(|label| !label.is_empty()).then_some(HostFit::Wildcard(suffix.len()))
        }
    };
    if patterns.is_empty() { Some(HostFit::Any) } else { patterns.iter().filter_map(fit).max() }
}

fn path_fit(wanted: &PathMatch, path: &str) -> Option<PathFit> {
    let [mut room, mut wanted_room] = [String::new(), String::new()];
    let path = normal(path, &mut room);
    match wanted {
        PathMatch::Exact(exact) => (normal(exact, &mut wanted_room) == path).then_some(PathFit::Exact),
        PathMatch::Prefix(prefix) if prefix == "/" => Some(PathFit::Any),
        PathMatch::Prefix(prefix) => {
            let prefix = normal(prefix, &mut wanted_room);
            covers(prefix, path).then_some(PathFit::Prefix(prefix.len()))
        }
        PathMatch::Regex(regex) => regex.is_match(path).then_some(PathFit::Regex),
    }
}
