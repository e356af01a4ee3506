//! What a client sees when something is wrong, and whose fault it is.

use crate::support::{Edge, Message, Origin, Proxy, dead_address, ok};

/// Checks what every error of the proxy has, and that it gives nothing away.
fn assert_error(response: &Message, status: u16, what: &str) {
    assert_eq!(response.status(), status, "{what}: {}", response.head);
    let proxy_status =
        response.header("proxy-status").unwrap_or_else(|| panic!("{what}: no Proxy-Status: {}", response.head));
    assert!(proxy_status.starts_with("tidegate"), "{what}: {proxy_status}");
    assert!(!response.text().contains("127.0.0.1") && !response.head.contains("127.0.0.1"), "{what}: {response:?}");
    assert!(response.header("date").is_some(), "{what}");
}

#[test]
fn what_could_be_read_in_two_ways_is_refused() {
    let origin = Origin::answering(ok("smuggled"));
    let proxy = Edge::to(origin.address).start();
    for request in [
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 3, 4\r\n\r\nabcd",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\nabc",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n X: folded\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\nX: bare\r\n\r\n",
        "GET / HTTP/1.1\nHost: a\n\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX(y): z\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\n: z\r\n\r\n",
        "GET / HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: user@a\r\n\r\n",
        "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET a HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
        "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.2x\r\nHost: a\r\n\r\n",
        "G(T / HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /%00 HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /%zz HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /../x HTTP/1.1\r\nHost: a\r\n\r\n",
        "\x16\x03\x01\x02\0\x01\0\x01\r\n\r\n",
    ] {
        let mut client = proxy.connect("web");
        client.send(request);
        let response = client.response("GET");
        assert!(matches!(response.status(), 400 | 501 | 505), "{request:?}: {}", response.head);
        assert_error(&response, response.status(), request);
        assert_eq!(origin.requests().len(), 0, "{request:?} reached the origin");
    }
}

#[test]
fn a_connection_whose_framing_is_in_doubt_is_closed() {
    let origin = Origin::answering(ok("smuggled"));
    let proxy = Edge::to(origin.address).start();
    for request in [
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    ] {
        let mut client = proxy.connect("web");
        client.send(format!("{request}GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"));
        let response = client.response("GET");
        assert_eq!(response.status(), 400);
        assert_eq!(response.header("connection"), Some("close"));
        assert!(client.is_closed(), "{request}");
        assert_eq!(origin.requests().len(), 0);
    }
}

#[test]
fn a_chunked_body_that_is_malformed_reaches_no_end() {
    for chunk in [
        "5\nhello\r\n",
        "5\r\nhelloX\r\n",
        "g\r\n",
        "5 \r\nhello\r\n",
        "5 5\r\nhello\r\n",
        "fffffffffffffffff\r\n",
        "-1\r\n",
        "5;a\nb\r\nhello\r\n",
    ] {
        let origin = Origin::scripted(|visit| {
            let whole = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| visit.read_body().text()));
            assert!(whole.is_err(), "a malformed body passed as whole: {whole:?}");
            visit.close();
        });
        let proxy = Edge::to(origin.address).start();
        let mut client = proxy.connect("web");
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{chunk}0\r\n\r\n"));
        assert_eq!(client.response("POST").status(), 400, "{chunk:?}");
        assert!(client.is_closed(), "{chunk:?}");
    }
}

