//! Endpoints: which one is asked, by what name, on which connection.

use std::collections::HashMap;
use std::net::{SocketAddr, TcpListener};

use crate::support::{Edge, Gate, Origin, Proxy, dead_address, eventually, ok};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";

/// A proxy in front of endpoints as they stand in TOML.
fn in_front_of(endpoints: &str, keys: &str) -> Proxy {
    let toml = Edge::to("somebody").upstream(keys).toml();
    Proxy::start(&toml.replace("\"somebody\"", endpoints))
}

#[test]
fn requests_go_round_by_weight() {
    let [a, b, c] = ["a", "b", "c"].map(|name| Origin::answering(ok(name)));
    let endpoints = format!("\"{}\", {{ address = \"{}\", weight = 2 }}, \"{}\"", a.address, b.address, c.address);
    let proxy = in_front_of(&endpoints, "balance = \"round_robin\"");
    let mut client = proxy.connect("web");
    let mut seen: HashMap<String, u32> = HashMap::new();
    for _ in 0..40 {
        *seen.entry(client.ask(GET).text()).or_default() += 1;
    }
    assert_eq!((seen["a"], seen["b"], seen["c"]), (10, 20, 10));
}

#[test]
fn a_busy_endpoint_is_spared() {
    let gate = Gate::new();
    let busy = Origin::gated(&gate, ok("busy"));
    let idle = Origin::answering(ok("idle"));
    let proxy = in_front_of(&format!("\"{}\", \"{}\"", busy.address, idle.address), "");
    // Ask until chance sends one request to the busy endpoint; from then on the other one takes all.
    let mut waiting = Vec::new();
    eventually("chance chooses the busy endpoint", || {
        let mut client = proxy.connect("web");
        client.send(GET);
        waiting.push(client);
        eventually("it is with an origin", || busy.visits() + idle.requests().len() == waiting.len());
        busy.visits() == 1
    });
    let before = busy.connections();
    let mut client = proxy.connect("web");
    for _ in 0..50 {
        assert_eq!(client.ask(GET).text(), "idle");
    }
    assert_eq!(busy.connections(), before);
    gate.open();
}

#[test]
fn a_dead_endpoint_is_passed_over() {
    let live = Origin::answering(ok("live"));
    let proxy = in_front_of(&format!("\"{}\", \"{}\"", dead_address(), live.address), "balance = \"round_robin\"");
    let mut client = proxy.connect("web");
    for _ in 0..20 {
        assert_eq!(client.ask(GET).text(), "live");
        let upload =
            client.ask("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
        assert_eq!(upload.text(), "live", "nothing was sent to the dead one, so a POST may go elsewhere");
    }
}

#[test]
fn a_backup_serves_while_nobody_else_can() {
    let (live, backup) = (Origin::answering(ok("live")), Origin::answering(ok("backup")));
    let backed = |first: SocketAddr| {
        in_front_of(&format!("\"{first}\", {{ address = \"{}\", backup = true }}", backup.address), "")
    };
    let proxy = backed(live.address);
    for _ in 0..10 {
        assert_eq!(proxy.get("/").text(), "live");
    }
    assert_eq!(backed(dead_address()).get("/").text(), "backup");
}

#[test]
fn an_endpoint_may_have_a_name() {
    let origin = Origin::answering(ok("by name"));
    let proxy = Edge::to(format!("localhost:{}", origin.address.port())).route("preserve_host = false").start();
    assert_eq!(proxy.get("/").text(), "by name");
    assert_eq!(origin.request(1).header("host"), Some(format!("localhost:{}", origin.address.port()).as_str()));
    let proxy = Edge::to("no-such-host.invalid:80").start();
    let response = proxy.get("/");
    assert!(matches!(response.status(), 502 | 503), "{}", response.head);
    assert!(response.header("proxy-status").unwrap().contains("dns"), "{}", response.head);
}

#[test]
fn an_endpoint_may_be_at_ipv6() {
    let listener = TcpListener::bind("[::1]:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let mut wire = crate::support::Wire::over_tcp(stream);
            while wire.head().is_some() && wire.try_send(ok("six")).is_ok() {}
        }
    });
    assert_eq!(Edge::to(address).start().get("/").text(), "six");
}

#[test]
fn only_so_many_idle_connections_are_kept() {
    let gate = Gate::new();
    let origin = Origin::gated(&gate, ok("x"));
    let proxy = Edge::to(origin.address).upstream("max_idle = 2").start();
    let mut clients: Vec<_> = (0..6).map(|_| proxy.connect("web")).collect();
    clients.iter_mut().for_each(|client| client.send(GET));
    eventually("all are with the origin", || origin.visits() == 6);
    gate.open();
    for client in &mut clients {
        assert_eq!(client.response("GET").text(), "x");
    }
    clients.iter_mut().for_each(|client| client.send(GET));
    for client in &mut clients {
        assert_eq!(client.response("GET").text(), "x");
    }
    // Two of six were kept; how many of the second round they served is the scheduler's choice.
    assert!(origin.connections() > 6, "{}", origin.connections());
    let open = "tidegate_upstream_connections_open{upstream=\"app\"}";
    eventually("no more than two stay", || proxy.metric(open) <= 2.0);
}

#[test]
fn a_connection_that_the_endpoint_closes_is_not_used_again() {
    let origin = Origin::scripted(|visit| {
        visit.send("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\nx");
        visit.close();
    });
    let proxy = Edge::to(origin.address).start();
    let mut client = proxy.connect("web");
    for _ in 0..5 {
        assert_eq!(client.ask(GET).text(), "x");
    }
    assert_eq!(origin.connections(), 5);
}

#[test]
fn several_workers_share_the_work() {
    let origin = Origin::answering(ok("x"));
    let edge = Edge::to(origin.address)
        .more("[server]\nworkers = 4\nwatch = false\n[log]\nformat = \"json\"\naccess = \"off\"");
    let proxy = edge.start();
    let mut clients: Vec<_> = (0..64).map(|_| proxy.connect("web")).collect();
    for _ in 0..5 {
        clients.iter_mut().for_each(|client| client.send(GET));
        for client in &mut clients {
            assert_eq!(client.response("GET").text(), "x");
        }
        proxy.reload(&edge.toml()).unwrap();
    }
    assert_eq!(proxy.metric("tidegate_workers"), 4.0);
    assert_eq!(proxy.metric("tidegate_connections_open{listener=\"web\"}"), 64.0);
}

#[test]
fn a_transfer_coding_that_nobody_knows() {
    for (keys, status) in [("", 502), ("unknown_transfer_codings = true", 200)] {
        let origin = Origin::scripted(|visit| {
            visit.send("HTTP/1.1 200 OK\r\ntransfer-encoding: x-own\r\nconnection: keep-alive\r\n\r\nall of it");
            visit.close();
        });
        let proxy = Edge::to(origin.address).upstream(keys).start();
        for _ in 0..2 {
            let response = proxy.get("/");
            assert_eq!(response.status(), status, "{}", response.head);
            if status == 200 {
                assert_eq!(
                    (response.text().as_str(), response.header("transfer-encoding")),
                    ("all of it", Some("chunked"))
                );
            }
        }
    }
}
