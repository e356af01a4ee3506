//! What one address may have.

use crate::support::{Edge, Gate, Origin, Wire, eventually, ok};

/// A connection behind a load balancer that says who the client is.
fn from(proxy: &crate::support::Proxy, client: &str) -> Wire {
    let family = if client.contains(':') { "TCP6" } else { "TCP4" };
    let local = if client.contains(':') { "2001:db8::1" } else { "192.0.2.1" };
    let mut wire = proxy.connect("web");
    wire.send(format!("PROXY {family} {client} {local} 1234 80\r\n"));
    wire
}

const ASK: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

#[test]
fn connections_of_an_address_are_bounded_and_ipv6_counts_by_network() {
    let origin = Origin::answering(ok("x"));
    let keys = "proxy_protocol = true\ntrusted_proxies = [\"127.0.0.0/8\"]\nmax_connections_per_client = 2";
    let proxy = Edge::to(origin.address).listener(keys).start();
    let mut open = Vec::new();
    for client in ["198.51.100.7", "198.51.100.7", "2001:db8:1:2::1", "2001:db8:1:2:ffff::9", "198.51.100.8"] {
        let mut wire = from(&proxy, client);
        assert_eq!(wire.ask(ASK).status(), 200, "{client}");
        open.push(wire);
    }
    for client in ["198.51.100.7", "2001:db8:1:2:3::4"] {
        let mut wire = from(&proxy, client);
        let _ = wire.try_send(ASK);
        assert!(wire.is_closed(), "{client}");
    }
    assert_eq!(from(&proxy, "2001:db8:1:3::4").ask(ASK).status(), 200, "another network");
    let metric = "tidegate_connections_refused_total{listener=\"web\",reason=\"max_connections_per_client\"}";
    assert_eq!(proxy.metric(metric), 2.0);
    open.remove(0);
    eventually("there is room again", || {
        let mut wire = from(&proxy, "198.51.100.7");
        wire.try_send(ASK).is_ok() && wire.head().is_some()
    });
}

#[test]
fn a_proxy_that_is_trusted_is_not_one_client() {
    let origin = Origin::answering(ok("x"));
    let keys = "trusted_proxies = [\"127.0.0.0/8\"]\nmax_connections_per_client = 1";
    let proxy = Edge::to(origin.address).listener(keys).start();
    let mut open: Vec<_> = (0..3).map(|_| proxy.connect("web")).collect();
    assert!(open.iter_mut().all(|wire| wire.ask(ASK).status() == 200));
}

#[test]
fn requests_of_an_address_are_bounded_over_all_its_connections() {
    let gate = Gate::new();
    let origin = Origin::gated(&gate, ok("late"));
    let proxy = Edge::to(origin.address).listener("max_requests_per_client = 2").start();
    let mut waiting: Vec<_> = (0..2).map(|_| proxy.connect("web")).collect();
    waiting.iter_mut().for_each(|wire| wire.send(ASK));
    eventually("both are with the origin", || origin.visits() == 2);
    let response = proxy.get("/");
    assert_eq!(response.status(), 503);
    assert!(response.header("retry-after").is_some());
    assert!(response.header("proxy-status").unwrap().contains("client_full"), "{}", response.head);
    gate.open();
    assert!(waiting.iter_mut().all(|wire| wire.response("GET").text() == "late"));
    assert_eq!(proxy.get("/").status(), 200);
}
