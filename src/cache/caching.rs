//! What a route says about the cache, compiled.

use std::net::IpAddr;
use std::time::Duration;

use super::key::{self, Query, Recipe};
use super::policy::{Heuristic, Millis, Options};
use crate::config::model;

/// The `cache` of a route.
#[derive(Clone, Debug)]
pub struct Caching {
    /// For the policy.
    pub options: Options,
    /// How keys are made, for each upstream that the route may forward to, by its place.
    recipes: Box<[(usize, Recipe)]>,
    /// Who asks is known, and is no part of the key.
    pub authenticated: bool,
    /// How long a request waits for the fetch of another one; none: it never does.
    pub wait: Option<Duration>,
    purge_from: Box<[model::Cidr]>,
}

impl Caching {
    /// Of a route; `None` where its action is not cached or `cache` is off.
    pub fn compile(route: &model::Route, upstreams: &[model::Upstream], cache: &model::Cache) -> Option<Self> {
        let policy = route.policies.cache.as_ref()?;
        let places: Vec<usize> = match &route.action {
            model::Action::Upstream(place) => vec![*place],
            model::Action::Split(split) => split.arms.iter().map(|(place, _)| *place).collect(),
            model::Action::Redirect(_) | model::Action::Respond(_) | model::Action::Files(_) => return None,
        };
        let recipe = |place: usize| {
            let name = upstreams.get(place).map_or("", |upstream| &*upstream.name);
            (place, recipe(&policy.key, space(name, &route.policies)))
        };
        let recipes = places.into_iter().map(recipe).collect();
        let purge_from = cache.purge_from.clone().into();
        let auth = route.policies.edge.auth.as_ref();
        let told = |auth: &model::Auth| policy.key.headers.iter().any(|name| auth.names().contains(name));
        let authenticated = auth.is_some_and(|auth| !told(auth));
        Some(Self { options: options(policy, cache), authenticated, recipes, wait: policy.wait, purge_from })
    }

    /// Whether the method `PURGE` is ours, and not one of the upstream's.
    pub fn takes_purges(&self) -> bool {
        !self.purge_from.is_empty()
    }

    /// Whether that address may purge.
    pub fn may_purge(&self, address: Option<IpAddr>) -> bool {
        address.is_some_and(|address| self.purge_from.iter().any(|range| range.contains(address)))
    }

    /// How the keys of requests to that upstream are made.
    pub fn recipe(&self, place: usize) -> Option<&Recipe> {
        self.recipes.iter().find(|(known, _)| *known == place).map(|(_, recipe)| recipe)
    }
}

/// Routes share what they store where they ask the same upstream in the same way: what they make of a request is part of the space. So a
/// reload that changes it begins with nothing stored, and no route is answered with what another one fetched under other rights.
fn space(upstream: &str, policies: &model::Policies) -> Box<str> {
    let model::Policies { strip_prefix, rewrite, request_headers, preserve_host, edge, .. } = policies;
    let told = edge.auth.as_ref().map(model::Auth::names);
    let made = format!("{:?}", (strip_prefix, rewrite, request_headers, preserve_host, told));
    // A name of the config that separates nobody's input, so the seed may be known.
    format!("{upstream} {:016x}", key::hash(made.as_bytes(), 0) as u64).into()
}

fn recipe(key: &model::CacheKey, space: Box<str>) -> Recipe {
    let list = |names: &[String]| names.iter().map(|name| name.as_str().into()).collect::<Box<[Box<str>]>>();
    let query = match &key.query {
        Some(names) if names.is_empty() => Query::None,
        Some(names) => Query::Only(list(names)),
        None if key.query_except.is_empty() => Query::Whole,
        None => Query::Except(list(&key.query_except)),
    };
    Recipe {
        space,
        query,
        sort_query: key.sort_query,
        headers: key.headers.clone().into(),
        cookies: list(&key.cookies),
    }
}

fn options(policy: &model::CachePolicy, cache: &model::Cache) -> Options {
    let millis = |time: Duration| Millis::try_from(time.as_millis()).unwrap_or(Millis::MAX);
    Options {
        heuristic: policy.heuristic.then(Heuristic::default),
        default_ttl: policy.default_ttl.map(millis),
        negative_ttl: policy.negative_ttl.map(millis),
        max_ttl: millis(policy.max_ttl),
        stale_while_revalidate: policy.stale_while_revalidate.map_or(0, millis),
        stale_if_error: policy.stale_if_error.map_or(0, millis),
        max_stale_if_error: millis(policy.max_stale_if_error),
        client_directives: policy.client_directives,
        match_language: policy.match_language,
        set_cookie: policy.set_cookie,
        ranges: policy.ranges,
        max_object: policy.max_object.unwrap_or(cache.max_object),
        ..Options::default()
    }
}
