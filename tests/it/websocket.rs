//! Connections that become something else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use http::{Method, Request};

use crate::support::frames::{END_STREAM, PREFACE, headers, pseudo, settings};
use crate::support::{Edge, Gate, Origin, Proxy, Visit, Wire, block_on, h2_connect, h2_ends, ok};

/// The RFC's own example key and what it must be answered with (RFC 6455 §1.3).
const KEY: &str = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT: &str = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/// A script: switches protocols, then sends back what comes.
pub fn echo(visit: &mut Visit<'_>) {
    assert_eq!(visit.request.header("upgrade"), Some("websocket"), "{}", visit.request.head);
    assert!(visit.request.header("connection").unwrap().to_lowercase().contains("upgrade"));
    assert_eq!(visit.request.header("sec-websocket-version"), Some("13"));
    assert!(visit.request.header("sec-websocket-key").is_some());
    let accept =
        if visit.request.header("sec-websocket-key") == Some(KEY) { ACCEPT.to_owned() } else { accept_of(visit) };
    visit.send(format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    ));
    loop {
        let bytes = visit.wire.some();
        if bytes.is_empty() || visit.wire.try_send(bytes).is_err() {
            break;
        }
    }
    visit.close();
}

/// What answers a key that the proxy made.
fn accept_of(visit: &Visit<'_>) -> String {
    let key = visit.request.header("sec-websocket-key").unwrap();
    sha1_base64(format!("{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11").as_bytes())
}

/// Base64 of SHA-1, which is all that RFC 6455 wants of it.
fn sha1_base64(input: &[u8]) -> String {
    let digest = sha1(input);
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in digest.chunks(3) {
        let bits = three.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for at in 0..4 {
            let letter = alphabet[(bits >> (18 - 6 * at)) as usize & 63] as char;
            out.push(if at <= three.len() { letter } else { '=' });
        }
    }
    out
}

fn sha1(input: &[u8]) -> [u8; 20] {
    let mut message = input.to_vec();
    message.push(0x80);
    while message.len() % 64 != 56 {
        message.push(0);
    }
    message.extend((input.len() as u64 * 8).to_be_bytes());
    let mut state: [u32; 5] = [0x6745_2301, 0xEFCD_AB89, 0x98BA_DCFE, 0x1032_5476, 0xC3D2_E1F0];
    for block in message.chunks(64) {
        let mut words: Vec<u32> = block.chunks(4).map(|four| u32::from_be_bytes(four.try_into().unwrap())).collect();
        for at in 16..80 {
            words.push((words[at - 3] ^ words[at - 8] ^ words[at - 14] ^ words[at - 16]).rotate_left(1));
        }
        let [mut a, mut b, mut c, mut d, mut e] = state;
        for (at, word) in words.iter().enumerate() {
            let (f, k) = match at / 20 {
                0 => ((b & c) | (!b & d), 0x5A82_7999),
                1 => (b ^ c ^ d, 0x6ED9_EBA1),
                2 => ((b & c) | (b & d) | (c & d), 0x8F1B_BCDC),
                _ => (b ^ c ^ d, 0xCA62_C1D6),
            };
            let next = a.rotate_left(5).wrapping_add(f).wrapping_add(e).wrapping_add(k).wrapping_add(*word);
            (e, d, c, b, a) = (d, c, b.rotate_left(30), a, next);
        }
        for (sum, part) in state.iter_mut().zip([a, b, c, d, e]) {
            *sum = sum.wrapping_add(part);
        }
    }
    let mut out = [0; 20];
    out.chunks_mut(4).zip(state).for_each(|(four, word)| four.copy_from_slice(&word.to_be_bytes()));
    out
}

#[test]
fn the_example_of_the_rfc_holds() {
    assert_eq!(sha1_base64(format!("{KEY}258EAFA5-E914-47DA-95CA-C5AB0DC85B11").as_bytes()), ACCEPT);
}

/// The request of a client that wants to switch.
fn upgrade(path: &str) -> String {
    format!(
        "GET {path} HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
         Sec-WebSocket-Key: {KEY}\r\n\r\n"
    )
}

