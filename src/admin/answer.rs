//! What is answered to which request.

use bytes::Bytes;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode, Uri};
use http_body_util::Full;
use serde_json::{Value, json};

use super::surface::{Readiness, Surface};
use super::{guard, page, view};

pub(crate) type Answer = Response<Full<Bytes>>;

/// What can be read, in the order of the index.
pub(crate) const PAGES: [(&str, &str); 6] = [
    ("/healthz", "whether the program lives"),
    ("/readyz", "whether traffic should come here"),
    ("/metrics", "counters, as Prometheus reads them"),
    ("/api/config", "the config in force"),
    ("/api/upstreams", "upstreams and their endpoints"),
    ("/api/routes", "routes and what they have done"),
];

const RELOAD: &str = "/api/reload";

/// Answers one request. The body of the request is of no interest.
pub(crate) async fn answer(method: &Method, uri: &Uri, headers: &HeaderMap, surface: &dyn Surface) -> Answer {
    let path = uri.path();
    // Probes and scrapers come by any name; they learn nothing that a page from elsewhere could use.
    let open = matches!(path, "/healthz" | "/readyz" | "/metrics");
    if !open && let Err(stranger) = guard::check(method, uri, headers) {
        return problem(StatusCode::FORBIDDEN, stranger.as_str());
    }
    let reads = method == Method::GET || method == Method::HEAD;
    match path {
        RELOAD if method == Method::POST => reload(surface).await,
        RELOAD => not_allowed("POST"),
        "/" if reads => html(page::index(&surface.world(), surface.readiness())),
        _ if reads => read(path, surface),
        _ if path == "/" || PAGES.iter().any(|(known, _)| *known == path) => not_allowed("GET, HEAD"),
        _ => not_found(),
    }
}

fn read(path: &str, surface: &dyn Surface) -> Answer {
    match path {
        "/healthz" => plain(StatusCode::OK, "alive\n"),
        "/readyz" => ready(surface.readiness()),
        "/metrics" => metrics(surface),
        "/api/config" => json(StatusCode::OK, &view::config(&surface.world())),
        "/api/upstreams" => {
            let totals = surface.metrics().totals();
            json(StatusCode::OK, &view::upstreams(&surface.world().model, &totals, |name| surface.endpoints(name)))
        }
        "/api/routes" => json(StatusCode::OK, &view::routes(&surface.world().model, &surface.metrics().totals())),
        _ => not_found(),
    }
}

fn ready(readiness: Readiness) -> Answer {
    let status = if readiness == Readiness::Ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    plain(status, &format!("{}\n", readiness.label()))
}

fn metrics(surface: &dyn Surface) -> Answer {
    let text = surface.metrics().render(|out| surface.expose(out));
    with_type(StatusCode::OK, "text/plain; version=0.0.4; charset=utf-8", text)
}

async fn reload(surface: &dyn Surface) -> Answer {
    match surface.reload().await {
        Ok(generation) => json(StatusCode::OK, &json!({ "result": "published", "generation": generation })),
        Err(refusal) => {
            let answer = json!({ "result": "refused", "message": refusal.message, "problems": refusal.problems });
            json(StatusCode::UNPROCESSABLE_ENTITY, &answer)
        }
    }
}

fn not_found() -> Answer {
    problem(StatusCode::NOT_FOUND, "nothing is here; / lists what there is")
}

fn not_allowed(allowed: &'static str) -> Answer {
    let mut answer = problem(StatusCode::METHOD_NOT_ALLOWED, "this is asked for by another method");
    answer.headers_mut().insert(ALLOW, HeaderValue::from_static(allowed));
    answer
}

fn problem(status: StatusCode, message: &str) -> Answer {
    json(status, &json!({ "message": message }))
}

fn json(status: StatusCode, value: &Value) -> Answer {
    with_type(status, "application/json", format!("{value:#}\n"))
}

fn plain(status: StatusCode, text: &str) -> Answer {
    with_type(status, "text/plain; charset=utf-8", text.to_owned())
}

fn html(text: String) -> Answer {
    let mut answer = with_type(StatusCode::OK, "text/html; charset=utf-8", text);
    let policy =
        "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'";
    answer.headers_mut().insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    answer
}

fn with_type(status: StatusCode, content_type: &'static str, text: String) -> Answer {
    let mut answer = Response::new(Full::from(text));
    *answer.status_mut() = status;
    let fields = [
        (CONTENT_TYPE, content_type),
        (CACHE_CONTROL, "no-store"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (X_FRAME_OPTIONS, "DENY"),
    ];
    for (name, value) in fields {
        answer.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    answer
}
