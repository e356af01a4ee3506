//! One fetch for all that wait.

use std::thread;

use super::{ask, assert_asked, caching, response, verdict};
use crate::support::{Gate, Message, Origin, Proxy, eventually};

const CLIENTS: usize = 50;

/// So many clients that ask at the same time; their answers.
fn crowd(proxy: &Proxy, fields: &str) -> Vec<thread::JoinHandle<Message>> {
    (0..CLIENTS)
        .map(|_| {
            let mut wire = proxy.connect("web");
            wire.send(format!("GET / HTTP/1.1\r\nHost: example.org\r\n{fields}\r\n"));
            thread::spawn(move || wire.response("GET"))
        })
        .collect()
}

/// Waits until the program has so many requests under way.
fn wait_until_there(proxy: &Proxy, count: usize) {
    eventually("the crowd is there", || {
        proxy.metric("tidegate_requests_in_flight{listener=\"web\"}") as usize >= count
    });
}

#[test]
fn a_crowd_is_one_request() {
    let gate = Gate::new();
    let origin = Origin::gated(&gate, response("cache-control: max-age=60\r\n", "once"));
    let proxy = caching(&origin).start();
    let clients = crowd(&proxy, "");
    wait_until_there(&proxy, CLIENTS);
    gate.open();
    let answers: Vec<_> = clients.into_iter().map(|client| client.join().unwrap()).collect();
    assert!(answers.iter().all(|answer| answer.text() == "once"));
    let collapsed = answers.iter().filter(|answer| verdict(answer).contains("collapsed")).count();
    assert_asked(&origin, 1);
    assert_eq!(collapsed, CLIENTS - 1);
}

#[test]
fn followers_read_what_is_there_while_the_rest_is_coming() {
    let gate = Gate::new();
    let origin = Origin::scripted({
        let gate = gate.clone();
        move |visit| {
            visit.send(
                "HTTP/1.1 200 OK\r\ncache-control: max-age=60\r\ntransfer-encoding: chunked\r\n\r\n5\r\nfirst\r\n",
            );
            gate.wait();
            visit.send("4\r\nlast\r\n0\r\n\r\n");
        }
    });
    let proxy = caching(&origin).start();
    let mut wires: Vec<_> = (0..4).map(|_| proxy.connect("web")).collect();
    for wire in &mut wires {
        wire.send("GET / HTTP/1.1\r\nHost: example.org\r\n\r\n");
        assert!(wire.head().unwrap().starts_with("HTTP/1.1 200"));
        assert_eq!(wire.chunk().unwrap(), b"first");
    }
    gate.open();
    for wire in &mut wires {
        assert_eq!((wire.chunk().unwrap(), wire.chunk()), (b"last".to_vec(), None));
    }
    assert_eq!(ask(&proxy, "GET", "/", "").text(), "firstlast");
    assert_asked(&origin, 1);
}

#[test]
fn what_is_not_stored_is_not_queued_for() {
    let (first, all) = (Gate::new(), Gate::new());
    let origin = Origin::scripted({
        let (first, all) = (first.clone(), all.clone());
        let count = std::sync::atomic::AtomicUsize::new(0);
        move |visit| {
            if count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0 {
                first.wait();
            } else {
                // They come together: none waits for the answer of another one.
                all.wait();
            }
            visit.send(response("cache-control: no-store\r\n", "own"));
        }
    });
    let proxy = caching(&origin).start();
    let clients = crowd(&proxy, "");
    wait_until_there(&proxy, CLIENTS);
    first.open();
    eventually("all are at the origin", || origin.visits() >= CLIENTS - 1);
    all.open();
    for client in clients {
        assert_eq!(client.join().unwrap().text(), "own");
    }
    assert_asked(&origin, CLIENTS);
    assert!(verdict(&ask(&proxy, "GET", "/", "")).contains("detail=no_store"));
}

#[test]
fn a_leader_that_leaves_is_followed_by_another() {
    let gate = Gate::new();
    let origin = Origin::scripted({
        let gate = gate.clone();
        let count = std::sync::atomic::AtomicUsize::new(0);
        move |visit| {
            if count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0 {
                gate.wait();
            }
            visit.send(response("cache-control: max-age=60\r\n", "late"));
        }
    });
    let proxy = caching(&origin).start();
    let mut leader = proxy.connect("web");
    leader.send("GET / HTTP/1.1\r\nHost: example.org\r\n\r\n");
    eventually("the leader is at the origin", || origin.visits() == 1);
    let follower = {
        let mut wire = proxy.connect("web");
        wire.send("GET / HTTP/1.1\r\nHost: example.org\r\n\r\n");
        thread::spawn(move || wire.response("GET"))
    };
    wait_until_there(&proxy, 2);
    drop(leader);
    assert_eq!(follower.join().unwrap().text(), "late");
    gate.open();
}

#[test]
fn nobody_waits_for_ever() {
    let gate = Gate::new();
    let origin = Origin::scripted({
        let gate = gate.clone();
        let count = std::sync::atomic::AtomicUsize::new(0);
        move |visit| {
            if count.fetch_add(1, std::sync::atomic::Ordering::SeqCst) == 0 {
                gate.wait();
            }
            visit.send(response("cache-control: max-age=60\r\n", "served"));
        }
    });
    let edge = crate::support::Edge::to(origin.address).route("cache = { wait = \"50ms\" }");
    let proxy = edge.start();
    let mut leader = proxy.connect("web");
    leader.send("GET / HTTP/1.1\r\nHost: example.org\r\n\r\n");
    eventually("the leader is at the origin", || origin.visits() == 1);
    let follower = ask(&proxy, "GET", "/", "");
    assert_eq!(follower.text(), "served");
    assert_eq!(ask(&proxy, "GET", "/", "").text(), "served");
    gate.open();
    assert_eq!(leader.response("GET").text(), "served");
}
