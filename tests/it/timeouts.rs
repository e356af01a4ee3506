//! Every wait has an end, and the end has a name.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::support::{Edge, Gate, Origin, eventually, ok};

/// Longer than the timeouts of these stories, shorter than the program's defaults.
const SOON: Duration = Duration::from_secs(8);

/// How long something takes; it must come by the timeout of the story and not by a default.
fn soon<T>(what: impl FnOnce() -> T) -> (Duration, T) {
    let start = Instant::now();
    let outcome = what();
    assert!(start.elapsed() < SOON, "took {:?}", start.elapsed());
    (start.elapsed(), outcome)
}

#[test]
fn a_head_that_does_not_end_is_408() {
    let origin = Origin::answering(ok(""));
    let proxy = Edge::to(origin.address).listener("request_head_timeout = \"300ms\"").start();
    let mut client = proxy.connect("web");
    client.send("GET / HTTP/1.1\r\nHo");
    let (took, response) = soon(|| client.response("GET"));
    assert_eq!(response.status(), 408);
    assert!(response.header("proxy-status").is_some());
    assert!(took > Duration::from_millis(250), "{took:?}");
    assert!(client.is_closed());
}

#[test]
fn dripping_does_not_put_the_deadline_off() {
    let origin = Origin::answering(ok(""));
    let proxy = Edge::to(origin.address).listener("request_head_timeout = \"400ms\"").start();
    let mut client = proxy.connect("web");
    client.send("GET / HTTP/1.1\r\nHost: a\r\nX: ");
    client.stream.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let start = Instant::now();
    let mut answer = [0; 12];
    // A byte every 50 ms: far from idle, and never done.
    while std::io::Read::read(&mut client.stream, &mut answer).is_err() {
        assert!(start.elapsed() < SOON, "the drip goes on");
        let _ = client.try_send("x");
    }
    assert!(answer.starts_with(b"HTTP/1.1 408") || answer[0] == 0);
}