/// Switches protocols on a connection.
pub fn open(mut client: Wire, path: &str) -> Wire {
    let response = client.ask(&upgrade(path));
    assert_eq!(response.status(), 101, "{}", response.head);
    assert_eq!(response.header("sec-websocket-accept"), Some(ACCEPT));
    assert_eq!(response.header("upgrade"), Some("websocket"));
    assert!(response.header("connection").unwrap().to_lowercase().contains("upgrade"));
    client
}

#[test]
fn bytes_flow_both_ways_after_the_switch() {
    let origin = Origin::scripted(echo);
    let proxy = Edge::to(origin.address).start();
    let mut socket = open(proxy.connect("web"), "/ws");
    for number in 0..50 {
        let message = vec![number as u8; 1 + number * 997];
        socket.send(&message);
        assert_eq!(socket.exactly(message.len()), message);
    }
    let request = origin.connections();
    assert_eq!(request, 1);
}

#[test]
fn bytes_right_behind_the_heads_are_not_lost() {
    let origin = Origin::scripted(|visit| {
        visit.send(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
             Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\nfirst words",
        );
        let early = visit.wire.exactly(5);
        visit.send(early);
        visit.close();
    });
    let proxy = Edge::to(origin.address).start();
    let mut client = proxy.connect("web");
    client.send(upgrade("/ws") + "early");
    assert_eq!(client.response("GET").status(), 101);
    assert_eq!(client.exactly(16), b"first wordsearly");
    assert!(client.is_closed());
}

