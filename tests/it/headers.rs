//! Which fields pass, and which the proxy writes.

use crate::support::{Edge, Message, Origin, Proxy, ok};

/// What the origin sees of a request with these fields.
fn seen(proxy: &Proxy, origin: &Origin, fields: &str) -> Message {
    let before = origin.requests().len();
    let response = proxy.connect("web").ask(&format!("GET / HTTP/1.1\r\nHost: example.com:81\r\n{fields}\r\n"));
    assert_eq!(response.status(), 200, "{}", response.head);
    origin.request(before + 1)
}

#[test]
fn fields_of_one_hop_stay_there() {
    let origin = Origin::answering(
        "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Hop\r\nX-Hop: 1\r\nKeep-Alive: timeout=5\r\nProxy-Connection: keep-alive\r\n\
         X-End: 2\r\nContent-Length: 0\r\n\r\n",
    );
    let proxy = Edge::to(origin.address).start();
    let request = seen(
        &proxy,
        &origin,
        "Connection: keep-alive, X-Drop\r\nX-Drop: 1\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\nTE: trailers\r\n\
         Proxy-Authorization: Basic x\r\nProxy: http://evil\r\nX-Keep: 2\r\n",
    );
    for gone in ["x-drop", "keep-alive", "proxy-connection", "proxy"] {
        assert_eq!(request.header(gone), None, "{gone}");
    }
    assert_eq!(request.header("x-keep"), Some("2"));
    let response = proxy.get("/");
    for gone in ["x-hop", "keep-alive", "proxy-connection"] {
        assert_eq!(response.header(gone), None, "{gone}");
    }
    assert_eq!(response.header("x-end"), Some("2"));
}

#[test]
fn an_upstream_is_told_about_the_client() {
    let origin = Origin::answering(ok(""));
    let proxy = Edge::to(origin.address).start();
    let request = seen(&proxy, &origin, "");
    assert_eq!(request.header("host"), Some("example.com:81"));
    assert_eq!(request.header("x-forwarded-for"), Some("127.0.0.1"));
    assert_eq!(request.header("x-forwarded-proto"), Some("http"));
    assert_eq!(request.header("x-forwarded-host"), Some("example.com:81"));
    let forwarded = request.header("forwarded").unwrap();
    assert!(forwarded.contains("for=127.0.0.1") && forwarded.contains("proto=http"), "{forwarded}");
    assert!(request.header("via").unwrap().starts_with("1.1 "));
    assert_eq!(request.header("x-request-id").unwrap().len(), 32);
    assert_ne!(seen(&proxy, &origin, "").header("x-request-id"), request.header("x-request-id"));
}

#[test]
fn a_client_cannot_say_who_it_is() {
    let origin = Origin::answering(ok(""));
    let proxy = Edge::to(origin.address).start();
    let request = seen(
        &proxy,
        &origin,
        "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\nForwarded: for=6.6.6.6\r\n\
         X_Forwarded_For: 6.6.6.6\r\nX-Real-IP: 6.6.6.6\r\n",
    );
    assert!(!request.head.contains("6.6.6.6"), "{}", request.head);
    assert_eq!(request.headers("x-forwarded-for"), ["127.0.0.1"]);
    assert_eq!(
        (request.header("x-forwarded-proto"), request.header("x-forwarded-host")),
        (Some("http"), Some("example.com:81"))
    );
}

#[test]
fn a_trusted_proxy_is_believed() {
    let origin = Origin::answering(ok(""));
    let proxy = Edge::to(origin.address).listener("trusted_proxies = [\"127.0.0.0/8\", \"10.0.0.0/8\"]").start();
    let request = seen(
        &proxy,
        &origin,
        "X-Forwarded-For: 203.0.113.9, 10.1.1.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: shop.example\r\nX-Request-Id: kept-1\r\n",
    );
    let chain: Vec<_> = request.headers("x-forwarded-for").join(", ").split(", ").map(str::to_owned).collect();
    assert_eq!(chain, ["203.0.113.9", "10.1.1.1", "127.0.0.1"]);
    assert_eq!(request.header("x-forwarded-proto"), Some("https"));
    assert_eq!(request.header("x-forwarded-host"), Some("shop.example"));
    assert_eq!(request.header("x-request-id"), Some("kept-1"));
    let line = proxy.access_log(1).remove(0);
    assert!(line.contains("203.0.113.9"), "the log names the client behind the proxies: {line}");
}

#[test]
fn the_host_is_the_clients_or_the_endpoints() {
    let origin = Origin::answering(ok(""));
    let proxy = Edge::to(origin.address).route("preserve_host = false").start();
    let request = seen(&proxy, &origin, "");
    assert_eq!(request.header("host"), Some(origin.address.to_string().as_str()));
    assert_eq!(request.header("x-forwarded-host"), Some("example.com:81"));
}

#[test]
fn rules_change_requests_and_responses() {
    let origin =
        Origin::answering("HTTP/1.1 200 OK\r\nServer: secret\r\nX-A: 1\r\nX-A: 2\r\nContent-Length: 0\r\n\r\n");
    let proxy = Edge::to(origin.address)
        .route(
            r#"
            request_headers = { set = { "x-set" = "new", "x-client" = "{client_ip}" }, add = { "x-add" = "2" }, remove = ["x-remove", "cookie"] }
            response_headers = { set = { "x-a" = "3", "x-path" = "{path}" }, add = { "vary" = "Origin" }, remove = ["server"] }
            "#,
        )
        .start();
    let request = seen(&proxy, &origin, "X-Set: old\r\nX-Set: older\r\nX-Add: 1\r\nX-Remove: 1\r\nCookie: a=b\r\n");
    assert_eq!(request.headers("x-set"), ["new"]);
    assert_eq!(request.headers("x-add"), ["1", "2"]);
    assert_eq!(request.header("x-client"), Some("127.0.0.1"));
    assert_eq!((request.header("x-remove"), request.header("cookie")), (None, None));
    let response = proxy.get("/some/path");
    assert_eq!(response.headers("x-a"), ["3"]);
    assert_eq!((response.header("server"), response.header("vary")), (None, Some("Origin")));
    assert_eq!(response.header("x-path"), Some("/some/path"));
}

#[test]
fn several_fields_of_a_name_keep_their_order() {
    let origin = Origin::answering(
        "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nX-B: 1\r\nSet-Cookie: b=2\r\nContent-Length: 0\r\n\r\n",
    );
    let proxy = Edge::to(origin.address).start();
    let request = seen(&proxy, &origin, "Accept: a\r\nX-Y: 1\r\nAccept: b\r\n");
    assert_eq!(request.headers("accept"), ["a", "b"]);
    assert_eq!(proxy.get("/").headers("set-cookie"), ["a=1", "b=2"]);
}

#[test]
fn bytes_beyond_ascii_in_values_pass() {
    let origin = Origin::answering(ok(""));
    let proxy = Edge::to(origin.address).start();
    let mut client = proxy.connect("web");
    client.send(b"GET / HTTP/1.1\r\nHost: a\r\nX-Name: caf\xe9\r\n\r\n");
    assert_eq!(client.response("GET").status(), 200);
    assert!(origin.request(1).head.contains("caf\u{fffd}"));
}

#[test]
fn a_response_has_a_date() {
    let origin = Origin::answering(ok(""));
    let proxy = Edge::to(origin.address).start();
    assert!(proxy.get("/").header("date").is_some_and(|date| date.ends_with(" GMT")));
}
