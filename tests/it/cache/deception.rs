//! What attackers try: to store what is not for all, or to have others served what they made.

use super::{ask, assert_asked, caching, counting, response};
use crate::support::{Edge, Origin};

#[test]
fn what_is_private_is_never_stored() {
    for fields in [
        "cache-control: private, max-age=60\r\n",
        "cache-control: no-store\r\n",
        "cache-control: max-age=60\r\nset-cookie: session=1\r\n",
        "cache-control: max-age=60\r\nvary: *\r\n",
        "",
        "expires: 0\r\n",
    ] {
        let origin = counting(Box::leak(fields.to_owned().into_boxed_str()));
        let proxy = caching(&origin).start();
        // A path that looks like a style sheet changes nothing: what counts is what the origin says.
        for number in ["1", "2", "3"] {
            let response = ask(&proxy, "GET", "/account/x.css", "Cookie: session=1\r\n");
            assert_eq!(response.text(), number, "{fields:?}: {}", response.head);
        }
    }
}

#[test]
fn what_is_asked_for_with_credentials_is_not_for_others() {
    let origin = counting("cache-control: max-age=60\r\n");
    let proxy = caching(&origin).start();
    assert_eq!(ask(&proxy, "GET", "/", "Authorization: Basic YTpi\r\n").text(), "1");
    assert_eq!(ask(&proxy, "GET", "/", "").text(), "2");
    assert_eq!(ask(&proxy, "GET", "/", "").text(), "2");
}

/// An origin that tells back everything that it was told.
fn reflecting() -> Origin {
    Origin::scripted(|visit| {
        let request = visit.read_body();
        let seen = format!("{}{}", request.head, request.text());
        visit.send(response("cache-control: max-age=60\r\n", &seen));
    })
}

#[test]
fn what_is_not_in_the_key_is_not_reflected() {
    for poison in [
        "X-Forwarded-Host: evil.example\r\n",
        "X-Forwarded-Proto: evil\r\n",
        "X-Forwarded-For: evil\r\n",
        "Forwarded: host=evil.example\r\n",
        "X-Forwarded-Port: evil\r\n",
        "X-Forwarded-Prefix: evil\r\n",
        "X-Forwarded_Host: evil\r\n",
        "X-Real-IP: evil\r\n",
        "X-Original-URL: evil\r\n",
        "X-Rewrite-URL: evil\r\n",
        "X-HTTP-Host-Override: evil\r\n",
        "X-HTTP-Method-Override: evil\r\n",
        "X-HTTP-Method: evil\r\n",
        "X-Method-Override: evil\r\n",
        "Content-Length: 4\r\n\r\nevil",
        "Transfer-Encoding: chunked\r\n\r\n4\r\nevil\r\n0\r\n",
    ] {
        let origin = reflecting();
        let proxy = Edge::to(origin.address).route("cache = true").start();
        let poisoned = ask(&proxy, "GET", "/", poison);
        assert_eq!(poisoned.status(), 200, "{poison}");
        let clean = ask(&proxy, "GET", "/", "");
        assert!(!clean.text().contains("evil"), "{poison}: {}", clean.text());
    }
}

#[test]
fn paths_that_an_origin_can_tell_apart_are_kept_apart() {
    let origin = Origin::scripted(|visit| {
        let target = visit.request.first_line().split(' ').nth(1).unwrap().to_owned();
        visit.send(response("cache-control: max-age=60\r\n", &target));
    });
    let proxy = caching(&origin).start();
    for path in ["/a", "/A", "/a/", "/a%2Fb", "/a/b", "/a;x", "/a?x", "/a?X", "/a?", "/a?x&y", "/a?y&x", "/a%3Fx"] {
        let seen = ask(&proxy, "GET", path, "").text();
        let again = ask(&proxy, "GET", path, "").text();
        assert_eq!(seen, again);
        let spelt = |text: &str| text.to_ascii_lowercase();
        assert_eq!(spelt(&seen), spelt(path), "what was stored under another path came back");
    }
}

#[test]
fn hosts_are_kept_apart() {
    let origin = reflecting();
    let proxy = caching(&origin).start();
    let host = |host: &str| {
        let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n");
        proxy.connect("web").ask(&request).text()
    };
    for name in ["a.example", "b.example", "a.example:81"] {
        for _ in 0..2 {
            assert!(host(name).contains(&format!("host: {name}\r\n")), "{name}");
        }
    }
    assert_asked(&origin, 3);
}