#[test]
fn no_route_is_404_and_keeps_the_connection() {
    let proxy = Proxy::start(
        "[listeners.web]\naddress = \"127.0.0.1:0\"\n[[routes]]\nname = \"a\"\npath = \"/a\"\nrespond = { body = \"a\" }",
    );
    let mut client = proxy.connect("web");
    let response = client.ask("GET /b HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_error(&response, 404, "no route");
    let response = client.ask("POST /b HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
    assert_error(&response, 404, "no route, with a body");
    assert_eq!(client.ask("GET /a HTTP/1.1\r\nHost: a\r\n\r\n").text(), "a");
}

#[test]
fn an_endpoint_that_refuses_is_502() {
    let proxy = Edge::to(dead_address()).start();
    let mut client = proxy.connect("web");
    for _ in 0..2 {
        let response = client.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_error(&response, 502, "refused");
        assert!(response.header("proxy-status").unwrap().contains("connection_refused"), "{}", response.head);
    }
}

#[test]
fn an_endpoint_that_resets_or_talks_nonsense_is_502() {
    type Script = fn(&mut crate::support::Visit<'_>);
    let scripts: [(&str, Script); 10] = [
        ("closes", |visit| visit.close()),
        ("resets", |visit| visit.reset()),
        ("half a head", |visit| {
            visit.send("HTTP/1.1 200 OK\r\nContent-");
            visit.close();
        }),
        ("no HTTP", |visit| visit.send("SSH-2.0-OpenSSH_9.2\r\n\r\n")),
        ("two lengths", |visit| visit.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab")),
        ("length and chunks", |visit| {
            visit.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
        }),
        ("obs-fold", |visit| visit.send("HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n")),
        ("status", |visit| visit.send("HTTP/1.1 99 Low\r\nContent-Length: 0\r\n\r\n")),
        ("unasked 101", |visit| {
            visit.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n")
        }),
        ("control byte", |visit| visit.send("HTTP/1.1 200 OK\r\nX: \x01\r\nContent-Length: 0\r\n\r\n")),
    ];
    for (what, script) in scripts {
        let origin = Origin::scripted(script);
        let proxy = Edge::to(origin.address).start();
        let mut client = proxy.connect("web");
        // Not to be tried again: a POST may have had its effect.
        let response = client.ask("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
        assert_error(&response, 502, what);
        assert_eq!(origin.connections(), 1, "{what}");
    }
}

#[test]
fn bytes_behind_a_response_do_not_answer_the_next_request() {
    let origin = Origin::scripted(|visit| {
        let target = visit.request.first_line().to_owned();
        visit.send(ok(&target) + "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison");
    });
    let proxy = Edge::to(origin.address).start();
    let mut client = proxy.connect("web");
    for target in ["/a", "/b"] {
        let response = client.ask(&format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(response.text(), format!("GET {target} HTTP/1.1"));
    }
}

#[test]
fn a_stale_connection_is_replaced_without_the_client_noticing() {
    // Each connection answers once, stays open, and dies with the next request on it.
    let origin = Origin::scripted(|visit| match visit.turn {
        0 => visit.send(ok("fresh")),
        _ => visit.close(),
    });
    let proxy = Edge::to(origin.address).start();
    let mut client = proxy.connect("web");
    for _ in 0..5 {
        assert_eq!(client.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").text(), "fresh");
    }
    assert_eq!(origin.connections(), 5);
}

#[test]
fn what_may_have_had_an_effect_is_not_sent_twice() {
    let origin = Origin::scripted(|visit| match (visit.turn, visit.read_body().first_line().starts_with("GET")) {
        (0, true) => visit.send(ok("warm")),
        _ => visit.close(),
    });
    let proxy = Edge::to(origin.address).start();
    let mut client = proxy.connect("web");
    assert_eq!(client.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").text(), "warm");
    let response = client.ask("POST /pay HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc");
    assert_error(&response, 502, "reset after the request");
    let posts = origin.requests().iter().filter(|request| request.first_line().starts_with("POST")).count();
    assert_eq!(posts, 1);
}

#[test]
fn an_error_speaks_the_clients_language() {
    let proxy = Edge::to(dead_address()).start();
    for (accept, expected) in [
        ("*/*", "text/plain"),
        ("text/html,application/xhtml+xml,*/*;q=0.8", "text/html"),
        ("application/json", "application/problem+json"),
        ("application/problem+json", "application/problem+json"),
    ] {
        let response = proxy.connect("web").ask(&format!("GET / HTTP/1.1\r\nHost: a\r\nAccept: {accept}\r\n\r\n"));
        assert_error(&response, 502, accept);
        let content_type = response.header("content-type").unwrap();
        assert!(content_type.starts_with(expected), "{accept}: {content_type}");
        assert!(!response.body.is_empty());
        if expected.ends_with("json") {
            let problem: serde_json::Value = serde_json::from_slice(&response.body).unwrap();
            assert_eq!(problem["status"], 502);
        }
    }
    let response = proxy.connect("web").ask("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_error(&response, 502, "HEAD");
}

#[test]
fn connect_and_trace_are_refused() {
    let origin = Origin::answering(ok(""));
    let proxy = Edge::to(origin.address).start();
    for request in ["CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n"] {
        let mut client = proxy.connect("web");
        client.send(request);
        let response = client.response("GET");
        assert!(matches!(response.status(), 405 | 501), "{}", response.head);
    }
    assert_eq!(origin.requests().len(), 0);
}

#[test]
fn errors_are_counted_and_logged_with_the_same_word() {
    let proxy = Edge::to(dead_address()).start();
    proxy.get("/x");
    let line: serde_json::Value = serde_json::from_str(&proxy.access_log(1)[0]).unwrap();
    let word = line["fault"].as_str().unwrap();
    assert_eq!(line["status"], 502);
    let metric = format!("tidegate_faults_total{{side=\"upstream\",fault=\"{word}\"}}");
    assert_eq!(proxy.metric(&metric), 1.0, "{}", proxy.ask_admin("GET", "/metrics").text());
}