#[test]
fn an_origin_may_refuse_to_switch() {
    let origin = Origin::answering("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    let proxy = Edge::to(origin.address).start();
    let mut client = proxy.connect("web");
    for _ in 0..2 {
        let response = client.ask(&upgrade("/ws"));
        assert_eq!((response.status(), response.text().as_str()), (403, "no"));
    }
}

#[test]
fn a_route_may_not_allow_it() {
    let origin = Origin::answering(ok("plain"));
    let proxy = Edge::to(origin.address).route("upgrades = []").start();
    let response = proxy.connect("web").ask(&upgrade("/ws"));
    assert_eq!((response.status(), response.text().as_str()), (200, "plain"));
    assert_eq!(origin.request(1).header("upgrade"), None);
}

const H2C: &str = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAMAAABk\r\n\r\n";

#[test]
fn other_protocols_are_not_switched_to() {
    let origin = Origin::answering(ok("plain"));
    let proxy = Edge::to(origin.address).start();
    let response = proxy.connect("web").ask(H2C);
    assert_eq!((response.status(), response.text().as_str()), (200, "plain"));
    assert_eq!((origin.request(1).header("upgrade"), origin.request(1).header("http2-settings")), (None, None));
}

/// Behind a switch to HTTP/2 in clear text, requests would pass every rule unseen (h2c smuggling).
#[test]
fn h2c_opens_no_way_past_the_rules() {
    let smuggled = [PREFACE, &settings(&[]), &headers(1, END_STREAM, pseudo("GET", "/smuggled"))].concat();
    // One origin would switch, the other does not.
    for (answer, status) in [
        ("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n".to_owned(), 502),
        (ok("plain"), 200),
    ] {
        let (origin, keys) = (Origin::answering(answer), "upgrades = [\"websocket\", \"spdy/3\"]");
        let proxy = Edge::to(origin.address).route(keys).start();
        let mut client = proxy.connect("web");
        client.send([H2C.as_bytes(), &smuggled].concat());
        assert_eq!(client.response("GET").status(), status);
        client.rest();
        assert_eq!(proxy.get("/last").status(), status);
        let seen: Vec<_> = origin.requests().iter().map(|request| request.head.to_lowercase()).collect();
        assert!(seen.iter().all(|head| !head.contains("upgrade") && !head.contains("http2-settings")), "{seen:?}");
        assert!(seen.iter().all(|head| !head.contains("pri *") && !head.contains("smuggled")), "{seen:?}");
    }
}

/// What a client says behind its request belongs to the new protocol, which there is none of before the upstream's 101.
#[test]
fn not_an_octet_passes_before_the_switch() {
    for answer in [101, 403] {
        let (arrived, passed) = (Gate::new(), Arc::new(AtomicBool::new(false)));
        let origin = Origin::scripted({
            let (arrived, passed) = (arrived.clone(), Arc::clone(&passed));
            move |visit| {
                if !visit.request.first_line().contains("/ws") {
                    return visit.send(ok("fine"));
                }
                arrived.wait();
                visit.wire.stream.set_nonblocking(true).unwrap();
                let early = visit.wire.stream.peek(&mut [0; 1]).is_ok();
                visit.wire.stream.set_nonblocking(false).unwrap();
                passed.store(early, Ordering::SeqCst);
                if answer == 101 {
                    return echo(visit);
                }
                visit.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
                passed.fetch_or(!visit.wire.rest().is_empty(), Ordering::SeqCst);
                visit.close();
            }
        });
        let proxy = Edge::to(origin.address).more("[server]\nworkers = 1").start();
        let mut client = proxy.connect("web");
        client.send(upgrade("/ws") + "early");
        // The one worker has had the octets on its hands once it has answered somebody who came after them.
        for _ in 0..3 {
            client.send("words");
            assert_eq!(proxy.get("/").status(), 200);
        }
        arrived.open();
        let response = client.response("GET");
        assert_eq!(response.status(), answer);
        if answer == 101 {
            assert_eq!(client.exactly(20), b"earlywordswordswords");
        } else {
            client.rest();
        }
        assert!(!passed.load(Ordering::SeqCst), "octets of the client came before the {answer}");
    }
}

#[test]
fn the_end_of_either_side_is_the_end_of_both() {
    let origin = Origin::scripted(|visit| {
        visit.send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\nbye");
        visit.close();
    });
    let proxy = Edge::to(origin.address).start();
    let mut socket = open(proxy.connect("web"), "/ws");
    assert_eq!(socket.rest(), b"bye");
    let line: serde_json::Value = serde_json::from_str(&proxy.access_log(1)[0]).unwrap();
    assert_eq!(line["status"], 101);
}

#[test]
fn an_open_socket_is_not_idle_to_the_limits_of_requests() {
    let origin = Origin::scripted(echo);
    let proxy = Edge::to(origin.address)
        .listener("idle_timeout = \"200ms\"\nrequest_head_timeout = \"200ms\"")
        .upstream("response_timeout = \"200ms\"\nidle_timeout = \"200ms\"")
        .start();
    let mut socket = open(proxy.connect("web"), "/ws");
    // Another connection falls to the idle timeout; the socket, which is as quiet, does not.
    let mut idle = proxy.connect("web");
    assert_eq!(idle.ask("OPTIONS * HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n").head.len().min(1), 1);
    idle.rest();
    socket.send("alive");
    assert_eq!(socket.exactly(5), b"alive");
}

/// RFC 8441: an extended CONNECT over HTTP/2 to an origin of HTTP/1.1.
#[test]
fn an_http2_client_opens_a_websocket() {
    let origin = Origin::scripted(echo);
    let proxy: Proxy = Edge::to(origin.address).start();
    let address = proxy.addr("web");
    block_on(async {
        let client = h2_connect(address).await;
        let mut client = client.ready().await.unwrap();
        while !client.is_extended_connect_protocol_enabled() {
            tokio::task::yield_now().await;
        }
        let request = Request::builder()
            .method(Method::CONNECT)
            .uri("http://a/ws")
            .header("sec-websocket-version", "13")
            .extension(h2::ext::Protocol::from_static("websocket"))
            .body(())
            .unwrap();
        let (response, mut up) = client.send_request(request, false).unwrap();
        let response = response.await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers().get("sec-websocket-accept"), None);
        let mut down = response.into_body();
        for word in ["one", "two", "three"] {
            up.send_data(Bytes::from_static(word.as_bytes()), false).unwrap();
            let data = down.data().await.unwrap().unwrap();
            down.flow_control().release_capacity(data.len()).unwrap();
            assert_eq!(data, word);
        }
        up.send_data(Bytes::new(), true).unwrap();
        assert!(h2_ends(&mut down).await, "the end comes back");
    });
    assert_eq!(origin.request(1).first_line(), "GET /ws HTTP/1.1");
}
