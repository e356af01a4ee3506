//! What only shows when sections are seen together.

use std::collections::{BTreeSet, HashMap};
use std::fmt::Write as _;

use super::names::Names;
use crate::config::fields::{Fields, Scope};
use crate::config::found::Found;
use crate::config::model::{HostPattern, ListenAddress, Model, PathMatch, Route, ValueMatch};
use crate::config::nearest::quoted;
use crate::config::problem::{Problem, ProblemKind};
use crate::config::raw::Entry;
use crate::config::scalar;
use crate::config::source::Span;

/// A name of `[key.NAME]`.
pub(super) fn name(found: &Found<'_>, entry: &Entry) {
    if let Err(wrong) = scalar::name(&entry.key) {
        found.report(ProblemKind::Value, wrong, entry.key_span);
    }
}

/// A config without a listener serves nothing: most likely an empty or a truncated file.
pub(super) fn listeners_exist(root: &Fields<'_>, listeners: &Names<'_>) {
    if listeners.list.is_empty() {
        let help = "add [listeners.web] with address = \"0.0.0.0:8080\"";
        let problem = Problem::error(ProblemKind::Missing, "listeners", "there is no listener").help(help);
        root.scope.report(problem.at(root.span));
    }
}

/// Two sockets cannot have one address. Port 0 is a new one each time.
pub(super) fn addresses_differ(root: &Fields<'_>) {
    let mut seen: HashMap<ListenAddress, (String, Span)> = HashMap::new();
    let listeners = root.find("listeners").map(|found| found.named()).unwrap_or_default();
    let admin = root.find("admin").map(|found| ("`admin`".to_owned(), found));
    let listeners = listeners.into_iter().map(|(entry, found)| (format!("listener {}", quoted(&entry.key)), found));
    for (owner, section) in listeners.chain(admin) {
        let Some(found) = section.member("address").filter(Found::is_text) else { continue };
        let Some(address) = found.text().and_then(|text| scalar::listen_address(&text).ok()) else { continue };
        if matches!(address, ListenAddress::Tcp(address) if address.port() == 0) {
            continue;
        }
        if let Some((first, span)) = seen.get(&address) {
            let message = format!("{first} has the same address");
            let problem = Problem::error(ProblemKind::Conflict, format!("{}.address", section.path), message);
            let problem = problem.help("each needs an address of its own").related(*span, "taken here");
            root.scope.report(problem.at(found.node.span));
        } else {
            seen.insert(address, (owner, found.node.span));
        }
    }
}

pub(super) fn upstreams_are_used(scope: &Scope<'_>, upstreams: &Names<'_>) {
    for (name, span) in upstreams.unused() {
        let message = (format!("no route uses upstream {}", quoted(name)), "add a route with it, or remove it");
        super::warn_at(scope, format!("upstreams.{name}"), span, message);
    }
}

pub(super) fn listeners_are_used(scope: &Scope<'_>, listeners: &Names<'_>, model: &Model) {
    let used: BTreeSet<_> = model.routes.iter().flat_map(|route| &route.listeners).copied().collect();
    for (place, (name, span)) in listeners.list.iter().enumerate() {
        let redirects = model.listeners.iter().any(|one| &*one.name == *name && one.redirect_to_https.is_some());
        if !used.contains(&place) && !redirects && model.docker.is_none() {
            let message =
                (format!("no route serves listener {}: it answers 404 to everything", quoted(name)), "add [[routes]]");
            super::warn_at(scope, format!("listeners.{name}"), *span, message);
        }
    }
}

/// Who takes what: listener, host, and everything else that a route matches by. The first route with it wins.
#[derive(Default)]
pub(super) struct Winners {
    rest: HashMap<String, usize>,
    taken: HashMap<Claim, (std::sync::Arc<str>, Span)>,
}

/// Listener, host (none: any), and the number of everything else.
type Claim = (usize, Option<HostPattern>, usize);

impl Winners {
    /// Warns when earlier routes with the same predicates leave nothing for this one.
    pub(super) fn check(&mut self, route: &Route, at: &Fields<'_>) {
        let next = self.rest.len();
        let rest = *self.rest.entry(everything_else(route)).or_insert(next);
        let hosts: Vec<_> =
            if route.hosts.is_empty() { vec![None] } else { route.hosts.iter().cloned().map(Some).collect() };
        let mut winner = None;
        let mut left = route.listeners.is_empty();
        for &listener in &route.listeners {
            for host in &hosts {
                match self.taken.entry((listener, host.clone(), rest)) {
                    std::collections::hash_map::Entry::Occupied(first) => winner = Some(first.get().clone()),
                    std::collections::hash_map::Entry::Vacant(free) => {
                        free.insert((route.name.clone(), at.span));
                        left = true;
                    }
                }
            }
        }
        if let Some((first, span)) = winner.filter(|_| !left) {
            let message = format!("this route never matches: {} comes first and matches the same", quoted(&first));
            let problem = Problem::warning(ProblemKind::NoEffect, at.path.clone(), message);
            let problem =
                problem.help("remove one of them, or tell them apart by host, path, method, headers, cookies or query");
            at.scope.report(problem.at(at.span).related(span, "this one wins"));
        }
    }
}

fn everything_else(route: &Route) -> String {
    let mut key = match &route.path {
        PathMatch::Exact(path) => format!("= {path}"),
        PathMatch::Prefix(path) => format!("^ {}", path.trim_end_matches('/')),
        PathMatch::Regex(regex) => format!("~ {regex}"),
    };
    // Exact values by the side of what is no value: a text may look like either.
    let value = |value: &ValueMatch| (matches!(value, ValueMatch::Exact(_)), value.shown());
    let methods: BTreeSet<_> = route.methods.iter().map(|method| method.as_str()).collect();
    let headers: BTreeSet<_> = route.headers.iter().map(|(name, one)| (name.as_str(), value(one))).collect();
    let cookies: BTreeSet<_> = route.cookies.iter().map(|(name, one)| (name, value(one))).collect();
    let query: BTreeSet<_> = route.query.iter().map(|(name, one)| (name.as_str(), value(one))).collect();
    let _ = write!(key, "\n{methods:?}\n{headers:?}\n{cookies:?}\n{query:?}"); // writing to a String cannot fail
    key
}
