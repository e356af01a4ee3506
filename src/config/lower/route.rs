//! `[[routes]]`: what they match and what they do.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Method, StatusCode};

use super::names::Names;
use super::policy;
use super::releases::predicates;
use crate::config::fields::Fields;
use crate::config::found::Found;
use crate::config::keys::ACTIONS;
use crate::config::model::{Action, Files, PathMatch, Redirect, Respond, Route};
use crate::config::nearest::{listed, quoted};
use crate::config::problem::{Problem, ProblemKind};
use crate::config::scalar::{self, Wrong};
use crate::config::source::Span;

/// What routes refer to.
pub(super) struct Places<'n, 'a> {
    pub(super) listeners: &'n Names<'a>,
    pub(super) upstreams: &'n Names<'a>,
}

pub(super) fn routes(root: &Fields<'_>, defaults: Option<&Fields<'_>>, places: &Places<'_, '_>) -> Vec<Route> {
    if let Some(defaults) = defaults {
        policy::policies(defaults, &PathMatch::Prefix("/".to_owned()), places.upstreams);
    }
    let items = root.find("routes").map(|found| found.items()).unwrap_or_default();
    let mut names = HashMap::new();
    let mut winners = super::check::Winners::default();
    let mut routes = Vec::with_capacity(items.len());
    for (number, item) in items.iter().enumerate() {
        let name = name(item, number, &mut names);
        let Some(at) = item.section_named(format!("routes.{name}")) else { continue };
        let at = at.over(defaults);
        if let Some(route) = route(&at, name, places) {
            winners.check(&route, &at);
            routes.push(route);
        }
    }
    routes
}

/// Read before the section, since the key paths of its problems have it.
fn name(item: &Found<'_>, number: usize, names: &mut HashMap<String, Span>) -> Arc<str> {
    let Some(found) = item.member("name") else {
        let name = format!("route-{}", number + 1);
        names.entry(name.clone()).or_insert(item.node.span);
        return name.into();
    };
    let Some(name) = found.parsed(|text| scalar::name(text).map(|()| text.to_owned())) else {
        return format!("route-{}", number + 1).into();
    };
    if let Some(first) = names.insert(name.clone(), found.node.span) {
        let message = format!("there is another route named {}", quoted(&name));
        let problem = Problem::error(ProblemKind::Conflict, format!("routes.{name}.name"), message);
        let problem = problem.help("each route has a name of its own").related(first, "the first one");
        item.scope.report(problem.at(found.node.span));
    }
    name.into()
}

fn route(at: &Fields<'_>, name: Arc<str>, places: &Places<'_, '_>) -> Option<Route> {
    let path = path_match(at);
    let listeners = listeners(at, places.listeners);
    let hosts = unique(at.list("hosts", scalar::host_pattern));
    let methods = methods(at);
    let headers = predicates(at, "headers", scalar::header_name);
    let cookies = predicates(at, "cookies", scalar::cookie_name);
    let query = predicates(at, "query", |text| Ok(text.to_owned()));
    let action = action(at, places.upstreams);
    let matched = path.unwrap_or_else(|| PathMatch::Prefix("/".to_owned()));
    let policies = policy::policies(at, &matched, places.upstreams);
    Some(Route {
        name,
        listeners,
        hosts,
        path: matched,
        methods,
        headers,
        cookies,
        query,
        action: action?,
        policies,
        place: at.scope.sources.place(at.span),
    })
}

fn unique<T: Clone + Eq + std::hash::Hash>(list: Vec<T>) -> Vec<T> {
    let mut seen = HashSet::new();
    list.into_iter().filter(|one| seen.insert(one.clone())).collect()
}

fn listeners(at: &Fields<'_>, names: &Names<'_>) -> Vec<usize> {
    let Some(found) = at.find("listeners") else { return (0..names.list.len()).collect() };
    let items = found.items();
    if items.is_empty() && matches!(&found.node.shape, crate::config::raw::Shape::List(_)) {
        found.wrong(Wrong::new("a route on no listener", "leave `listeners` out for all of them"));
    }
    unique(items.iter().filter_map(|item| names.resolve(item)).collect())
}

fn path_match(at: &Fields<'_>) -> Option<PathMatch> {
    let given: Vec<_> =
        ["path", "path_prefix", "path_regex"].into_iter().filter(|key| at.find(key).is_some()).collect();
    if given.len() > 1 {
        let keys: Vec<_> = given.iter().map(|key| format!("`{key}`")).collect();
        at.conflict(format!("{} in one route", listed(&keys, "and")), "keep one of them, or write two routes");
    }
    let exact = at.parsed("path", scalar::path).map(PathMatch::Exact);
    let prefix = at.parsed("path_prefix", scalar::path).map(PathMatch::Prefix);
    let regex = at.parsed("path_regex", scalar::regex).map(PathMatch::Regex);
    exact.or(prefix).or(regex)
}

