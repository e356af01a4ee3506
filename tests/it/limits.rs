//! Every size and every count has a bound, and the bound has a name.

use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::Value;

use crate::support::{Edge, Gate, Message, Origin, Proxy, Wire, eventually, ok};

fn limited(listener: &str, route: &str) -> (Origin, Proxy) {
    let origin = Origin::answering(ok("fine"));
    let proxy = Edge::to(origin.address).listener(listener).route(route).start();
    (origin, proxy)
}

fn ask(proxy: &Proxy, target: &str, fields: &str) -> Message {
    proxy.connect("web").ask(&format!("GET {target} HTTP/1.1\r\nHost: a\r\n{fields}\r\n"))
}

#[test]
fn heads_have_a_size() {
    let (origin, proxy) = limited("max_head_size = \"2KiB\"\nmax_field_size = \"1KiB\"", "");
    let field = |size: usize| format!("X-Long: {}\r\n", "x".repeat(size));
    assert_eq!(ask(&proxy, "/", &field(900)).status(), 200);
    assert_eq!(ask(&proxy, "/", &field(1100)).status(), 431);
    assert_eq!(ask(&proxy, "/", &field(900).repeat(3)).status(), 431);
    let response = ask(&proxy, "/", &field(100_000));
    assert_eq!(response.status(), 431);
    assert!(response.header("proxy-status").is_some());
    assert_eq!(origin.requests().len(), 1);
}

#[test]
fn fields_are_counted() {
    let (_origin, proxy) = limited("max_fields = 10", "");
    assert_eq!(ask(&proxy, "/", &"X: y\r\n".repeat(9)).status(), 200);
    assert_eq!(ask(&proxy, "/", &"X: y\r\n".repeat(10)).status(), 431);
}

#[test]
fn the_defaults_hold() {
    let (_origin, proxy) = limited("", "");
    assert_eq!(ask(&proxy, "/", &"X: y\r\n".repeat(127)).status(), 200);
    assert_eq!(ask(&proxy, "/", &"X: y\r\n".repeat(128)).status(), 431);
    assert_eq!(ask(&proxy, "/", &format!("X: {}\r\n", "y".repeat(8000))).status(), 200);
    assert_eq!(ask(&proxy, "/", &format!("X: {}\r\n", "y".repeat(8200))).status(), 431);
    assert_eq!(ask(&proxy, "/", &format!("X: {}\r\n", "y".repeat(7000)).repeat(3)).status(), 431);
    assert_eq!(ask(&proxy, &format!("/{}", "p".repeat(8000)), "").status(), 200);
    assert_eq!(ask(&proxy, &format!("/{}", "p".repeat(8200)), "").status(), 414);
}

#[test]
fn targets_have_a_length() {
    let (_origin, proxy) = limited("max_target_size = \"256B\"", "");
    assert_eq!(ask(&proxy, &format!("/{}", "p".repeat(255)), "").status(), 200);
    assert_eq!(ask(&proxy, &format!("/{}", "p".repeat(256)), "").status(), 414);
}

