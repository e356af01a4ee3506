//! From a model to a snapshot. What stayed the same since the snapshot in force is carried over by identity.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use super::edge::Shared;
use super::upstreams::upstreams;
use super::{Action, Admission, Listener, Route, Snapshot};
use crate::cache::disk::DiskLimits;
use crate::cache::{Caching, Limits, Store};
use crate::config::model::{self, Model};
use crate::edge::auth::IdentityNames;
use crate::files::Files;
use crate::filter::{Codings, Filters, Inject, Redirect, Respond};
use crate::http::trust::Trusted;
use crate::observe::Ids;
use crate::observe::metrics::Metrics;
use crate::routing::Router;
use crate::routing::split::Split;
use crate::tls::{self, ServerTls, Severity, TlsProblem};
use crate::upstream::discovery::Answers;
use crate::upstream::hedge::Hedge;
use crate::upstream::mirror::Mirror;

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

/// Compiles a model. `previous` is the snapshot in force, `answers` what is known of endpoints.
///
/// # Errors
/// Everything that its files and folders have wrong; nothing has changed then.
pub fn compile(
    model: Arc<Model>,
    previous: Option<&Snapshot>,
    metrics: &Metrics,
    answers: &Answers,
) -> Result<Snapshot, Vec<CompileProblem>> {
    let names = |names: Vec<&Arc<str>>| names.into_iter().cloned().collect::<Vec<_>>();
    let ids = metrics.assign(
        &names(model.listeners.iter().map(|one| &one.name).collect()),
        &names(model.routes.iter().map(|one| &one.name).collect()),
        &names(model.upstreams.iter().map(|one| &one.name).collect()),
    );
    let mut problems = Vec::new();
    let listeners = listeners(&model, previous, &ids, &mut problems);
    let upstreams = upstreams(&model, previous, answers, &mut problems);
    let collector = model.tracing.iter().flat_map(tls::of_collector).filter(|one| one.severity() == Severity::Error);
    problems.extend(collector.map(CompileProblem::of_tls("tracing.tls".to_owned())));
    let mut shared = Shared::after(previous);
    let routes = routes(&model, previous, &ids, (&mut shared, &mut problems));
    let (limits, remotes) = (shared.limits, shared.remotes.found);
    let names = model.routes.iter().filter_map(|route| route.policies.edge.auth.as_ref()).flat_map(|auth| auth.names());
    let identity = IdentityNames::new(names);
    if !problems.is_empty() {
        return Err(problems);
    }
    let router = Arc::new(Router::compile(&model.routes, model.listeners.len()));
    let generation = previous.map_or(1, |previous| previous.generation + 1);
    let tells_destination = model.upstreams.iter().any(|upstream| upstream.proxy_protocol.is_some());
    let cache = store(&model, &routes, previous);
    Ok(Snapshot {
        generation,
        cache,
        limits,
        remotes,
        identity,
        tells_destination,
        router,
        listeners,
        routes: routes.into(),
        upstreams,
        ids,
        model,
    })
}

/// The store in force, unless its size changes. Without a route that uses it there is none.
pub(super) fn store(model: &Model, routes: &[Route], previous: Option<&Snapshot>) -> Option<Arc<Store>> {
    let limits = Limits { memory: model.cache.memory, variants: model.cache.max_variants };
    let disk = model.cache.disk.as_ref();
    let disk = disk.map(|disk| DiskLimits { path: disk.path.clone(), size: disk.size, index: disk.index });
    let before = previous.and_then(|previous| previous.cache.as_ref());
    let before = before.filter(|store| store.limits() == limits && store.disk_limits() == disk.as_ref()).cloned();
    let used = routes.iter().any(|route| route.cache.is_some());
    let seed = || RandomState::new().hash_one(limits.memory);
    used.then(|| before.unwrap_or_else(|| Store::with_disk(limits, disk, seed())))
}

