//! Fields of one hop, upgrades and expectations (RFC 9110 §7.6.1, §7.8, §10.1.1).

use crate::hostile::case::{Case, SMUGGLED, either, forwarded, get, post, refused};

pub fn cases() -> Vec<Case> {
    [connection(), upgrades(), expectations(), others()].concat()
}

fn connection() -> Vec<Case> {
    let mut cases: Vec<Case> = [
        "content-length",
        "transfer-encoding, content-length",
        "host",
        "authorization",
        "cookie",
        "x-forwarded-for",
        "X-Forwarded-Host",
        "x-real-ip",
        "forwarded",
        "via",
        "cache-control",
        "range",
        "accept-encoding",
        "content-type",
        "x-request-id",
        "close, authorization",
        "keep-alive, x-forwarded-proto",
        "Cookie, close",
        "te, if-none-match",
        "origin",
        "expect",
        "trailer",
    ]
    .iter()
    .map(|names| {
        refused(&format!("Connection: {names}"), post(format!("Connection: {names}\r\nContent-Length: 2\r\n"), "ab"))
    })
    .collect();
    cases.push(refused("Connection with names without end", get(format!("Connection: {}\r\n", "x,".repeat(3_000)))));
    cases.push(refused(
        "Connection with 17 names",
        get(format!("Connection: {}\r\n", (0..17).map(|n| format!("x{n},")).collect::<String>())),
    ));
    for fields in [
        "Connection: x-mine\r\nX-Mine: 1\r\n",
        "Connection: keep-alive\r\nKeep-Alive: timeout=5\r\n",
        "Connection: ,,\r\n",
        "Connection:\r\n",
        "Connection: te\r\nTE: trailers\r\n",
        "TE: gzip;q=0.5\r\n",
        "Proxy-Connection: keep-alive\r\n",
        "Connection: Keep-Alive, x-a, x-b\r\nX-A: 1\r\nX-B: 2\r\n",
        "Proxy: http://evil.example\r\n",
        "Proxy-Authorization: Basic eDp5\r\n",
        "TE: trailers, chunked\r\n",
        "Connection: \"close\"\r\n",
        "Connection: upgrade\r\n",
    ] {
        cases.push(forwarded(&format!("removed {fields:?}"), get(fields), "GET /"));
    }
    cases
}

/// An origin that ignores the upgrade. What follows the head was never the new protocol's, and is no request of the old one either
/// unless it is one. That no byte passes before a 101 is a story of its own.
fn upgrades() -> Vec<Case> {
    let settings = "HTTP2-Settings: AAMAAABkAAQAAP__\r\n";
    vec![
        forwarded(
            "h2c is not passed on",
            get(format!("Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n{settings}")),
            "GET /",
        ),
        forwarded("h2c without its settings", get("Connection: Upgrade\r\nUpgrade: h2c\r\n"), "GET /"),
        forwarded("h2c that Connection does not name", get(format!("Upgrade: h2c\r\n{settings}")), "GET /"),
        forwarded("an upgrade to TLS", get("Connection: Upgrade\r\nUpgrade: TLS/1.2\r\n"), "GET /"),
        forwarded("an upgrade to what nobody knows", get("Connection: Upgrade\r\nUpgrade: cow\r\n"), "GET /"),
        forwarded("several protocols", get("Connection: Upgrade\r\nUpgrade: websocket, h2c\r\n"), "GET /"),
        forwarded("websocket that Connection does not name", get("Upgrade: websocket\r\n"), "GET /"),
        forwarded(
            "an upgrade with a body is none",
            post("Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 2\r\n", "ab"),
            "POST / ab",
        ),
        either(
            "websocket and an origin that says no",
            get(
                "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n",
            ),
            "GET /",
        ),
        forwarded(
            "an upgrade in HTTP/1.0",
            "GET / HTTP/1.0\r\nHost: a.example\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
            "GET /",
        ),
        refused(
            "an upgrade with two lengths",
            post("Connection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 2\r\nContent-Length: 0\r\n", "ab"),
        ),
        refused(
            "an upgrade and a coding that is none",
            post("Connection: Upgrade\r\nUpgrade: websocket\r\nTransfer-Encoding: x\r\n", SMUGGLED),
        ),
    ]
}

fn expectations() -> Vec<Case> {
    let mut cases: Vec<Case> = [
        "100-continue, 100-continue",
        "100",
        "100-continue-",
        "y 100-continue",
        "200-ok",
        "",
        "100-continue;q=1",
        "100\u{2010}continue",
        "x",
    ]
    .iter()
    .map(|value| {
        refused(&format!("Expect: {value:?}"), post(format!("Expect: {value}\r\nContent-Length: 2\r\n"), "ab"))
    })
    .collect();
    cases.extend([
        forwarded(
            "Expect and the body at once",
            post("Expect: 100-continue\r\nContent-Length: 2\r\n", "ab"),
            "POST / ab",
        ),
        forwarded("Expect in capitals", post("EXPECT: 100-CONTINUE\r\nContent-Length: 2\r\n", "ab"), "POST / ab"),
        forwarded("Expect and no body", get("Expect: 100-continue\r\n"), "GET /"),
        forwarded("Expect and a length of zero", post("Expect: 100-continue\r\nContent-Length: 0\r\n", ""), "POST /"),
        forwarded(
            "Expect and chunks",
            post("Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n", "2\r\nab\r\n0\r\n\r\n"),
            "POST / ab",
        ),
        forwarded(
            "Expect in HTTP/1.0",
            "POST / HTTP/1.0\r\nHost: a.example\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\nab",
            "POST / ab",
        ),
        refused(
            "Expect twice, one of them unknown",
            post("Expect: 100-continue\r\nExpect: x\r\nContent-Length: 2\r\n", "ab"),
        ),
    ]);
    cases
}

fn others() -> Vec<Case> {
    vec![
        forwarded("Max-Forwards of zero with GET", get("Max-Forwards: 0\r\n"), "GET /"),
        forwarded(
            "fields that only proxies write",
            get("X-Original-URL: /admin\r\nX-Rewrite-URL: /admin\r\nX-HTTP-Method-Override: DELETE\r\n"),
            "GET /",
        ),
        forwarded("a Range without end", get(format!("Range: bytes={}\r\n", "0-,".repeat(900))), "GET /"),
        forwarded(
            "a Forwarded that forges",
            get("Forwarded: for=127.0.0.1;host=b.example;proto=https\r\nX-Forwarded-For: 127.0.0.1\r\n"),
            "GET /",
        ),
    ]
}
