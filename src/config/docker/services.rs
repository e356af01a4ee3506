//! Who agrees with whom: containers of one upstream with each other, routes of labels with those of the file and with other ones.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;

use super::labels::{Asked, Route, read};
use crate::config::model::{Container, Docker, HostPattern, LABEL_PREFIX as PREFIX, Model, Unheard};
use crate::config::nearest::quoted;

/// An upstream from labels, and its routes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::config) struct Service {
    pub(super) name: Arc<str>,
    pub(super) shared: Vec<(&'static str, String)>,
    /// With the container.
    pub(in crate::config) endpoints: Vec<(String, SocketAddr, u32)>,
    pub(super) routes: Vec<Route>,
}

impl Service {
    pub(in crate::config) fn name(&self) -> &Arc<str> {
        &self.name
    }
}

/// What containers ask for, as far as nothing is against it. The oldest container is heard first. `file` is what the file means.
pub(in crate::config) fn services(
    containers: &[Container],
    settings: &Docker,
    file: &Model,
) -> (Vec<Service>, Vec<Unheard>) {
    let mut sorted: Vec<_> = containers.iter().collect();
    sorted.sort_by(|one, other| (&one.created, &one.name).cmp(&(&other.created, &other.name)));
    let mut heard = Heard { settings, file, services: BTreeMap::new(), routes: BTreeMap::new(), unheard: Vec::new() };
    for container in sorted {
        match read(container, settings) {
            None => {}
            Some(Err(mistakes)) => heard.unheard.extend(mistakes),
            Some(Ok(asked)) => heard.take(asked),
        }
    }
    let Heard { services, mut unheard, .. } = heard;
    let (served, idle): (Vec<_>, Vec<_>) = services.into_values().partition(|service| !service.routes.is_empty());
    // Nobody could ask for them; and one may have come before the container with the route.
    for service in idle {
        unheard.extend(service.endpoints.into_iter().map(|(container, ..)| Unheard {
            container,
            label: format!("{PREFIX}route.host"),
            message: format!("no container of the upstream {} has a route", quoted(&service.name)),
        }));
    }
    unheard.sort();
    (served, unheard)
}

/// Keys and values as TOML.
type Keys = Vec<(&'static str, String)>;

struct Heard<'a> {
    settings: &'a Docker,
    file: &'a Model,
    services: BTreeMap<Arc<str>, Service>,
    /// Whose a host with these keys is.
    routes: BTreeMap<(String, Keys), Arc<str>>,
    unheard: Vec<Unheard>,
}

impl Heard<'_> {
    fn take(&mut self, asked: Asked) {
        let against = self.against(&asked);
        if let Some((label, message)) = against {
            let (container, label) = (asked.container, format!("{PREFIX}{label}"));
            return self.unheard.push(Unheard { container, label, message });
        }
        let Asked { container, upstream, address, weight, shared, route } = asked;
        let new = || Service { name: upstream.clone(), shared, endpoints: Vec::new(), routes: Vec::new() };
        let service = self.services.entry(upstream.clone()).or_insert_with(new);
        service.endpoints.push((container, address, weight));
        if let Some(route) = route.filter(|route| !service.routes.contains(route)) {
            for (host, _) in &route.hosts {
                self.routes.insert((host.clone(), matching(&route)), upstream.clone());
            }
            service.routes.push(route);
        }
    }

    /// The label that cannot be followed, and why.
    fn against(&self, asked: &Asked) -> Option<(&'static str, String)> {
        let name = &asked.upstream;
        if self.file.upstreams.iter().any(|upstream| upstream.name == *name) {
            return Some(("upstream", format!("the file has an upstream {}, which is not for labels", quoted(name))));
        }
        if self.file.routes.iter().any(|route| route.name == *name) {
            return Some(("upstream", format!("the file has a route {}, which is not for labels", quoted(name))));
        }
        if let Some(service) = self.services.get(name) {
            let first = service.endpoints.first().map_or("", |(container, ..)| container);
            let differs = |keys: &[(&'static str, String)], other: &[(&'static str, String)]| {
                keys.iter().find(|one| !other.contains(one)).map(|(key, _)| *key)
            };
            let one = differs(&asked.shared, &service.shared).or_else(|| differs(&service.shared, &asked.shared));
            if let Some(label) = one {
                return Some((label, format!("{} of the same upstream says something else", quoted(first))));
            }
        }
        let route = asked.route.as_ref()?;
        route.hosts.iter().find_map(|(text, host)| Some(("route.host", self.against_host(route, text, host, name)?)))
    }

    fn against_host(&self, route: &Route, text: &str, host: &HostPattern, name: &Arc<str>) -> Option<String> {
        let allowed = &self.settings.hosts;
        if !allowed.is_empty() && !allowed.iter().any(|allowed| covers(allowed, host)) {
            return Some(format!("{} is none of the hosts that labels may name", quoted(text)));
        }
        let named =
            |route: &&crate::config::model::Route| route.hosts.iter().any(|own| covers(own, host) || covers(host, own));
        if let Some(own) = self.file.routes.iter().find(named) {
            let place = format!("{}:{}", own.place.file, own.place.line);
            return Some(format!(
                "the host {} belongs to the route {} of the file ({place})",
                quoted(text),
                quoted(&own.name)
            ));
        }
        let other = self.routes.get(&(text.to_owned(), matching(route))).filter(|other| *other != name)?;
        Some(format!("the upstream {} has such a route already", quoted(other)))
    }
}

/// What a route is for, beside its host.
fn matching(route: &Route) -> Keys {
    let is_for = |key: &str| matches!(key, "path" | "path_prefix" | "methods" | "listeners");
    route.keys.iter().filter(|(key, _)| is_for(key)).cloned().collect()
}

/// Whether all that the second is for, the first is for too.
fn covers(wide: &HostPattern, narrow: &HostPattern) -> bool {
    match (wide, narrow) {
        (HostPattern::Exact(one), HostPattern::Exact(other)) => one == other,
        (HostPattern::Exact(_), HostPattern::Wildcard(_)) => false,
        (HostPattern::Wildcard(suffix), HostPattern::Exact(host)) => below(host, suffix),
        (HostPattern::Wildcard(suffix), HostPattern::Wildcard(other)) => suffix == other || below(other, suffix),
    }
}

fn below(host: &str, suffix: &str) -> bool {
    host.strip_suffix(suffix).is_some_and(|rest| rest.ends_with('.') && rest.len() > 1)
}

/// Names that were given out, for the routes of a service.
pub(super) fn route_names(service: &Service, taken: &BTreeSet<String>) -> Vec<String> {
    let mut names = Vec::new();
    for place in 0..service.routes.len() {
        let mut number = place + 1;
        let mut name = if place == 0 { service.name.to_string() } else { format!("{}-{number}", service.name) };
        while taken.contains(&name) || names.contains(&name) {
            number += 1;
            name = format!("{}-{number}", service.name);
        }
        names.push(name);
    }
    names
}
