//! A new version among the old one: who goes there and stays there, what is only tried on it, and what fails on purpose.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::{Edge, Gate, Message, Origin, Proxy, Wire, eventually, ok};

fn log_line(proxy: &Proxy, number: usize) -> Value {
    serde_json::from_str(&proxy.access_log(number)[number - 1]).unwrap()
}

fn ask(proxy: &Proxy, fields: &str) -> Message {
    proxy.connect("web").ask(&format!("GET /a?b HTTP/1.1\r\nHost: shop.test\r\n{fields}\r\n"))
}

#[test]
fn a_cookie_or_its_absence_chooses_the_route() {
    let route = |name: &str, cookies: &str| {
        format!("[[routes]]\nname = \"{name}\"\n{cookies}\nrespond = {{ body = \"{name}\" }}\n")
    };
    let proxy = Proxy::start(&format!(
        "[listeners.web]\naddress = \"127.0.0.1:0\"\n{}{}{}{}",
        route("beta", "cookies = { beta = \"1\" }"),
        route("version", "cookies = { version = { regex = '^v[0-9]+$' } }\nheaders = { x-old = { present = false } }"),
        route("guest", "cookies = { session = { present = false } }"),
        route("member", "")
    ));
    for (fields, expected) in [
        ("Cookie: a=b; beta=1; session=x\r\n", "beta"),
        ("Cookie: beta=10; session=x\r\n", "member"),
        ("Cookie: session=x; version=v12\r\n", "version"),
        ("Cookie: session=x; version=v12\r\nX-Old: 1\r\n", "member"),
        ("Cookie: Session=x\r\n", "guest"),
        ("", "guest"),
    ] {
        assert_eq!(ask(&proxy, fields).text(), expected, "{fields}");
    }
}

/// Routes of a split between two upstreams that answer with their names; the cookie is `cohort`.
fn split(stable: &Origin, next: &Origin, weights: [u32; 2]) -> String {
    format!(
        "[listeners.web]\naddress = \"127.0.0.1:0\"\ntrusted_proxies = [\"127.0.0.1\"]\n\
         [upstreams.stable]\nendpoints = [\"{}\"]\n[upstreams.next]\nendpoints = [\"{}\"]\n\
         [[routes]]\nname = \"shop\"\nsplit_cookie = \"cohort\"\n\
         split = [{{ upstream = \"stable\", weight = {} }}, {{ upstream = \"next\", weight = {} }}]\n",
        stable.address, next.address, weights[0], weights[1]
    )
}

/// The cookie that a response sets.
fn cookie(response: &Message) -> String {
    let set = response.headers("set-cookie");
    assert_eq!(set.len(), 1, "{}", response.head);
    set[0].split(';').next().unwrap().to_owned()
}

#[test]
fn a_client_keeps_its_place_while_weights_change() {
    let (stable, next) = (Origin::answering(ok("stable")), Origin::answering(ok("next")));
    let proxy = Proxy::start(&split(&stable, &next, [50, 50]));
    let mut clients = BTreeMap::new();
    let first = ask(&proxy, "X-Forwarded-Proto: https\r\n");
    let attributes = first.header("set-cookie").unwrap().split_once("; ").unwrap().1.to_owned();
    assert_eq!(attributes, "Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=2592000");
    let mut web = proxy.connect("web");
    for _ in 0..40 {
        let response = web.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(response.header("cache-control"), Some("private"));
        clients.insert(cookie(&response), response.text());
    }
    let mut arms = |weights: &str| {
        let mut seen = BTreeMap::new();
        for cookie in clients.keys() {
            let response = web.ask(&format!("GET / HTTP/1.1\r\nHost: a\r\nCookie: {cookie}\r\n\r\n"));
            assert_eq!(response.header("set-cookie"), None, "{weights}: it has it");
            assert_eq!(response.header("cache-control"), None);
            seen.insert(cookie.clone(), response.text());
        }
        seen
    };
    let even = arms("50 to 50");
    assert_eq!(even, clients, "everybody stays");
    let by_hand = |weights: Value| {
        let body = json!({ "route": "shop", "weights": weights }).to_string();
        let head = format!("POST /api/splits HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n", body.len());
        assert_eq!(Wire::connect(proxy.admin()).ask(&(head + &body)).status(), 200);
    };
    let grown = |before: &BTreeMap<String, String>, after: &BTreeMap<String, String>| {
        before.iter().all(|(client, arm)| arm == &after[client] || after[client] == "next")
    };
    by_hand(json!({ "stable": 20, "next": 80 }));
    let more = arms("20 to 80, by hand");
    assert!(grown(&even, &more), "nobody leaves the arm that grows");
    proxy.reload(&split(&stable, &next, [5, 95])).unwrap();
    let most = arms("5 to 95, by a reload");
    assert!(grown(&more, &most));
    by_hand(json!({ "stable": 100, "next": 0 }));
    assert!(arms("a rollback").values().all(|arm| arm == "stable"));
    by_hand(json!({ "stable": 50, "next": 50 }));
    assert_eq!(arms("as at the beginning"), even, "everybody is back");
    // What is no place is as good as none.
    let response = ask(&proxy, "Cookie: cohort=1000000; cohort=-1\r\n");
    assert_ne!(cookie(&response), "cohort=1000000");
}

