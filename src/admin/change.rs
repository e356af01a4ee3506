//! What changes something.

use std::collections::BTreeMap;

use http::StatusCode;
use serde::Deserialize;
use serde_json::json;

use super::asked::Asked;
use super::cache;
use super::reply::{Reply, json, not_found, problem};
use super::surface::{Surface, Unknown};
use super::view::arms;
use crate::config::model::LogLevel;
use crate::observe::log;

/// Makes the change and says what is so now.
pub(crate) async fn change(path: &str, asked: &Asked, surface: &dyn Surface) -> Reply {
    match path {
        "/api/reload" => reload(surface).await,
        "/api/endpoints/drain" => drain(asked, surface, true),
        "/api/endpoints/undrain" => drain(asked, surface, false),
        "/api/splits" => split(asked, surface),
        "/api/log" => level(asked),
        cache::PURGE => cache::purge(asked, surface).await,
        _ => not_found(),
    }
}

async fn reload(surface: &dyn Surface) -> Reply {
    match surface.reload().await {
        Ok(generation) => json(StatusCode::OK, &json!({ "result": "published", "generation": generation })),
        Err(refusal) => {
            let answer = json!({ "result": "refused", "message": refusal.message, "problems": refusal.problems });
            json(StatusCode::UNPROCESSABLE_ENTITY, &answer)
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Which {
    upstream: String,
    endpoint: String,
}

fn drain(asked: &Asked, surface: &dyn Surface, drained: bool) -> Reply {
    let Which { upstream, endpoint } = match asked.json() {
        Ok(which) => which,
        Err(message) => return problem(StatusCode::BAD_REQUEST, &message),
    };
    match surface.drain(&upstream, &endpoint, drained) {
        Ok(()) => {
            let now = json!({ "upstream": upstream, "endpoint": endpoint, "drained": drained });
            log::note(
                "endpoint drained by hand",
                &[("upstream", upstream.into()), ("endpoint", endpoint.into()), ("drained", drained.into())],
            );
            json(StatusCode::OK, &now)
        }
        Err(unknown) => refused(&unknown),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Weights {
    route: String,
    /// Absent: those of the config.
    weights: Option<BTreeMap<String, u32>>,
}

fn split(asked: &Asked, surface: &dyn Surface) -> Reply {
    let Weights { route, weights } = match asked.json() {
        Ok(weights) => weights,
        Err(message) => return problem(StatusCode::BAD_REQUEST, &message),
    };
    match surface.set_weights(&route, weights.as_ref()) {
        Ok(()) => {
            let now = arms(&surface.weights(&route).unwrap_or_default());
            log::note("split changed by hand", &[("route", (&*route).into()), ("weights", now.to_string().into())]);
            json(StatusCode::OK, &json!({ "route": route, "weights": now }))
        }
        Err(unknown) => refused(&unknown),
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Level {
    level: String,
}

fn level(asked: &Asked) -> Reply {
    let wanted = match asked.json::<Level>() {
        Ok(wanted) => LogLevel::ALL.into_iter().find(|level| level.label() == wanted.level),
        Err(message) => return problem(StatusCode::BAD_REQUEST, &message),
    };
    let Some(level) = wanted else {
        return problem(StatusCode::BAD_REQUEST, "level is off, error, warn, info, debug or trace");
    };
    log::set_level(level);
    json(StatusCode::OK, &json!({ "level": level.label() }))
}

fn refused(unknown: &Unknown) -> Reply {
    let status = if matches!(unknown, Unknown::Weights(_)) { StatusCode::BAD_REQUEST } else { StatusCode::NOT_FOUND };
    problem(status, &unknown.to_string())
}
