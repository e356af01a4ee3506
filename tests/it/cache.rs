//! Routes with a cache: what is stored, what is not, and who waits for whom.

mod collapse;
mod deception;
mod disk;
mod fields;
mod parts;
mod purge;
mod queries;
mod serving;
mod stale;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::{Edge, Message, Origin, Proxy, Visit, eventually};

/// An edge whose one route has a cache, with a second worker so that what is shared is shared between threads.
fn caching(origin: &Origin) -> Edge {
    Edge::to(origin.address).route("cache = true").more("[server]\nworkers = 2")
}

/// A response with these fields and that body.
fn response(fields: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n{fields}\r\n{body}", body.len())
}

/// An origin that numbers its answers: `1`, `2` and so on, with these fields.
fn counting(fields: &'static str) -> Origin {
    let count = Arc::new(AtomicUsize::new(0));
    Origin::scripted(move |visit: &mut Visit<'_>| {
        visit.read_body();
        let number = count.fetch_add(1, Ordering::SeqCst) + 1;
        visit.send(response(fields, &number.to_string()));
    })
}

/// One request with these fields, on a connection of its own.
fn ask(proxy: &Proxy, method: &str, path: &str, fields: &str) -> Message {
    let request = format!("{method} {path} HTTP/1.1\r\nHost: example.org\r\n{fields}\r\n");
    let mut wire = proxy.connect("web");
    wire.send(request);
    wire.response(method)
}

/// Holds the origin to the number of requests that it has seen.
fn assert_asked(origin: &Origin, times: usize) {
    eventually("the origin has done with all of them", || origin.requests().len() >= times);
    assert_eq!(origin.requests().len(), times);
}

/// What `Cache-Status` says.
fn verdict(response: &Message) -> String {
    response.header("cache-status").unwrap_or_default().to_owned()
}

#[test]
fn what_is_fresh_is_asked_for_once() {
    let origin = counting("cache-control: max-age=60\r\netag: \"e\"\r\nx-kept: yes\r\n");
    let proxy = caching(&origin).start();
    let first = ask(&proxy, "GET", "/a?b", "");
    assert_eq!((first.status(), first.text().as_str()), (200, "1"), "{}", first.head);
    assert_eq!(verdict(&first), "tidegate; fwd=uri-miss; stored; detail=miss");
    assert_eq!(first.header("age"), None);
    for _ in 0..4 {
        let again = ask(&proxy, "GET", "/a?b", "");
        assert_eq!((again.status(), again.text().as_str()), (200, "1"));
        assert!(verdict(&again).starts_with("tidegate; hit; ttl="), "{}", again.head);
        assert_eq!((again.header("x-kept"), again.header("etag")), (Some("yes"), Some("\"e\"")));
        assert!(again.header("age").is_some() && again.header("date").is_some());
        assert_eq!(again.headers("content-length"), ["1"]);
    }
    assert_eq!(ask(&proxy, "GET", "/a?c", "").text(), "2", "another query is another key");
    assert_asked(&origin, 2);
}

#[test]
fn a_route_without_a_cache_stores_nothing() {
    let origin = counting("cache-control: max-age=60\r\n");
    let proxy = Edge::to(origin.address).start();
    for number in ["1", "2"] {
        let response = ask(&proxy, "GET", "/", "");
        assert_eq!((response.text().as_str(), response.header("cache-status")), (number, None));
    }
}

#[test]
fn the_access_log_tells_of_it() {
    let origin = counting("cache-control: max-age=60\r\n");
    let proxy = Edge::to(origin.address).route("cache = true").start();
    for method in ["GET", "GET", "POST"] {
        ask(&proxy, method, "/", if method == "POST" { "Content-Length: 0\r\n" } else { "" });
    }
    let lines = proxy.access_log(3);
    let facts: Vec<_> = lines
        .iter()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
        .map(|line| (line["cache"].as_str().unwrap().to_owned(), line["cache_reason"].as_str().map(str::to_owned)))
        .collect();
    assert_eq!(facts[0], ("miss".into(), Some("miss".into())));
    assert_eq!(facts[1], ("hit".into(), None));
    assert_eq!(facts[2], ("bypass".into(), Some("method".into())));
    let count = |verdict: &str| {
        proxy.metric(&format!("tidegate_cache_requests_total{{listener=\"web\",route=\"all\",verdict=\"{verdict}\"}}"))
    };
    assert_eq!(["hit", "miss", "bypass"].map(count), [1.0, 1.0, 1.0]);
}

#[test]
fn a_reload_keeps_what_is_stored() {
    let origin = counting("cache-control: max-age=60\r\n");
    let edge = caching(&origin);
    let proxy = edge.start();
    assert_eq!(ask(&proxy, "GET", "/", "").text(), "1");
    proxy.reload(&edge.clone().route("max_body = \"1MiB\"").toml()).unwrap();
    assert_eq!(ask(&proxy, "GET", "/", "").text(), "1");
    // A route that asks in another way shares nothing with what it was.
    proxy.reload(&edge.route("request_headers = { set = { x-tenant = \"b\" } }").toml()).unwrap();
    assert_eq!(ask(&proxy, "GET", "/", "").text(), "2");
}
