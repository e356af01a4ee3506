//! What is answered to which request.

use http::header::ACCEPT;
use http::{Method, StatusCode};
use serde_json::{Value, json};

use super::asked::Asked;
use super::guard::{self, Gate};
use super::operations::{allowed, is_open, is_page};
use super::reply::{Reply, html, json, not_allowed, not_found, plain, problem, stream, unauthorised, whole};
use super::surface::{Readiness, Surface};
use super::{cache, change, page, store, view};
use crate::observe::Side;
use crate::observe::chronicle::Resolution;
use crate::observe::log;
use crate::observe::lookout::Filter;
use crate::observe::metrics::Dialect;

/// Answers one request.
pub(crate) async fn answer(asked: &Asked, gate: &Gate, surface: &dyn Surface) -> Reply {
    let path = asked.uri.path();
    if !is_open(path) {
        let known = gate.knows(&asked.headers);
        // Scrapers come by any name. Whoever shows the token is no page that was led here.
        let named = path == "/metrics" || (known && gate.has_token());
        if !named && let Err(stranger) = guard::check(&asked.method, &asked.uri, &asked.headers, &gate.hosts) {
            return problem(StatusCode::FORBIDDEN, stranger.as_str());
        }
        if !known && !is_page(path) {
            return unauthorised();
        }
    }
    match allowed(path) {
        None => not_found(),
        Some(_) if asked.reads() && is_page(path) => show(path, asked),
        Some(_) if asked.reads() && path == cache::LOOKUP => cache::lookup(asked, surface).await,
        Some(methods) if asked.reads() && methods.starts_with("GET") => read(path, asked, surface),
        Some(methods) if asked.method == Method::POST && methods.ends_with("POST") => {
            change::change(path, asked, surface).await
        }
        Some(methods) => not_allowed(methods),
    }
}

/// The dashboard for browsers; for everybody else the list of what is here.
fn show(path: &str, asked: &Asked) -> Reply {
    if let Some((content_type, text)) = page::part(path) {
        return whole(StatusCode::OK, content_type, text);
    }
    let accepts = asked.headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    if accepts.into_iter().any(|accept| accept.to_ascii_lowercase().contains("text/html")) {
        return html(page::dashboard());
    }
    plain(StatusCode::OK, &page::list())
}

fn read(path: &str, asked: &Asked, surface: &dyn Surface) -> Reply {
    let shown = match path {
        "/healthz" => return plain(StatusCode::OK, "alive\n"),
        "/readyz" => return ready(surface.readiness()),
        "/metrics" => return metrics(asked, surface),
        "/api/openapi.json" => return whole(StatusCode::OK, "application/json", include_str!("openapi.json")),
        "/api/status" => view::status(surface),
        "/api/config" => view::config(&surface.world()),
        "/api/listeners" => view::listeners(&surface.world().model, &surface.metrics().totals()),
        "/api/upstreams" => {
            let totals = surface.metrics().totals();
            view::upstreams(&surface.world().model, &totals, |name| surface.endpoints(name))
        }
        "/api/routes" => {
            let totals = surface.metrics().totals();
            view::routes(&surface.world().model, &totals, |route| surface.weights(route))
        }
        "/api/certificates" => surface.certificates().iter().map(view::certificate).collect(),
        "/api/series" => return series(asked, surface),
        "/api/events" => return latest(surface.chronicle().events.borrow().iter(), asked),
        "/api/reloads" => return latest(surface.chronicle().reloads.borrow().iter(), asked),
        "/api/discovery" => json!({ "docker": *surface.chronicle().docker.borrow() }),
        "/api/faults" => return faults(asked, surface),
        "/api/cache" => return store::state(surface),
        "/api/explain" => return explain(asked, surface),
        "/api/tap" => return tap(asked, surface),
        "/api/log" => json!({ "level": log::level().label() }),
        _ => return not_found(),
    };
    json(StatusCode::OK, &shown)
}

fn ready(readiness: Readiness) -> Reply {
    let status = if readiness == Readiness::Ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    plain(status, &format!("{}\n", readiness.label()))
}

/// In the text format, or as OpenMetrics where that is asked for.
fn metrics(asked: &Asked, surface: &dyn Surface) -> Reply {
    let accepts = asked.headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
    let dialect = Dialect::accepted(accepts);
    whole(StatusCode::OK, dialect.content_type(), surface.metrics().render(dialect, |out| surface.expose(out)))
}

/// The latest first, and no more of them than is asked for.
fn latest<'a, T: serde::Serialize + 'a>(entries: impl DoubleEndedIterator<Item = &'a T>, asked: &Asked) -> Reply {
    match asked.number("limit") {
        Ok(limit) => {
            let shown = entries.rev().take(most(limit)).map(|entry| json!(entry));
            json(StatusCode::OK, &shown.collect())
        }
        Err(message) => problem(StatusCode::BAD_REQUEST, &message),
    }
}

/// A number of entries; all where none is said.
fn most(limit: Option<u64>) -> usize {
    limit.map_or(usize::MAX, |limit| usize::try_from(limit).unwrap_or(usize::MAX))
}

fn series(asked: &Asked, surface: &dyn Surface) -> Reply {
    let wanted = asked.parameter("resolution").unwrap_or_else(|| "10s".to_owned());
    let Some(resolution) = Resolution::named(&wanted) else {
        return problem(StatusCode::BAD_REQUEST, "resolution is 1s or 10s");
    };
    let since = match asked.number("since") {
        Ok(since) => since.unwrap_or(0),
        Err(message) => return problem(StatusCode::BAD_REQUEST, &message),
    };
    let chronicle = surface.chronicle();
    let series = chronicle.series.borrow();
    let later = series.samples(resolution).iter().filter(|sample| sample.time > since);
    let samples: Value = later.map(|sample| json!(sample)).collect();
    json(StatusCode::OK, &json!({ "resolution_seconds": resolution.seconds(), "samples": samples }))
}

fn faults(asked: &Asked, surface: &dyn Surface) -> Reply {
    let side = match asked.parameter("side") {
        None => None,
        Some(word) => match [Side::Client, Side::Upstream, Side::Us].into_iter().find(|side| side.as_str() == word) {
            None => return problem(StatusCode::BAD_REQUEST, "side is client, upstream or us"),
            side => side,
        },
    };
    let limit = match asked.number("limit") {
        Ok(limit) => most(limit),
        Err(message) => return problem(StatusCode::BAD_REQUEST, &message),
    };
    let chronicle = surface.chronicle();
    let failures = chronicle.failures.borrow();
    let lines = failures.lines(side);
    let shown: Value =
        lines.into_iter().take(limit).filter_map(|line| serde_json::from_slice::<Value>(line).ok()).collect();
    json(StatusCode::OK, &shown)
}

fn tap(asked: &Asked, surface: &dyn Surface) -> Reply {
    if asked.method == Method::HEAD {
        return plain(StatusCode::OK, "");
    }
    match Filter::parse(&asked.parameter("filter").unwrap_or_default()) {
        Ok(filter) => match surface.tap(filter) {
            Some(lines) => stream(lines),
            None => problem(StatusCode::SERVICE_UNAVAILABLE, "as many taps are open as may be"),
        },
        Err(error) => problem(StatusCode::BAD_REQUEST, &error.to_string()),
    }
}

fn explain(asked: &Asked, surface: &dyn Surface) -> Reply {
    match surface.explain(&asked.parameters()) {
        Ok(report) => json(StatusCode::OK, &report),
        Err(message) => problem(StatusCode::BAD_REQUEST, &message),
    }
}
