//! From a model to a snapshot. What stayed the same since the snapshot in force is carried over by identity.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use super::{Action, Admission, Listener, Route, Snapshot};
use crate::cache::{Caching, Limits, Store};
use crate::config::model::{self, Model};
use crate::files::Files;
use crate::filter::{Codings, Filters, Redirect, Respond};
use crate::http::trust::Trusted;
use crate::observe::Ids;
use crate::observe::metrics::Metrics;
use crate::routing::Router;
use crate::routing::split::Split;
use crate::tls::{ClientTls, ServerTls, TlsProblem, alpn_of};
use crate::upstream::capacity::CapacityLimits;
use crate::upstream::group::{Member, Times};
use crate::upstream::plan::Plan;
use crate::upstream::pool::PoolLimits;
use crate::upstream::retry::RetryPolicy;
use crate::upstream::sticky::{Secret, Stickiness};
use crate::upstream::{Endpoint, EndpointIdentity, Moment, Seed};

/// Something that a config names and that cannot be used.
#[derive(Clone, Debug)]
pub struct CompileProblem {
    /// The word for its kind.
    pub label: &'static str,
    /// The key: `listeners.secure.tls.certificates[0].key`.
    pub key: String,
    /// What is wrong, one clause.
    pub message: String,
    /// The way out.
    pub help: String,
}

