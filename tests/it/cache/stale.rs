//! Serving what is stale: while it is validated, and instead of an error.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{ask, caching, response, verdict};
use crate::support::{Edge, Origin, eventually};

/// Answers with its number, stale at once.
fn numbers(fields: &'static str) -> (Origin, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let seen = count.clone();
    let origin = Origin::scripted(move |visit| {
        let number = seen.fetch_add(1, Ordering::SeqCst) + 1;
        visit.send(response(fields, &number.to_string()));
    });
    (origin, count)
}

#[test]
fn stale_while_revalidate() {
    let (origin, count) = numbers("cache-control: max-age=0, stale-while-revalidate=60\r\netag: \"e\"\r\n");
    let proxy = caching(&origin).start();
    assert_eq!(ask(&proxy, "GET", "/", "").text(), "1");
    let stale = ask(&proxy, "GET", "/", "");
    assert_eq!(stale.text(), "1", "{}", stale.head);
    assert!(verdict(&stale).starts_with("tidegate; hit; ttl="), "{}", stale.head);
    eventually("it is fetched behind", || count.load(Ordering::SeqCst) >= 2);
    assert_eq!(origin.request(2).header("if-none-match"), Some("\"e\""));
    eventually("the new one is served", || ask(&proxy, "GET", "/", "").text() != "1");
}

#[test]
fn stale_if_error() {
    let count = Arc::new(AtomicUsize::new(0));
    let origin = Origin::scripted({
        let count = count.clone();
        move |visit| match count.fetch_add(1, Ordering::SeqCst) {
            0 => visit.send(response("cache-control: max-age=0, stale-if-error=60\r\n", "good")),
            1 => visit.send("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 3\r\n\r\nbad"),
            2 => visit.send("HTTP/1.1 404 Not Found\r\ncontent-length: 4\r\n\r\ngone"),
            _ => visit.reset(),
        }
    });
    let proxy = caching(&origin).start();
    assert_eq!(ask(&proxy, "GET", "/", "").text(), "good");
    let stale = ask(&proxy, "GET", "/", "");
    assert_eq!((stale.status(), stale.text().as_str()), (200, "good"));
    assert_eq!(verdict(&stale).split("ttl").next().unwrap(), "tidegate; fwd=stale; fwd-status=503; ");
    // Not every status is an error.
    assert_eq!(ask(&proxy, "GET", "/", "").status(), 404);
}

#[test]
fn stale_when_the_origin_is_gone() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let once = std::thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut wire = crate::support::Wire::over_tcp(stream);
        wire.head().unwrap();
        wire.send(response("cache-control: max-age=0\r\nconnection: close\r\n", "kept"));
    });
    let proxy = Edge::to(address).route("cache = { stale_if_error = \"1h\" }").start();
    assert_eq!(ask(&proxy, "GET", "/", "").text(), "kept");
    once.join().unwrap();
    for _ in 0..2 {
        let stale = ask(&proxy, "GET", "/", "");
        assert_eq!((stale.status(), stale.text().as_str()), (200, "kept"), "{}", stale.head);
        assert!(verdict(&stale).contains("detail=stale_if_error"), "{}", stale.head);
    }
    assert_eq!(ask(&proxy, "GET", "/other", "").status(), 502);
}

#[test]
fn must_revalidate_is_never_served_stale() {
    let count = Arc::new(AtomicUsize::new(0));
    let origin = Origin::scripted({
        let count = count.clone();
        move |visit| match count.fetch_add(1, Ordering::SeqCst) {
            0 => visit
                .send(response("etag: \"e\"\r\ncache-control: max-age=0, must-revalidate, stale-if-error=60\r\n", "x")),
            _ => visit.send("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 3\r\n\r\nbad"),
        }
    });
    let proxy = caching(&origin).start();
    assert_eq!(ask(&proxy, "GET", "/", "").text(), "x");
    assert_eq!(ask(&proxy, "GET", "/", "").status(), 503);
}