#[test]
fn what_is_stored_for_all_has_nobodys_place() {
    let stored = "HTTP/1.1 200 OK\r\ncache-control: max-age=600\r\ncontent-length: 2\r\n\r\nok";
    let (stable, next) = (Origin::answering(stored), Origin::answering(stored));
    let proxy = Proxy::start(&format!("{}cache = true\n", split(&stable, &next, [1, 0])));
    let places: Vec<_> = (0..3)
        .map(|_| {
            let response = ask(&proxy, "");
            assert_eq!(response.header("cache-control"), Some("max-age=600"), "as the origin says it");
            assert_eq!(response.headers("cache-control"), ["max-age=600", "private"]);
            cookie(&response)
        })
        .collect();
    assert!(places[0] != places[1] && places[1] != places[2] && places[0] != places[2], "{places:?}");
    let response = ask(&proxy, &format!("Cookie: {}\r\n", places[0]));
    assert_eq!((response.headers("set-cookie").len(), response.headers("cache-control")), (0, vec!["max-age=600"]));
    assert_eq!(stable.requests().len(), 1, "one fetch for all");
}

/// Forwards to one origin, with copies to another.
fn mirrored(origin: &Origin, shadow: impl std::fmt::Display, keys: &str) -> Edge {
    Edge::to(origin.address)
        .route(&format!("mirror = {{ upstream = \"shadow\"{keys} }}"))
        .more(&format!("[upstreams.shadow]\nendpoints = [\"{shadow}\"]"))
}

fn copies(proxy: &Proxy, result: &str) -> f64 {
    proxy.metric(&format!("tidegate_mirror_requests_total{{route=\"all\",result=\"{result}\"}}"))
}

fn dropped(proxy: &Proxy, reason: &str) -> f64 {
    proxy.metric(&format!("tidegate_mirror_dropped_total{{route=\"all\",reason=\"{reason}\"}}"))
}

fn in_flight(proxy: &Proxy) -> f64 {
    proxy.metric("tidegate_mirror_in_flight{route=\"all\"}")
}

#[test]
fn a_copy_is_the_same_request_with_a_mark() {
    let (origin, shadow) = (Origin::answering(ok("origin")), Origin::answering(ok("shadow")));
    let proxy = mirrored(&origin, shadow.address, "").route("strip_prefix = \"/api\"").start();
    let mut client = proxy.connect("web");
    // The mark of somebody else is none.
    client.send("POST /api/a?b HTTP/1.1\r\nHost: shop.test\r\nX-Tidegate-Mirror: 1\r\nContent-Length: 5\r\n\r\nhello");
    assert_eq!(client.response("POST").text(), "origin");
    client.send("POST /api/c HTTP/1.1\r\nHost: shop.test\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n");
    client.send("2\r\nlo\r\n0\r\n\r\n");
    assert_eq!(client.response("POST").text(), "origin");
    assert_eq!(client.ask("GET /api/d HTTP/1.1\r\nHost: shop.test\r\n\r\n").text(), "origin");
    let mut lines: Vec<_> = (1..=3)
        .map(|number| {
            let copy = shadow.request(number);
            assert_eq!((copy.header("host"), copy.header("x-tidegate-mirror")), (Some("shop.test"), Some("1")));
            assert!(copy.header("x-request-id").is_some());
            format!("{} {}", copy.first_line(), copy.text())
        })
        .collect();
    lines.sort();
    assert_eq!(lines, ["GET /d HTTP/1.1 ", "POST /a?b HTTP/1.1 hello", "POST /c HTTP/1.1 hello"]);
    assert!(origin.requests().iter().all(|request| request.header("x-tidegate-mirror").is_none()));
    eventually("all are answered", || copies(&proxy, "answered") == 3.0 && in_flight(&proxy) == 0.0);
}

