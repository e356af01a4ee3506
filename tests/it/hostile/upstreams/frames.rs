//! Lies in HTTP/2: frames by the byte, to a request on stream 1.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;

use super::{Ask, Edge, Outcome, over_http1, over_http2};
use crate::support::frames::{
    ACK, CONTINUATION, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, PRIORITY, PUSH_PROMISE, SETTINGS, block, field,
    frame, headers, payload, reset, settings,
};

/// An origin of HTTP/2 that says its frames once the head of the first request is there, on its first connection; on all others it is honest.
fn liar(lie: Vec<u8>, closes: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let lie = Arc::new(lie);
    thread::spawn(move || {
        for (number, mut stream) in listener.incoming().flatten().enumerate() {
            let lie = lie.clone();
            thread::spawn(move || -> std::io::Result<()> {
                stream.write_all(&settings(&[]))?;
                stream.read_exact(&mut [0; 24])?;
                loop {
                    let mut head = [0; 9];
                    stream.read_exact(&mut head)?;
                    let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
                    stream.read_exact(&mut vec![0; length])?;
                    let id = u32::from_be_bytes(head[5..].try_into().unwrap());
                    match head[3] {
                        SETTINGS if head[4] & ACK == 0 => stream.write_all(&frame(SETTINGS, ACK, 0, ""))?,
                        HEADERS if number == 0 => {
                            stream.write_all(&lie)?;
                            if closes {
                                return Ok(());
                            }
                        }
                        HEADERS => {
                            let good = [headers(id, 0, block(&[(":status", "200")])), payload(id, END_STREAM, "good")];
                            stream.write_all(&good.concat())?;
                        }
                        _ => {}
                    }
                }
            });
        }
    });
    address
}

fn ok(fields: &[(&str, &str)]) -> Vec<u8> {
    block(&[&[(":status", "200")][..], fields].concat())
}

fn begun(fields: &[(&str, &str)], frames: &[Vec<u8>]) -> Vec<u8> {
    [headers(1, 0, ok(fields)), frames.concat()].concat()
}

/// What is tried, the frames, whether the connection closes then, and the body where the response is whole.
type Case = (&'static str, Vec<u8>, bool, Option<&'static str>);

fn cases() -> Vec<Case> {
    let well = || payload(1, 0, "well");
    let end = || payload(1, END_STREAM, "");
    let ended = |block: Vec<u8>| headers(1, END_STREAM, block);
    vec![
        ("whole", begun(&[], &[well(), end()]), false, Some("well")),
        ("no status", ended(block(&[("x", "y")])), false, None),
        ("two statuses", ended(block(&[(":status", "200"), (":status", "204")])), false, None),
        ("a status of letters", ended(block(&[(":status", "abc")])), false, None),
        ("101", ended(block(&[(":status", "101")])), false, None),
        // The codec throws it away, and nothing of it is passed on.
        ("a pseudo-header of requests", ended(ok(&[(":path", "/")])), false, Some("")),
        ("a connection field", ended(ok(&[("connection", "close")])), false, None),
        ("a transfer coding", ended(ok(&[("transfer-encoding", "chunked")])), false, None),
        ("an upper-case name", ended(ok(&[("X-Up", "y")])), false, None),
        ("a line feed in a value", ended(ok(&[("x", "a\nb: c")])), false, None),
        ("NUL in a value", ended(ok(&[("x", "a\0b")])), false, None),
        ("DATA before HEADERS", [well(), end()].concat(), false, None),
        ("shorter than it says", begun(&[("content-length", "10")], &[well(), end()]), false, None),
        ("longer than it says", begun(&[("content-length", "2")], &[well(), end()]), false, None),
        ("two lengths", begun(&[("content-length", "4"), ("content-length", "5")], &[well(), end()]), false, None),
        ("a reset in the middle", begun(&[], &[well(), reset(1, 2)]), false, None),
        ("a cancel in the middle", begun(&[], &[well(), reset(1, 8)]), false, None),
        ("the connection ends in the middle", begun(&[], &[well()]), true, None),
        ("silence in the middle", begun(&[], &[well()]), false, None),
        ("GOAWAY in the middle, then the end", begun(&[], &[well(), frame(GOAWAY, 0, 0, [0; 8])]), true, None),
        ("a promise", begun(&[], &[frame(PUSH_PROMISE, END_HEADERS, 1, [0, 0, 0, 2]), well(), end()]), false, None),
        (
            "a response to no request",
            [headers(7, END_STREAM, ok(&[])), begun(&[], &[well(), end()])].concat(),
            false,
            None,
        ),
        // Thrown away by the codec, likewise.
        (
            "trailers with a pseudo-header",
            begun(&[], &[well(), ended(block(&[(":status", "200")]))]),
            false,
            Some("well"),
        ),
        ("a broken block", headers(1, END_STREAM, [0xff; 9]), false, None),
        (
            "endless CONTINUATION",
            [frame(HEADERS, 0, 1, ok(&[])), frame(CONTINUATION, 0, 1, field("x", "y")).repeat(9000)].concat(),
            false,
            None,
        ),
        (
            "endless fields",
            headers(1, END_STREAM, [ok(&[]), field("x", "y".repeat(500)).repeat(30)].concat()).repeat(1),
            false,
            Some(""),
        ),
        ("endless 1xx", headers(1, 0, block(&[(":status", "103")])).repeat(5000), false, None),
        ("a length over the frame", [&[255, 255, 255][..], &[0, 0, 0, 0, 0, 1], &[0; 100]].concat(), false, None),
        ("pings between", begun(&[], &[frame(PING, 0, 0, [7; 8]).repeat(5000), well(), end()]), false, Some("well")),
        ("settings between", begun(&[], &[settings(&[]).repeat(5000), well(), end()]), false, Some("well")),
        (
            "priorities between",
            begun(&[], &[frame(PRIORITY, 0, 1, [0, 0, 0, 3, 1]).repeat(5000), well(), end()]),
            false,
            Some("well"),
        ),
    ]
}

#[test]
fn whatever_frames_come_the_client_can_tell() {
    for (name, lie, closes, expected) in cases() {
        for (protocol, ask) in [("h1", over_http1 as Ask), ("h2", over_http2)] {
            let keys =
                "protocol = \"h2\"\nresponse_timeout = \"1s\"\nresponse_body_timeout = \"1s\"\nretry.max_attempts = 1";
            let proxy = Edge::to(liar(lie.clone(), closes)).upstream(keys).start();
            let outcome = ask(&proxy, "GET");
            let told = match (&outcome, expected) {
                (Outcome::Broken | Outcome::Whole(502 | 504, _), None) => true,
                (Outcome::Whole(200, body), Some(expected)) => body == expected,
                _ => false,
            };
            assert!(told, "{name} over {protocol}: {outcome:?}");
            // Where the hostile connection still stands its next answer would be a lie as well: it is not to be.
            let peak = proxy.memory_kib("VmHWM:");
            assert!(peak < 96 * 1024, "{name} over {protocol}: {peak} KiB");
            assert_eq!(proxy.ask_admin("GET", "/healthz").status(), 200, "{name} over {protocol}");
        }
    }
}