impl CompileProblem {
    pub(super) fn of_tls(table: String) -> impl Fn(TlsProblem) -> Self {
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
            paths: listener.paths,
            limits: listener.limits,
        }));
    }
    listeners
}

fn routes(
    model: &Model,
    previous: Option<&Snapshot>,
    ids: &Ids,
    (shared, problems): (&mut Shared<'_>, &mut Vec<CompileProblem>),
) -> Vec<Route> {
    let known: HashMap<&str, &Arc<Admission>> = previous
        .iter()
        .flat_map(|previous| &*previous.routes)
        .map(|route| (&*route.admission.name, &route.admission))
        .collect();
    let mut routes = Vec::with_capacity(model.routes.len());
    for (place, route) in model.routes.iter().enumerate() {
        let Some(action) = action(model, route, problems) else { continue };
        let action = carried(action, &route.name, previous);
        let policies = &route.policies;
        let known = known.get(&*route.name).copied().cloned();
        let before = previous.and_then(|previous| previous.routes.get(previous.route(&route.name)?));
        routes.push(Route {
            id: ids.routes[place],
            filters: Filters::compile(policies),
            codings: codings(route, problems),
            action,
            preserve_host: policies.preserve_host,
            timeout: policies.timeout,
            deadline_header: policies.deadline_header.clone(),
            hedge: policies.hedge.as_ref().map(Hedge::compile),
            mirror: mirror(policies, before),
            inject: inject(policies, before),
            max_body: policies.max_body,
            upgrades: policies.upgrades.clone(),
            max_requests: policies.max_requests,
            priority: policies.priority,
            cache: Caching::compile(route, &model.upstreams, &model.cache).map(Box::new),
            edge: shared.edge(route, problems),
            admission: known.unwrap_or_else(|| Admission::new(route.name.clone())),
        });
    }
    routes
}

/// Its counts outlive reloads while the route's name stays.
fn mirror(policies: &model::Policies, before: Option<&Route>) -> Option<Box<Mirror>> {
    let counts = before.and_then(|before| before.mirror.as_ref()).map(|mirror| mirror.copies.clone());
    policies.mirror.as_ref().map(|mirror| Box::new(Mirror::compile(mirror, counts)))
}

/// Likewise.
fn inject(policies: &model::Policies, before: Option<&Route>) -> Option<Box<Inject>> {
    let counts = before.and_then(|before| before.inject.as_ref()).map(|inject| inject.counts.clone());
    policies.inject.as_ref().map(|inject| Box::new(Inject::compile(inject, counts)))
}

fn codings(route: &model::Route, problems: &mut Vec<CompileProblem>) -> Option<Box<Codings>> {
    let compiled = Codings::compile(&route.policies).map_err(|found| {
        problems.extend(found.into_iter().map(|(file, why)| CompileProblem {
            label: "dictionary",
            key: format!("routes.{}.compress.dictionary.files", route.name),
            message: format!("{} cannot be used as a dictionary", file.display()),
            help: why,
        }));
    });
    compiled.ok().flatten()
}

/// With the weights that were set by hand.
fn carried(action: Action, name: &str, previous: Option<&Snapshot>) -> Action {
    let before = previous.and_then(|previous| Some(&previous.routes[previous.route(name)?].action));
    match (action, before) {
        (Action::Split(split), Some(Action::Split(before))) => Action::Split(Box::new(split.carry(before))),
        (action, _) => action,
    }
}

fn action(model: &Model, route: &model::Route, problems: &mut Vec<CompileProblem>) -> Option<Action> {
    Some(match &route.action {
        model::Action::Upstream(place) => Action::Upstream(*place),
        model::Action::Split(split) => Action::Split(Box::new(Split::compile(split, &model.upstreams))),
        model::Action::Redirect(redirect) => Action::Redirect(Box::new(Redirect::compile(redirect))),
        model::Action::Respond(respond) => Action::Respond(Box::new(Respond::compile(respond))),
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