/// Compiles a model. `previous` is the snapshot in force.
///
/// # Errors
/// Everything that its files and folders have wrong; nothing has changed then.
pub fn compile(
    model: Arc<Model>,
    previous: Option<&Snapshot>,
    metrics: &Metrics,
) -> Result<Snapshot, Vec<CompileProblem>> {
    let names = |names: Vec<&Arc<str>>| names.into_iter().cloned().collect::<Vec<_>>();
    let ids = metrics.assign(
        &names(model.listeners.iter().map(|one| &one.name).collect()),
        &names(model.routes.iter().map(|one| &one.name).collect()),
        &names(model.upstreams.iter().map(|one| &one.name).collect()),
    );
    let mut problems = Vec::new();
    let listeners = listeners(&model, previous, &ids, &mut problems);
    let upstreams = upstreams(&model, previous, &mut problems);
    let routes = routes(&model, previous, &ids, &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    let router = Router::compile(&model.routes, model.listeners.len());
    let generation = previous.map_or(1, |previous| previous.generation + 1);
    let tells_destination = model.upstreams.iter().any(|upstream| upstream.proxy_protocol.is_some());
    let cache = store(&model, &routes, previous);
    Ok(Snapshot { generation, cache, tells_destination, router, listeners, routes, upstreams, ids, model })
}

/// The store in force, unless its size changes. Without a route that uses it there is none.
fn store(model: &Model, routes: &[Route], previous: Option<&Snapshot>) -> Option<Arc<Store>> {
    let limits = Limits { memory: model.cache.memory, variants: model.cache.max_variants };
    let before = previous.and_then(|previous| previous.cache.as_ref());
    let used = routes.iter().any(|route| route.cache.is_some());
    let seed = || RandomState::new().hash_one(limits.memory);
    used.then(|| before.filter(|store| store.limits() == limits).cloned().unwrap_or_else(|| Store::new(limits, seed())))
}

impl CompileProblem {
    fn of_tls(table: String) -> impl Fn(TlsProblem) -> Self {
        move |problem| {
            let TlsProblem { kind, key, message, help, .. } = problem.within(&table);
            Self { label: kind.label(), key, message, help }
        }
    }
}

fn listeners(
    model: &Model,
    previous: Option<&Snapshot>,
    ids: &Ids,
    problems: &mut Vec<CompileProblem>,
) -> Vec<Arc<Listener>> {
    let mut listeners = Vec::with_capacity(model.listeners.len());
    for (place, listener) in model.listeners.iter().enumerate() {
        let before = previous.and_then(|previous| previous.listener(ids.listeners[place]));
        let carry = before.and_then(|(_, before)| before.tls.as_ref());
        let tls = listener.tls.as_ref().map(|tls| ServerTls::compile(tls, carry, listener.http2));
        let tls = match tls.transpose() {
            Ok(tls) => tls,
            Err(found) => {
                let table = format!("listeners.{}.tls", listener.name);
                problems.extend(found.into_iter().map(CompileProblem::of_tls(table)));
                None
            }
        };
        let client_auth = listener.tls.as_ref().and_then(|tls| tls.client_auth.as_ref());
        listeners.push(Arc::new(Listener {
            id: ids.listeners[place],
            name: listener.name.clone(),
            tls,
            trusted: Trusted::new(listener.trusted_proxies.iter().map(|range| (range.address, range.prefix))),
            proxy_protocol: listener.proxy_protocol,
            http2: listener.http2,
            redirect_to_https: listener.redirect_to_https.map(Redirect::to_https),
            subject_header: client_auth.map(|auth| auth.subject_header.clone()),
            limits: listener.limits,
        }));
    }
    listeners
}

fn upstreams(model: &Model, previous: Option<&Snapshot>, problems: &mut Vec<CompileProblem>) -> Vec<Seed> {
    let mut seeds = Vec::with_capacity(model.upstreams.len());
    for upstream in &model.upstreams {
        let before = previous.and_then(|previous| {
            let place = previous.model.upstreams.iter().position(|before| before.name == upstream.name)?;
            previous.upstreams.get(place)
        });
        let tls = match upstream_tls(upstream, before) {
            Ok(tls) => tls,
            Err(found) => {
                let table = format!("upstreams.{}.tls", upstream.name);
                problems.extend(found.into_iter().map(CompileProblem::of_tls(table)));
                continue;
            }
        };
        let members = upstream.endpoints.iter().map(|endpoint| {
            let identity = EndpointIdentity::of(upstream, &endpoint.address, tls.as_ref());
            let known = before.into_iter().flat_map(|before| &before.members);
            let known = known.map(|member| &member.endpoint).find(|known| known.identity.is_same(&identity));
            Member {
                endpoint: known.cloned().unwrap_or_else(|| joined(identity, before.is_some())),
                weight: endpoint.weight,
                backup: endpoint.backup,
                zone: endpoint.zone.clone(),
            }
        });
        let members: Vec<_> = members.collect();
        let sticky = match stickiness(upstream, &members) {
            Ok(sticky) => sticky,
            Err(problem) => {
                problems.push(problem);
                continue;
            }
        };
        seeds.push(Seed {
            plan: Arc::new(Plan::compile(upstream, &members, model.server.zone.as_ref(), sticky)),
            members,
            limits: PoolLimits {
                connect_timeout: upstream.connect_timeout,
                idle_timeout: upstream.idle_timeout,
                max_idle: upstream.max_idle,
                max_connections: upstream.max_connections,
            },
            times: Times {
                response: upstream.response_timeout,
                response_body: upstream.response_body_timeout,
                write: upstream.write_timeout,
                max_head: upstream.max_response_head_size,
            },
            retry: RetryPolicy::compile(&upstream.retry),
            budget: before.map(|before| before.budget.clone()).unwrap_or_default(),
            health: upstream.health.clone().map(Arc::new),
            capacity_limits: CapacityLimits::compile(&upstream.capacity),
            capacity: before.map(|before| before.capacity.clone()).unwrap_or_default(),
        });
    }
    seeds
}

/// A new endpoint. It starts slowly where the upstream was there before: others carry the load already.
fn joined(identity: EndpointIdentity, later: bool) -> Arc<Endpoint> {
    let endpoint = Endpoint::new(identity);
    if later {
        endpoint.standing.ramp_from(Moment::now());
    }
    endpoint
}

/// The cookie that keeps clients where they are, signed with the secret as it is now.
fn stickiness(upstream: &model::Upstream, members: &[Member]) -> Result<Option<Stickiness>, CompileProblem> {
    let Some(sticky) = &upstream.spread.sticky else { return Ok(None) };
    let secret = Secret::load(sticky.secret.as_ref()).map_err(|error| CompileProblem {
        label: error.label(),
        key: format!("upstreams.{}.sticky.secret_file", upstream.name),
        message: error.to_string(),
        help: "name a file that this user may read, with 16 bytes or more".to_owned(),
    })?;
    Ok(Some(Stickiness::compile(sticky, &secret, &upstream.name, members)))
}

fn upstream_tls(upstream: &model::Upstream, before: Option<&Seed>) -> Result<Option<ClientTls>, Vec<TlsProblem>> {
    let Some(tls) = &upstream.tls else { return Ok(None) };
    let alpn = alpn_of(upstream.protocol);
    let before =
        before.and_then(|before| before.members.first()).and_then(|member| member.endpoint.identity.tls.as_ref());
    before.map_or_else(|| ClientTls::compile(tls, alpn), |before| before.recompile(tls, alpn)).map(Some)
}

fn routes(model: &Model, previous: Option<&Snapshot>, ids: &Ids, problems: &mut Vec<CompileProblem>) -> Vec<Route> {
    let known: HashMap<&str, &Arc<Admission>> = previous
        .iter()
        .flat_map(|previous| &previous.routes)
        .map(|route| (&*route.admission.name, &route.admission))
        .collect();
    let mut routes = Vec::with_capacity(model.routes.len());
    for (place, route) in model.routes.iter().enumerate() {
        let Some(action) = action(model, route, problems) else { continue };
        let policies = &route.policies;
        let known = known.get(&*route.name).copied().cloned();
        routes.push(Route {
            id: ids.routes[place],
            filters: Filters::compile(policies),
            codings: Codings::compile(policies),
            action,
            preserve_host: policies.preserve_host,
            timeout: policies.timeout,
            max_body: policies.max_body,
            upgrades: policies.upgrades.clone(),
            max_requests: policies.max_requests,
            cache: Caching::compile(route, &model.upstreams, &model.cache).map(Box::new),
            admission: known.unwrap_or_else(|| Admission::new(route.name.clone())),
        });
    }
    routes
}

fn action(model: &Model, route: &model::Route, problems: &mut Vec<CompileProblem>) -> Option<Action> {
    Some(match &route.action {
        model::Action::Upstream(place) => Action::Upstream(*place),
        model::Action::Split(split) => Action::Split(Split::compile(split, &model.upstreams)),
        model::Action::Redirect(redirect) => Action::Redirect(Redirect::compile(redirect)),
        model::Action::Respond(respond) => Action::Respond(Respond::compile(respond)),
        model::Action::Files(files) => match Files::compile(files) {
            Ok(files) => Action::Files(Arc::new(files)),
            Err(error) => {
                let help = "name a folder that is there and that this user may read".to_owned();
                let key = format!("routes.{}.files.root", route.name);
                problems.push(CompileProblem { label: error.label(), key, message: error.to_string(), help });
                return None;
            }
        },
    })
}
