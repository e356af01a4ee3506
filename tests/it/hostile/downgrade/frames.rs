//! Frames and header blocks that lie (RFC 9113 §4, §6, RFC 7541). What each one must be answered with is in `h2spec`; here it counts
//! that nothing of it reaches the origin.

use super::trial::{Case, forwarded, refused};
use crate::support::frames::{
    CONTINUATION, DATA_FRAME, END_HEADERS, END_STREAM, HEADERS, PADDED, PRIORITY, PUSH_PROMISE, WITH_PRIORITY, field,
    frame, frame_of, headers, integer, payload, pseudo, settings, window_update,
};

pub fn cases() -> Vec<Case> {
    [blocks(), continuations(), padding(), others()].concat()
}

fn blocks() -> Vec<Case> {
    let whole = pseudo("GET", "/");
    let with = |more: &[u8]| headers(1, END_STREAM, [&whole, more].concat());
    let bomb = |references: usize| {
        // One field of 4000 octets in the table (RFC 7541 §6.2.1), then references of one octet to it.
        let entry = [&[0x40][..], &integer(0, 7, 1), b"x", &integer(0, 7, 3_900), &vec![b'y'; 3_900]].concat();
        with(&[entry, vec![0xbe; references]].concat())
    };
    vec![
        refused("index 0", with(&[0x80])),
        refused("an index beyond the tables", with(&[0xff, 0x80, 0x01])),
        refused("an index without end", with(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01])),
        refused("a name by an index beyond the tables", with(&[0x7f, 0x80, 0x01, 0x01, b'y'])),
        refused("a string longer than the block", with(&[0x00, 0x01, b'x', 0x7f, 0x80, 0x01, b'y'])),
        refused("a block that ends in a string", with(&[0x00, 0x05, b'x'])),
        refused("a block that ends in an integer", with(&[0x00, 0x7f, 0x80])),
        refused("a Huffman string with the end symbol", with(&[0x00, 0x01, b'x', 0x84, 0xff, 0xff, 0xff, 0xff])),
        refused("a Huffman string with long padding", with(&[0x00, 0x01, b'x', 0x82, 0x1f, 0xff])),
        refused("a Huffman string padded with zeroes", with(&[0x00, 0x01, b'x', 0x81, 0x00])),
        refused("a table size beyond the limit", headers(1, END_STREAM, [&[0x3f, 0xe2, 0x3f][..], &whole].concat())),
        refused("a table size behind fields", with(&[0x20])),
        refused(
            "a Huffman string with a line end",
            with(&[0x00, 0x01, b'x', 0x88, 0xff, 0xff, 0xff, 0xdb, 0xff, 0xff, 0xff, 0xff]),
        ),
        refused("a bomb of 100 references", bomb(100)),
        refused("a bomb of 10 000 references", bomb(10_000)),
        refused("references to an empty field", with(&[vec![0x40, 0x01, b'x', 0x00], vec![0xbe; 12_000]].concat())),
        refused("crumbs by reference", with(&[vec![0x60, 0x00], vec![0xbe; 12_000]].concat())),
        forwarded("a field from the table", with(&[0x40, 0x01, b'x', 0x01, b'y', 0xbe]), "GET /"),
    ]
}

fn continuations() -> Vec<Case> {
    let block = [pseudo("GET", "/"), field("x", "y")].concat();
    let (front, rest) = block.split_at(10);
    let begin = frame(HEADERS, END_STREAM, 1, front);
    let end = frame(CONTINUATION, END_HEADERS, 1, rest);
    let between = |frame: Vec<u8>| [begin.clone(), frame, end.clone()].concat();
    let pieces: Vec<u8> = rest.chunks(16).flat_map(|piece| frame(CONTINUATION, 0, 1, piece)).collect();
    let flood = frame(CONTINUATION, 0, 1, []).repeat(2_000);
    let fields: Vec<u8> = (0..200).flat_map(|_| frame(CONTINUATION, 0, 1, field("x", "y".repeat(1_000)))).collect();
    vec![
        refused("CONTINUATION first", frame(CONTINUATION, END_HEADERS | END_STREAM, 1, &block)),
        refused("CONTINUATION of another stream", [begin.clone(), frame(CONTINUATION, END_HEADERS, 3, rest)].concat()),
        refused("CONTINUATION of stream 0", [begin.clone(), frame(CONTINUATION, END_HEADERS, 0, rest)].concat()),
        refused("DATA within a header block", between(payload(1, 0, "ab"))),
        refused("DATA of another stream within a header block", between(payload(3, 0, "ab"))),
        refused("HEADERS within a header block", between(headers(1, END_STREAM, &block))),
        refused("HEADERS of another stream within a header block", between(headers(3, END_STREAM, &block))),
        refused("SETTINGS within a header block", between(settings(&[]))),
        refused("PRIORITY within a header block", between(frame(PRIORITY, 0, 1, [0, 0, 0, 0, 1]))),
        refused("WINDOW_UPDATE within a header block", between(window_update(0, 1))),
        refused("a frame that nobody knows within a header block", between(frame(0xbb, 0, 1, "cow"))),
        refused(
            "CONTINUATION behind the end of the block",
            [headers(1, 0, &block), frame(CONTINUATION, END_HEADERS, 1, field("x", "y"))].concat(),
        ),
        refused("CONTINUATION without octets, without end", [begin.clone(), flood].concat()),
        refused("CONTINUATION with fields, without end", [begin.clone(), fields].concat()),
        refused(
            "a header block that does not end, and a whole request",
            [begin.clone(), headers(3, END_STREAM, &block)].concat(),
        ),
        forwarded(
            "a block in pieces",
            [begin.clone(), pieces, frame(CONTINUATION, END_HEADERS, 1, [])].concat(),
            "GET /",
        ),
        forwarded("a block in two", [begin, end].concat(), "GET /"),
    ]
}

