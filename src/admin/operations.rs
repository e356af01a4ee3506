//! What can be asked for, in the order of the index. `openapi.json` describes each, and a test holds it to this list.

use super::page;

/// One thing to ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Operation {
    /// `GET` or `POST`
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    /// For the index.
    pub(crate) what: &'static str,
}

const fn operation(method: &'static str, path: &'static str, what: &'static str) -> Operation {
    Operation { method, path, what }
}

/// All of them.
pub(crate) const OPERATIONS: [Operation; 26] = [
    operation("GET", "/healthz", "whether the program lives"),
    operation("GET", "/readyz", "whether traffic should come here"),
    operation("GET", "/metrics", "counters, as Prometheus reads them"),
    operation("GET", "/api/openapi.json", "this interface, for machines"),
    operation("GET", "/api/status", "version, generation, workers, connections"),
    operation("GET", "/api/config", "the config in force"),
    operation("GET", "/api/listeners", "listeners and what came to them"),
    operation("GET", "/api/upstreams", "upstreams and their endpoints"),
    operation("GET", "/api/routes", "routes and what they have done"),
    operation("GET", "/api/certificates", "certificates and the days that are left"),
    operation("GET", "/api/series", "how the traffic was during the last hour"),
    operation("GET", "/api/events", "what became of endpoints, and of guarded reloads"),
    operation("GET", "/api/faults", "the last requests that failed, and why"),
    operation("GET", "/api/reloads", "configs that were put in force, refused or taken back"),
    operation("GET", "/api/discovery", "containers, and labels that are not heard"),
    operation("GET", "/api/explain", "which route takes a request, and why"),
    operation("GET", "/api/cache", "how full the cache is, in memory and on the disk"),
    operation("GET", "/api/cache/lookup", "what the cache knows of a URL"),
    operation("GET", "/api/tap", "requests as they end"),
    operation("GET", "/api/log", "the level of the program's log"),
    operation("POST", "/api/log", "changes the level of the program's log"),
    operation("POST", "/api/reload", "reads the config again"),
    operation("POST", "/api/cache/purge", "takes things out of the cache"),
    operation("POST", "/api/endpoints/drain", "keeps an endpoint out"),
    operation("POST", "/api/endpoints/undrain", "takes it back in"),
    operation("POST", "/api/splits", "changes the weights of a split"),
];

/// The methods that a path takes, for `Allow`; none where nothing is there.
pub(crate) fn allowed(path: &str) -> Option<&'static str> {
    let has = |method: &str| OPERATIONS.iter().any(|known| known.path == path && known.method == method);
    match (has("GET") || is_page(path), has("POST")) {
        (true, true) => Some("GET, HEAD, POST"),
        (true, false) => Some("GET, HEAD"),
        (false, true) => Some("POST"),
        (false, false) => None,
    }
}

/// Whether it is the dashboard, or a part of it: the same for everybody, and nothing of this program's state.
pub(crate) fn is_page(path: &str) -> bool {
    path == "/" || page::part(path).is_some()
}

/// Whether it is answered to anybody: probes come by any name and have no token; they learn nothing that could be used.
pub(crate) fn is_open(path: &str) -> bool {
    matches!(path, "/healthz" | "/readyz")
}
