//! The way to stop: finish what runs, take nothing new, say whether all was finished.

use std::net::TcpStream;

use rustix::process::Signal;

use crate::support::{Edge, Gate, Origin, Proxy, block_on, eventually, h2_ask, h2_connect};

/// An origin whose answers wait at a gate.
fn gated() -> (Gate, Origin) {
    let gate = Gate::new();
    let origin = Origin::gated_where_slow(&gate, "done");
    (gate, origin)
}

#[test]
fn nothing_to_do_ends_at_once() {
    for signal in [Signal::TERM, Signal::INT] {
        let (_gate, origin) = gated();
        let mut proxy = Edge::to(origin.address).start();
        let mut idle = proxy.connect("web");
        assert_eq!(idle.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").status(), 200);
        proxy.signal(signal);
        assert_eq!(proxy.wait().code(), Some(0));
        assert!(idle.is_closed());
    }
}

#[test]
fn what_runs_is_finished() {
    let (gate, origin) = gated();
    let mut proxy = Edge::to(origin.address).start();
    let mut client = proxy.connect("web");
    client.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    eventually("it is with the origin", || origin.visits() == 1);
    assert_eq!(proxy.ask_admin("GET", "/readyz").status(), 200);
    proxy.term();
    let (web, admin) = (proxy.addr("web"), proxy.admin());
    eventually("the listener is closed", || TcpStream::connect(web).is_err());
    // Whoever balances in front of us learns it, and whoever watches us sees that we live.
    let readiness = || crate::support::Wire::connect(admin).ask("GET /readyz HTTP/1.1\r\nHost: a\r\n\r\n").status();
    assert_eq!(readiness(), 503);
    assert_eq!(proxy.ask_admin("GET", "/healthz").status(), 200);
    gate.open();
    let response = client.response("GET");
    assert_eq!((response.text().as_str(), response.header("connection")), ("done", Some("close")));
    assert!(client.is_closed());
    assert_eq!(proxy.wait().code(), Some(0));
}

#[test]
fn what_does_not_end_in_time_is_cut_off_and_told() {
    let (_gate, origin) = gated();
    let toml = Edge::to(origin.address).more("[server]\nworkers = 1\nwatch = false\ndrain_timeout = \"300ms\"").toml();
    let mut proxy = Proxy::start(&toml);
    let mut client = proxy.connect("web");
    client.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    eventually("it is with the origin", || origin.visits() == 1);
    proxy.term();
    assert_eq!(proxy.wait().code(), Some(1));
    assert!(client.rest().is_empty() || !client.is_closed());
}

#[test]
fn new_work_is_taken_until_the_balancer_has_noticed() {
    let (_gate, origin) = gated();
    let more = "[server]\nworkers = 1\nwatch = false\ndrain_delay = \"60s\"";
    let toml = Edge::to(origin.address).more(more).toml();
    let mut proxy = Proxy::start(&toml);
    proxy.term();
    eventually("it is no longer ready", || proxy.ask_admin("GET", "/readyz").status() == 503);
    // On a new connection, which is kept as ever.
    let mut client = proxy.connect("web");
    for _ in 0..2 {
        let answer = client.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!((answer.status(), answer.header("connection")), (200, None));
    }
    proxy.term();
    assert_eq!(proxy.wait().code(), Some(1), "a second signal waits for nothing");

    let mut proxy = Proxy::start(&toml.replace("60s", "1ms"));
    proxy.term();
    assert_eq!(proxy.wait().code(), Some(0));
}

#[test]
fn a_second_signal_stops_at_once() {
    let (_gate, origin) = gated();
    let mut proxy = Edge::to(origin.address).start();
    let mut client = proxy.connect("web");
    client.send("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    eventually("it is with the origin", || origin.visits() == 1);
    let web = proxy.addr("web");
    proxy.term();
    eventually("the listener is closed", || TcpStream::connect(web).is_err());
    proxy.term();
    assert_eq!(proxy.wait().code(), Some(1));
}

#[test]
fn a_websocket_holds_the_end_up_to_its_time() {
    let origin = Origin::scripted(crate::websocket::echo);
    let mut proxy = Edge::to(origin.address).start();
    let mut socket = crate::websocket::open(proxy.connect("web"), "/ws");
    let web = proxy.addr("web");
    proxy.term();
    eventually("the listener is closed", || TcpStream::connect(web).is_err());
    socket.send("still here");
    assert_eq!(socket.exactly(10), b"still here");
    drop(socket);
    assert_eq!(proxy.wait().code(), Some(0));
}

#[test]
fn http2_is_told_to_go_away() {
    let (gate, origin) = gated();
    let mut proxy = Edge::to(origin.address).start();
    let address = proxy.addr("web");
    let request = |path: &str| http::Request::get(format!("http://a{path}")).body(()).unwrap();
    block_on(async {
        let client = h2_connect(address).await;
        let running = tokio::task::spawn_local({
            let (client, request) = (client.clone(), request("/slow"));
            async move { h2_ask(&client, request, b"").await }
        });
        while origin.visits() == 0 {
            tokio::task::yield_now().await;
        }
        proxy.term();
        while TcpStream::connect(address).is_ok() {
            tokio::task::yield_now().await;
        }
        gate.open();
        assert_eq!(running.await.unwrap().unwrap().body, b"done");
        let refused = h2_ask(&client, request("/"), b"").await.unwrap_err();
        assert!(refused.is_go_away() || refused.is_io() || refused.is_reset(), "{refused:?}");
    });
    assert_eq!(proxy.wait().code(), Some(0));
}