fn padding() -> Vec<Case> {
    let block = pseudo("GET", "/");
    let post = headers(1, 0, pseudo("POST", "/"));
    let padded = |length: u8, zeroes: usize| [&[length][..], &block, &vec![0; zeroes]].concat();
    vec![
        refused(
            "HEADERS with more padding than frame",
            frame(HEADERS, END_STREAM | END_HEADERS | PADDED, 1, padded(255, 3)),
        ),
        refused("HEADERS of padding alone", frame(HEADERS, END_STREAM | END_HEADERS | PADDED, 1, [3, 0, 0, 0])),
        refused("HEADERS padded, of no octet", frame(HEADERS, END_STREAM | END_HEADERS | PADDED, 1, [])),
        refused("HEADERS with half a priority", frame(HEADERS, END_STREAM | END_HEADERS | WITH_PRIORITY, 1, [0, 0, 0])),
        refused(
            "HEADERS that depend on themselves",
            frame(HEADERS, END_STREAM | END_HEADERS | WITH_PRIORITY, 1, [&[0, 0, 0, 1, 16][..], &block].concat()),
        ),
        refused(
            "DATA with more padding than frame",
            [post.clone(), payload(1, END_STREAM | PADDED, b"\x05ab")].concat(),
        ),
        refused(
            "DATA with as much padding as frame",
            [post.clone(), payload(1, END_STREAM | PADDED, b"\x03ab")].concat(),
        ),
        refused("DATA padded, of no octet", [post, payload(1, END_STREAM | PADDED, "")].concat()),
        forwarded("HEADERS with padding", frame(HEADERS, END_STREAM | END_HEADERS | PADDED, 1, padded(3, 3)), "GET /"),
        forwarded(
            "HEADERS with a priority",
            frame(HEADERS, END_STREAM | END_HEADERS | WITH_PRIORITY, 1, [&[0, 0, 0, 0, 16][..], &block].concat()),
            "GET /",
        ),
    ]
}

fn others() -> Vec<Case> {
    let block = pseudo("GET", "/");
    let get = headers(1, END_STREAM, &block);
    let behind = |frame: Vec<u8>| [frame, get.clone()].concat();
    vec![
        refused("HEADERS on stream 0", headers(0, END_STREAM, &block)),
        refused("HEADERS on an even stream", headers(2, END_STREAM, &block)),
        refused("DATA on a stream that never began", payload(1, END_STREAM, "ab")),
        refused("DATA on stream 0", payload(0, END_STREAM, "ab")),
        refused(
            "a frame over the size that is allowed",
            frame(HEADERS, END_STREAM | END_HEADERS, 1, [block.clone(), field("x", vec![b'y'; 17_000])].concat()),
        ),
        refused(
            "DATA over the size that is allowed",
            [headers(1, 0, pseudo("POST", "/")), frame(DATA_FRAME, END_STREAM, 1, vec![b'a'; 17_000])].concat(),
        ),
        refused(
            "a frame that is longer than what comes",
            frame_of(block.len() + 40, HEADERS, END_STREAM | END_HEADERS, 1, &[block.clone(), vec![0; 40]].concat()),
        ),
        refused("PUSH_PROMISE", frame(PUSH_PROMISE, END_HEADERS, 1, [&[0, 0, 0, 2][..], &block].concat())),
        refused("SETTINGS of half a value, then a request", behind(frame(4, 0, 0, [0, 3, 0]))),
        refused("SETTINGS of a window beyond all, then a request", behind(settings(&[(4, 0x8000_0000)]))),
        refused("SETTINGS of a frame size beyond all, then a request", behind(settings(&[(5, 0x0100_0000)]))),
        refused("WINDOW_UPDATE of nothing, then a request", behind(window_update(0, 0))),
        refused("WINDOW_UPDATE beyond all, then a request", behind(window_update(0, 0x7fff_ffff))),
        refused("PING of seven octets, then a request", behind(frame(6, 0, 0, [0; 7]))),
        refused("RST_STREAM on a stream that never began, then a request", behind(frame(3, 0, 1, [0, 0, 0, 8]))),
        refused("GET /smuggled in clear text", b"GET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n".to_vec()),
        forwarded("a frame that nobody knows, then a request", behind(frame(0xbb, 0xff, 0, "cow")), "GET /"),
        forwarded("settings that nobody knows, then a request", behind(settings(&[(0xbbbb, 1)])), "GET /"),
        forwarded("PRIORITY, then a request", behind(frame(PRIORITY, 0, 1, [0, 0, 0, 0, 1])), "GET /"),
        forwarded("a stream beyond the first", get.clone(), "GET /"),
    ]
}