fn methods(at: &Fields<'_>) -> Vec<Method> {
    let items = at.find("methods").map(|found| found.items()).unwrap_or_default();
    let read = |item: &Found<'_>| {
        let method = item.parsed(scalar::method)?;
        if let Some(meant) = scalar::method_meant(&method) {
            item.no_effect(
                format!("{} is no registered method", quoted(method.as_str())),
                format!("did you mean \"{meant}\"?"),
            );
        }
        Some(method)
    };
    unique(items.iter().filter_map(read).collect())
}

fn action(at: &Fields<'_>, upstreams: &Names<'_>) -> Option<Action> {
    let actions = || ACTIONS.iter().map(|key| key.name).filter(|name| !name.starts_with("split_"));
    let given: Vec<_> = actions().filter(|name| at.find(name).is_some()).collect();
    match given.as_slice() {
        [_] => {}
        [] => {
            let all: Vec<_> = actions().map(|name| format!("`{name}`")).collect();
            at.conflict("this route does nothing", format!("add one of {}", listed(&all, "or")));
        }
        [_, ..] => {
            let all: Vec<_> = given.iter().map(|name| format!("`{name}`")).collect();
            let message = format!("a route has one action; this one has {}", listed(&all, "and"));
            let problem =
                Problem::error(ProblemKind::Conflict, at.path.clone(), message).help("keep one of them").at(at.span);
            let places = given.iter().filter_map(|name| Some((at.find(name)?.node.span, *name)));
            at.scope.report(places.fold(problem, |problem, (span, name)| problem.related(span, name)));
        }
    }
    let upstream = at.find("upstream").and_then(|found| upstreams.resolve(&found)).map(Action::Upstream);
    let split = super::releases::split(at, upstreams);
    let redirect = at.section("redirect").and_then(|at| redirect(&at)).map(Action::Redirect);
    let respond = at.section("respond").map(|at| Action::Respond(respond(&at)));
    let files = at.section("files").and_then(|at| files(&at)).map(Action::Files);
    upstream.or(split).or(redirect).or(respond).or(files)
}

fn redirect(at: &Fields<'_>) -> Option<Redirect> {
    let status: u16 = at.count("status");
    let to = at.required("to")?.parsed(|text| {
        let there = text.starts_with('/') || text.starts_with('{') || text.contains("://");
        if !there || text.contains(' ') {
            let help = "a URL such as \"https://example.com{uri}\", or a path such as \"/new{query}\"";
            return Err(Wrong::new(format!("{} is nowhere to go", quoted(text)), help));
        }
        scalar::template(text)
    });
    Some(Redirect { to: to?, status: StatusCode::from_u16(status).ok()? })
}

fn respond(at: &Fields<'_>) -> Respond {
    let status = StatusCode::from_u16(at.count("status")).unwrap_or_default();
    let body = at.parsed("body", |text| Ok(Bytes::copy_from_slice(text.as_bytes()))).unwrap_or_default();
    let mut headers = fixed_fields(at);
    let bodiless = matches!(status, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED);
    if bodiless && !body.is_empty() {
        let found = at.find("body");
        found.inspect(|found| {
            found.no_effect(format!("a {} response has no content", status.as_u16()), "leave `body` out")
        });
    }
    if !bodiless && !headers.iter().any(|(name, _)| name == CONTENT_TYPE) {
        headers.push((CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8")));
    }
    Respond { status, body, headers }
}

fn fixed_fields(at: &Fields<'_>) -> Vec<(HeaderName, HeaderValue)> {
    let pairs = at.find("headers").map(|found| found.pairs()).unwrap_or_default();
    let one = |(entry, found): (&crate::config::raw::Entry, Found<'_>)| {
        let name = found.key(entry, scalar::rule_header_name);
        let value = found.parsed(scalar::header_value);
        Some((name?, value?))
    };
    pairs.into_iter().filter_map(one).collect()
}

fn files(at: &Fields<'_>) -> Option<Files> {
    let types = at.find("types").map(|found| found.pairs()).unwrap_or_default();
    let content_type = |(entry, found): (&crate::config::raw::Entry, Found<'_>)| {
        let extension = found.key(entry, |text| match text.strip_prefix('.') {
            Some(bare) => Err(Wrong::new("an extension without its dot", format!("write {bare}"))),
            None => Ok(text.to_ascii_lowercase()),
        });
        let value = found.parsed(|text| match text.contains('/') {
            true => scalar::header_value(text).map(|_| text.to_owned()),
            false => Err(Wrong::new(format!("{} is not a content type", quoted(text)), "such as \"application/wasm\"")),
        });
        Some((extension?, value?))
    };
    let types = types.into_iter().filter_map(content_type).collect();
    let root = at.required("root").and_then(|found| found.path());
    let index = at.parsed("index", scalar::inner_path);
    let fallback = at.parsed("fallback", scalar::inner_path);
    let (precompressed, hidden) = (at.boolean("precompressed"), at.boolean("hidden"));
    Some(Files { root: root?, index: index?, precompressed, fallback, types, hidden })
}
