//! Whom a reload concerns.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::config::Prints;
use crate::config::model::{Action, Model, Route, Server};
use crate::observe::{Ids, RouteId};
use crate::routing::compared;

/// The routes that a reload has changed, and those between which it moves requests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Scope {
    /// Those that both configs have, and that mean something else now.
    pub(super) changed: Vec<(Arc<str>, RouteId)>,
    /// Those that took the requests in question.
    pub(super) old: Vec<RouteId>,
    /// Those that take them now.
    pub(super) new: Vec<RouteId>,
    /// Whether a route that is still there loses requests to none.
    pub(super) unrouted: bool,
}

/// One of two configs that are compared.
#[derive(Clone, Copy, Debug)]
pub(super) struct Side<'a> {
    /// What it means.
    pub(super) model: &'a Model,
    /// What tells its things apart.
    pub(super) prints: &'a Prints,
    /// The numbers of its names.
    pub(super) ids: &'a Ids,
}

impl Scope {
    /// What is different.
    pub(super) fn between(old: Side<'_>, new: Side<'_>) -> Self {
        let places: BTreeMap<_, _> =
            old.model.routes.iter().enumerate().map(|(at, route)| (&*route.name, at)).collect();
        let all = bounds(&old.model.server) != bounds(&new.model.server)
            || old.model.resolver != new.model.resolver
            || format!("{:?}", old.model.cache) != format!("{:?}", new.model.cache);
        let mut changed = Vec::new();
        let (mut before, mut after) = (BTreeSet::new(), BTreeSet::new());
        for (place, route) in new.model.routes.iter().enumerate() {
            let id = new.ids.routes[place];
            match places.get(&*route.name) {
                Some(was) if all || old.print(&old.model.routes[*was]) != new.print(route) => {
                    changed.push((route.name.clone(), id));
                    before.insert(id);
                    after.insert(id);
                }
                Some(_) => {}
                None => drop(after.insert(id)),
            }
        }
        let stays: BTreeSet<_> = new.model.routes.iter().map(|route| &*route.name).collect();
        let gone = old.model.routes.iter().enumerate().filter(|(_, route)| !stays.contains(&*route.name));
        before.extend(gone.map(|(place, _)| old.ids.routes[place]));
        let mut unrouted = false;
        for taken in compared(old.model, new.model) {
            let (was, is) = (taken.old.map(|at| old.ids.routes[at]), taken.new.map(|at| new.ids.routes[at]));
            if was == is {
                continue;
            }
            // Who gave requests away has less of its own now, and who took them has more.
            for id in was.into_iter().chain(is) {
                before.insert(id);
                after.insert(id);
            }
            unrouted |= is.is_none() && taken.old.is_some_and(|at| stays.contains(&*old.model.routes[at].name));
        }
        Self { changed, old: before.into_iter().collect(), new: after.into_iter().collect(), unrouted }
    }

    /// Whether it concerns nobody.
    pub(super) fn is_empty(&self) -> bool {
        self.old.is_empty() && self.new.is_empty()
    }
}

impl Side<'_> {
    /// What tells the route, its upstreams and its listeners apart from others.
    fn print(&self, route: &Route) -> Vec<Option<u64>> {
        let upstreams = uses(route).into_iter().map(|at| format!("upstreams.{}", self.model.upstreams[at].name));
        let listeners = route.listeners.iter().map(|at| format!("listeners.{}", self.model.listeners[*at].name));
        let paths = std::iter::once(format!("routes.{}", route.name)).chain(upstreams).chain(listeners);
        paths.map(|path| self.prints.get(&path).copied()).collect()
    }
}

/// The places of the upstreams that a route asks.
fn uses(route: &Route) -> Vec<usize> {
    let mut places = match &route.action {
        Action::Upstream(place) => vec![*place],
        Action::Split(split) => split.arms.iter().map(|(place, _)| *place).collect(),
        Action::Redirect(_) | Action::Respond(_) | Action::Files(_) => Vec::new(),
    };
    let auth = route.policies.edge.auth.as_ref();
    places.extend(auth.and_then(|auth| auth.forward.as_ref()).map(|forward| forward.upstream));
    places
}

/// What of the process bears on every request.
fn bounds(server: &Server) -> impl PartialEq + use<'_> {
    (&server.zone, server.max_connections, server.max_requests, &server.max_memory, server.max_delay)
}