#[test]
fn a_body_that_says_it_is_too_large_never_starts() {
    let (origin, proxy) = limited("", "max_body = \"1KiB\"");
    let mut client = proxy.connect("web");
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1025\r\nExpect: 100-continue\r\n\r\n");
    let response = client.response("POST");
    assert_eq!(response.status(), 413);
    assert!(response.header("proxy-status").is_some());
    assert_eq!(origin.connections(), 0);
    let body = "x".repeat(1024);
    let response =
        proxy.connect("web").ask(&format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1024\r\n\r\n{body}"));
    assert_eq!(response.status(), 200);
}

#[test]
fn a_body_that_grows_too_large_is_stopped() {
    let (_origin, proxy) = limited("", "max_body = \"1KiB\"");
    let mut client = proxy.connect("web");
    client.send("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
    let chunk = format!("200\r\n{}\r\n", "x".repeat(512));
    for _ in 0..3 {
        let _ = client.try_send(&chunk);
    }
    assert_eq!(client.response("POST").status(), 413);
}

#[test]
fn the_default_body_is_sixteen_mebibytes() {
    let (origin, proxy) = limited("", "");
    let mut client = proxy.connect("web");
    client.send(format!("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", (16 << 20) + 1));
    assert_eq!(client.response("POST").status(), 413);
    assert_eq!(origin.connections(), 0);
}

#[test]
fn connections_over_the_limit_are_closed_at_once() {
    let (_origin, proxy) = limited("max_connections = 2", "");
    let mut open: Vec<Wire> = (0..2).map(|_| proxy.connect("web")).collect();
    for client in &mut open {
        assert_eq!(client.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").status(), 200);
    }
    let mut refused = proxy.connect("web");
    let _ = refused.try_send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(refused.is_closed());
    let metric = "tidegate_connections_refused_total{listener=\"web\",reason=\"max_connections\"}";
    assert!(proxy.metric(metric) >= 1.0);
    drop(open);
    eventually("there is room again", || {
        let mut client = proxy.connect("web");
        client.try_send("GET / HTTP/1.1\r\nHost: a\r\n\r\n").is_ok() && client.head().is_some()
    });
}

#[test]
fn exchanges_of_a_route_are_bounded() {
    let gate = Gate::new();
    let origin = Origin::gated(&gate, ok("late"));
    let proxy = Edge::to(origin.address).route("max_requests = 2").start();
    let mut waiting: Vec<_> = (0..2).map(|_| proxy.connect("web")).collect();
    for client in &mut waiting {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    eventually("both are with the origin", || origin.visits() == 2);
    let response = proxy.get("/");
    assert_eq!(response.status(), 503);
    assert!(response.header("retry-after").is_some() && response.header("proxy-status").is_some(), "{}", response.head);
    gate.open();
    for client in &mut waiting {
        assert_eq!(client.response("GET").text(), "late");
    }
    assert_eq!(proxy.get("/").status(), 200);
}

#[test]
fn a_slot_is_held_until_the_last_byte() {
    let gate = Gate::new();
    let origin = Origin::scripted({
        let gate = gate.clone();
        move |visit| {
            visit.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nhalf");
            gate.wait();
            visit.send("rest");
        }
    });
    let proxy = Edge::to(origin.address).route("max_requests = 1").start();
    let mut client = proxy.connect("web");
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(client.head().is_some());
    assert_eq!(proxy.get("/").status(), 503);
    gate.open();
    assert_eq!(client.exactly(8), b"halfrest");
    eventually("the slot is free", || proxy.get("/").status() == 200);
}

#[test]
fn connections_to_an_endpoint_are_bounded() {
    let gate = Gate::new();
    let origin = Origin::gated(&gate, ok("late"));
    let proxy = Edge::to(origin.address).upstream("max_connections = 1").start();
    let mut client = proxy.connect("web");
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    eventually("it is with the origin", || origin.visits() == 1);
    assert_eq!(proxy.get("/").status(), 503);
    gate.open();
    assert_eq!(client.response("GET").text(), "late");
    assert_eq!(origin.connections(), 1);
}

#[test]
fn the_head_of_a_response_has_a_size() {
    let origin = Origin::scripted(|visit| {
        visit.send(format!("HTTP/1.1 200 OK\r\nX: {}\r\nContent-Length: 0\r\n\r\n", "y".repeat(3000)));
    });
    let proxy = Edge::to(origin.address).start();
    assert_eq!(proxy.get("/").status(), 200);
    let proxy = Edge::to(origin.address).upstream("max_response_head_size = \"2KiB\"").start();
    assert_eq!(proxy.get("/").status(), 502);
}

#[test]
fn idle_connections_cost_little() {
    let (_origin, proxy) = limited("", "");
    assert_eq!(proxy.get("/").status(), 200);
    let before = proxy.memory_kib("VmRSS");
    let clients: Vec<TcpStream> = (0..400)
        .map(|_| {
            let mut client = proxy.connect("web");
            assert_eq!(client.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").status(), 200);
            client.stream
        })
        .collect();
    let each = proxy.memory_kib("VmRSS").saturating_sub(before) / clients.len() as u64;
    assert!(each < 16, "{each} KiB for each idle connection");
}

/// An origin that answers when the gate is open, and the most that it had at once.
fn gated(gate: &Gate) -> (Origin, Arc<AtomicUsize>) {
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let origin = Origin::scripted({
        let (gate, most) = (gate.clone(), Arc::clone(&most));
        move |visit| {
            let now = running.fetch_add(1, Ordering::SeqCst) + 1;
            most.fetch_max(now, Ordering::SeqCst);
            gate.wait();
            running.fetch_sub(1, Ordering::SeqCst);
            visit.send(ok("done"));
        }
    });
    (origin, most)
}

fn send(proxy: &Proxy) -> Wire {
    let mut client = proxy.connect("web");
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    client
}

fn fault(proxy: &Proxy, line: usize) -> String {
    let line: Value = serde_json::from_str(&proxy.access_log(line)[line - 1]).unwrap();
    line["fault"].as_str().unwrap_or("none").to_owned()
}

#[test]
fn an_upstream_that_is_full_has_a_line() {
    let gate = Gate::new();
    let (origin, most) = gated(&gate);
    let proxy = Edge::to(origin.address).upstream("max_requests = 2\nqueue = { size = 3, timeout = \"20s\" }").start();
    let mut clients: Vec<Wire> = (0..2).map(|_| send(&proxy)).collect();
    eventually("two are with the origin", || most.load(Ordering::SeqCst) == 2);
    clients.extend((0..3).map(|_| send(&proxy)));
    // The sixth tells that the line is full, when it is.
    let mut refused = None;
    eventually("nobody else may wait", || {
        let mut client = send(&proxy);
        client.stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let mut first = [0; 1];
        let answered = matches!(client.stream.peek(&mut first), Ok(1));
        client.stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        refused = answered.then(|| client.response("GET"));
        answered
    });
    let refused = refused.unwrap();
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.header("retry-after"), Some("1"), "{}", refused.head);
    assert!(refused.header("proxy-status").unwrap().contains("upstream_full"), "{}", refused.head);
    gate.open();
    for client in &mut clients {
        assert_eq!(client.response("GET").text(), "done");
    }
    assert_eq!(most.load(Ordering::SeqCst), 2);
    let waited = proxy.access_log(6).iter().filter(|line| line.contains("\"queued_ms\"")).count();
    assert!(waited >= 3, "{waited}");
}

#[test]
fn without_a_line_a_full_upstream_is_503_at_once() {
    let gate = Gate::new();
    let (origin, _) = gated(&gate);
    let proxy = Edge::to(origin.address).upstream("max_requests = 1\nqueue = { size = 0 }").start();
    let mut client = send(&proxy);
    eventually("one is with the origin", || origin.visits() == 1);
    assert_eq!(proxy.get("/").status(), 503);
    assert_eq!(fault(&proxy, 1), "upstream_full");
    gate.open();
    assert_eq!(client.response("GET").text(), "done");
    eventually("there is room again", || proxy.get("/").status() == 200);
}

#[test]
fn nobody_waits_in_the_line_for_ever() {
    let gate = Gate::new();
    let (origin, _) = gated(&gate);
    let proxy = Edge::to(origin.address).upstream("max_requests = 1\nqueue = { timeout = \"200ms\" }").start();
    let mut client = send(&proxy);
    eventually("one is with the origin", || origin.visits() == 1);
    let response = proxy.get("/");
    assert_eq!(response.status(), 503);
    assert!(response.header("retry-after").is_some(), "{}", response.head);
    assert_eq!(fault(&proxy, 1), "queue_timeout");
    gate.open();
    assert_eq!(client.response("GET").text(), "done");
}

#[test]
fn an_endpoint_that_is_full_is_passed_over() {
    let gate = Gate::new();
    let ((one, most), (other, other_most)) = (gated(&gate), gated(&gate));
    let proxy = Edge::to_first_of(&[one.address, other.address])
        .upstream("max_endpoint_requests = 1\nqueue = { size = 0 }")
        .start();
    let mut clients: Vec<Wire> = (0..1).map(|_| send(&proxy)).collect();
    eventually("one is with the first", || one.visits() == 1);
    clients.push(send(&proxy));
    eventually("the next is with the other", || other.visits() == 1);
    assert_eq!(proxy.get("/").status(), 503);
    gate.open();
    for client in &mut clients {
        assert_eq!(client.response("GET").text(), "done");
    }
    assert_eq!((most.load(Ordering::SeqCst), other_most.load(Ordering::SeqCst)), (1, 1));
}

/// The limit is the process's: a worker that has nobody under way hears when another worker's exchange ends.
#[test]
fn workers_share_the_limit_and_the_line() {
    let gate = Gate::new();
    let (origin, most) = gated(&gate);
    gate.open();
    let proxy = Edge::to(origin.address)
        .upstream("max_requests = 1\nqueue = { size = 1000, timeout = \"20s\" }")
        .more("[server]\nworkers = 3\nwatch = false")
        .start();
    let mut clients: Vec<Wire> = (0..60).map(|_| send(&proxy)).collect();
    for client in &mut clients {
        assert_eq!(client.response("GET").text(), "done");
    }
    assert_eq!(most.load(Ordering::SeqCst), 1);
}

#[test]
fn an_adaptive_limit_lets_a_fast_upstream_be() {
    let origin = Origin::answering(ok("fast"));
    let proxy = Edge::to(origin.address).upstream("adaptive = true").start();
    let mut client = proxy.connect("web");
    for _ in 0..300 {
        assert_eq!(client.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").text(), "fast");
    }
}