#[test]
fn an_idle_connection_is_closed_in_silence() {
    let origin = Origin::answering(ok("x"));
    let proxy = Edge::to(origin.address).listener("idle_timeout = \"300ms\"").start();
    let mut client = proxy.connect("web");
    assert_eq!(client.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").text(), "x");
    let (took, closed) = soon(|| client.is_closed());
    assert!(closed && took > Duration::from_millis(250), "{took:?}");
    // So is one that never said a word, by one deadline or the other.
    let mut silent = proxy.connect("web");
    assert!(soon(|| silent.rest()).1.is_empty());
}

#[test]
fn a_request_body_that_stops_is_408() {
    let origin = Origin::answering(ok(""));
    let proxy = Edge::to(origin.address).listener("request_body_timeout = \"300ms\"").start();
    let mut client = proxy.connect("web");
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf");
    let (_, response) = soon(|| client.response("POST"));
    assert_eq!(response.status(), 408);
    assert!(client.is_closed());
}

#[test]
fn a_client_that_takes_no_byte_is_let_go() {
    let gone = Gate::new();
    let origin = Origin::scripted({
        let gone = gone.clone();
        move |visit| {
            visit.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            let chunk = format!("10000\r\n{}\r\n", "x".repeat(0x10000));
            while visit.wire.try_send(&chunk).is_ok() {}
            gone.open();
        }
    });
    let proxy = Edge::to(origin.address).listener("write_timeout = \"300ms\"").start();
    let mut client = proxy.connect("web");
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    soon(|| gone.wait());
}

#[test]
fn an_endpoint_that_does_not_take_the_connection_is_504() {
    let silent = Silent::new();
    let proxy = Edge::to(silent.address).upstream("connect_timeout = \"300ms\"").start();
    let (took, response) = soon(|| proxy.get("/"));
    assert_eq!(response.status(), 504);
    assert!(response.header("proxy-status").unwrap().contains("timeout"), "{}", response.head);
    assert!(took > Duration::from_millis(250), "{took:?}");
}

#[test]
fn an_endpoint_that_does_not_answer_is_504() {
    let gate = Gate::new();
    let origin = Origin::scripted({
        let gate = gate.clone();
        move |visit| {
            gate.wait();
            visit.close();
        }
    });
    let proxy = Edge::to(origin.address).upstream("response_timeout = \"300ms\"").start();
    let (took, response) = soon(|| proxy.get("/"));
    assert_eq!(response.status(), 504);
    assert!(response.header("proxy-status").unwrap().contains("timeout"), "{}", response.head);
    assert!(took > Duration::from_millis(250), "{took:?}");
    gate.open();
}

#[test]
fn a_response_that_stops_is_cut_off() {
    let gate = Gate::new();
    let origin = Origin::scripted({
        let gate = gate.clone();
        move |visit| {
            visit.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
            gate.wait();
            visit.close();
        }
    });
    let proxy = Edge::to(origin.address).upstream("response_body_timeout = \"300ms\"").start();
    let mut client = proxy.connect("web");
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(client.head().unwrap().starts_with("HTTP/1.1 200"));
    assert_eq!(soon(|| client.rest()).1, b"half");
    gate.open();
}

#[test]
fn a_whole_request_has_its_time() {
    let gate = Gate::new();
    let origin = Origin::scripted({
        let gate = gate.clone();
        move |visit| {
            if visit.request.first_line().contains("/stream") {
                visit.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
            }
            gate.wait();
            visit.close();
        }
    });
    let proxy = Edge::to(origin.address).route("timeout = \"300ms\"").start();
    assert_eq!(soon(|| proxy.get("/")).1.status(), 504);
    let mut client = proxy.connect("web");
    client.send("GET /stream HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(client.head().unwrap().starts_with("HTTP/1.1 200"));
    assert_eq!(soon(|| client.rest()).1, b"half");
    gate.open();
}

#[test]
fn an_idle_connection_to_an_endpoint_is_closed() {
    let closed = Gate::new();
    let origin = Origin::scripted({
        let closed = closed.clone();
        move |visit| {
            visit.send(ok("x"));
            assert!(visit.wire.is_closed());
            closed.open();
            visit.close();
        }
    });
    let proxy = Edge::to(origin.address).upstream("idle_timeout = \"300ms\"").start();
    assert_eq!(proxy.get("/").text(), "x");
    soon(|| closed.wait());
}

#[test]
fn an_endpoint_that_takes_no_byte_is_504() {
    let gate = Gate::new();
    let origin = Origin::scripted({
        let gate = gate.clone();
        move |visit| {
            gate.wait();
            visit.close();
        }
    });
    let proxy = Edge::to(origin.address).upstream("write_timeout = \"300ms\"").route("max_body = 0").start();
    let mut client = proxy.connect("web");
    client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000000\r\n\r\n");
    let block = vec![b'x'; 1 << 20];
    // Goes until the sockets are full and the proxy gives up.
    let start = Instant::now();
    client.stream.set_write_timeout(Some(SOON)).unwrap();
    while client.try_send(&block).is_ok() {
        assert!(start.elapsed() < SOON);
    }
    let line: serde_json::Value = serde_json::from_str(&proxy.access_log(1)[0]).unwrap();
    assert_eq!(line["status"], 504, "{line}");
    gate.open();
}

#[test]
fn a_handshake_that_does_not_end_is_cut_off() {
    let origin = Origin::answering(ok(""));
    let proxy = Edge::to(origin.address)
        .listener("handshake_timeout = \"300ms\"\n[listeners.web.tls]\nself_signed = [\"localhost\"]")
        .start();
    let mut client = proxy.connect("web");
    client.send([0x16, 3, 1]);
    assert!(soon(|| client.is_closed()).1);
}

/// An address that takes no connection and refuses none: its queue is full.
struct Silent {
    address: SocketAddr,
    _listener: socket2::Socket,
    _waiting: Vec<socket2::Socket>,
}

impl Silent {
    fn new() -> Self {
        let new = || socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
        let listener = new();
        listener.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
        listener.listen(0).unwrap();
        let address = listener.local_addr().unwrap();
        let mut waiting = Vec::new();
        eventually("the queue is full", || {
            let socket = new();
            let connected = socket.connect_timeout(&address, Duration::from_millis(100)).is_ok();
            waiting.push(socket);
            !connected
        });
        Self { address: address.as_socket().unwrap(), _listener: listener, _waiting: waiting }
    }
}