#[test]
fn a_shadow_that_is_gone_is_nothing_to_clients() {
    let origin = Origin::answering(ok("origin"));
    // Nobody listens at a port that only a root could take.
    let nobody = "127.0.0.1:1";
    let proxy = mirrored(&origin, nobody, "").start();
    let mut client = proxy.connect("web");
    for _ in 0..12 {
        assert_eq!(client.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").text(), "origin");
    }
    eventually("all have failed", || copies(&proxy, "failed") == 12.0);
    let line = log_line(&proxy, 12);
    assert_eq!(
        (&line["attempts"], &line["upstream"], &line["fault"]),
        (&1.into(), &"app".into(), &Value::Null),
        "{line}"
    );
    let ejected = format!("tidegate_endpoint_ejected{{upstream=\"app\",endpoint=\"{}\"}}", origin.address);
    assert_eq!((proxy.metric(&ejected), proxy.metric("tidegate_upstream_retries_total{upstream=\"app\"}")), (0.0, 0.0));
}

#[test]
fn copies_are_bounded_and_nobody_waits_for_them() {
    let gate = Gate::new();
    let shadow = Origin::scripted({
        let gate = gate.clone();
        move |visit| {
            gate.wait();
            visit.read_body();
            visit.send(ok("late"));
        }
    });
    let origin = Origin::scripted(|visit| {
        if visit.request.header("upgrade").is_some() {
            visit.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
            return visit.close();
        }
        let length = visit.read_body().body.len();
        visit.send(ok(&length.to_string()));
    });
    let proxy = mirrored(&origin, shadow.address, ", max_requests = 1, timeout = \"15s\"").start();
    let mut client = proxy.connect("web");
    let mut post = |size: usize, chunked: bool| {
        let body = "x".repeat(size);
        let (framing, body) = if chunked {
            ("Transfer-Encoding: chunked".to_owned(), format!("{size:x}\r\n{body}\r\n0\r\n\r\n"))
        } else {
            (format!("Content-Length: {size}"), body)
        };
        client.send(format!("POST / HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n{body}"));
        assert_eq!(client.response("POST").text(), size.to_string());
    };
    // Too large, known before and found out on the way; the origin has had all of it.
    post((64 << 10) + 1, false);
    assert_eq!(dropped(&proxy, "body_too_large"), 1.0);
    post((64 << 10) + 1, true);
    eventually("the place is free again", || in_flight(&proxy) == 0.0);
    assert_eq!(dropped(&proxy, "body_too_large"), 2.0);
    // As large as may be; its copy stays where it is, and the others have none.
    post(64 << 10, true);
    eventually("it is under way", || in_flight(&proxy) == 1.0);
    post(3, false);
    post(4, true);
    assert_eq!((dropped(&proxy, "in_flight"), in_flight(&proxy)), (2.0, 1.0));
    let mut socket = proxy.connect("web");
    socket.send(
        "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    );
    assert!(socket.head().unwrap().starts_with("HTTP/1.1 101"));
    assert_eq!(dropped(&proxy, "upgrade"), 1.0);
    gate.open();
    eventually("it is answered", || copies(&proxy, "answered") == 1.0 && in_flight(&proxy) == 0.0);
    assert_eq!(shadow.request(1).body.len(), 64 << 10);
    // A client that goes in the middle of its body leaves half a copy, which nobody gets.
    let mut client = proxy.connect("web");
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf");
    eventually("it has begun", || in_flight(&proxy) == 1.0);
    drop(client);
    eventually("it is given up", || dropped(&proxy, "body_incomplete") == 1.0 && in_flight(&proxy) == 0.0);
    assert_eq!(shadow.requests().len(), 1);
}

#[test]
fn faults_on_purpose_say_so() {
    let origin = Origin::answering(ok("origin"));
    let inject = "inject = { delay = { time = \"60ms\", share = \"100%\" }, abort = { status = 502, share = \"100%\" }, \
                  headers = { x-chaos = \"on\" } }";
    let edge = Edge::to(origin.address);
    let proxy = edge.clone().route(inject).route("timeout = \"10s\"").start();
    assert_eq!(ask(&proxy, "").text(), "origin");
    let begun = Instant::now();
    let response = ask(&proxy, "X-Chaos: on\r\n");
    assert!(begun.elapsed() >= Duration::from_millis(60));
    assert_eq!(response.status(), 502);
    let said = response.header("proxy-status").unwrap();
    assert!(said.contains("error=proxy_internal_response") && said.contains("injected_abort"), "{said}");
    let (plain, injected) = (log_line(&proxy, 1), log_line(&proxy, 2));
    assert_eq!((&plain["injected"], &plain["fault"]), (&Value::Null, &Value::Null), "{plain}");
    let facts = ["injected", "fault", "side", "attempts"].map(|name| injected[name].clone());
    assert_eq!(facts, [json!("delay,abort"), json!("injected_abort"), json!("us"), json!(0)], "{injected}");
    origin.request(1);
    assert_eq!(origin.requests().len(), 1, "it went nowhere");
    let count = |kind: &str| proxy.metric(&format!("tidegate_injected_total{{route=\"all\",kind=\"{kind}\"}}"));
    assert_eq!((count("delay"), count("abort")), (1.0, 1.0));
    // What waits does so within its time, and only what is to fail fails.
    let delay = "inject = { delay = { time = \"9m\", share = \"100%\" } }\ntimeout = \"50ms\"";
    proxy.reload(&edge.clone().route(delay).toml()).unwrap();
    let response = ask(&proxy, "");
    assert_eq!(response.status(), 504);
    assert!(response.header("proxy-status").unwrap().contains("exchange_timeout"));
    assert_eq!((log_line(&proxy, 3)["injected"].clone(), count("delay")), (json!("delay"), 2.0));
    proxy.reload(&edge.route("inject = { delay = { time = \"5ms\", share = \"100%\" } }").toml()).unwrap();
    assert_eq!(ask(&proxy, "").text(), "origin");
}
