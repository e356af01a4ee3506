//! Messages (RFC 9113 §8) and the compression of their heads (RFC 7541).

use super::Want::{Answer, Connection, Stream};
use super::{COMPRESSION, Case, PROTOCOL, ask_with, case, get, one, post, test_data};
use crate::support::frames::{END_HEADERS, END_STREAM, PUSH_PROMISE, block, frame, headers, payload, pseudo};

pub fn cases() -> Vec<Case> {
    [exchanges(), fields(), pseudo_fields(), lengths(), representations(), compression()]
        .into_iter()
        .flatten()
        .collect()
}

fn exchanges() -> Vec<Case> {
    let ask = |method: &str| headers(1, END_STREAM, pseudo(method, "/"));
    vec![
        case("8.1 GET", get(1), Answer),
        case("8.1 HEAD", ask("HEAD"), Answer),
        case("8.1 OPTIONS", ask("OPTIONS"), Answer),
        case("8.1 POST", [post(), test_data()].concat(), Answer),
        case(
            "8.1 POST with trailers",
            [post(), payload(1, 0, "test"), headers(1, END_STREAM, one("x", "y"))].concat(),
            Answer,
        ),
        case(
            "8.1 trailers that do not end the stream",
            [post(), payload(1, 0, "test"), headers(1, 0, one("x", "y"))].concat(),
            Stream(&[PROTOCOL]),
        ),
        case(
            "8.4 PUSH_PROMISE",
            frame(PUSH_PROMISE, END_HEADERS, 1, [&[0, 0, 0, 2][..], &pseudo("GET", "/")].concat()),
            Connection(&[PROTOCOL]),
        ),
        case(
            "8.4 PUSH_PROMISE on an open stream",
            [post(), frame(PUSH_PROMISE, END_HEADERS, 1, [&[0, 0, 0, 2][..], &pseudo("GET", "/")].concat())].concat(),
            Connection(&[PROTOCOL]),
        ),
    ]
}

fn fields() -> Vec<Case> {
    vec![
        case("8.2 a name in capitals", ask_with(one("X-TEST", "ok")), Stream(&[PROTOCOL])),
        case("8.2 a name with a line end", ask_with(one("x\r\ny", "ok")), Stream(&[PROTOCOL])),
        case("8.2 a value with a line end", ask_with(one("x", "a\r\nb")), Stream(&[PROTOCOL])),
        case("8.2 a value with a NUL", ask_with(one("x", "a\0b")), Stream(&[PROTOCOL])),
        case("8.2.2 te: trailers, deflate", ask_with(one("te", "trailers, deflate")), Stream(&[PROTOCOL])),
        case("8.2.2 te: trailers", ask_with(one("te", "trailers")), Answer),
        case("8.2.2 connection", ask_with(one("connection", "keep-alive")), Stream(&[PROTOCOL])),
        case("8.2.2 transfer-encoding", ask_with(one("transfer-encoding", "chunked")), Stream(&[PROTOCOL])),
        case("8.2.2 upgrade", ask_with(one("upgrade", "h2c")), Stream(&[PROTOCOL])),
        case("8.2.2 keep-alive", ask_with(one("keep-alive", "timeout=1")), Stream(&[PROTOCOL])),
        case("8.2.2 proxy-connection", ask_with(one("proxy-connection", "close")), Stream(&[PROTOCOL])),
        case("8.2.3 a cookie in crumbs", ask_with([one("cookie", "a=b"), one("cookie", "c=d")].concat()), Answer),
    ]
}

fn pseudo_fields() -> Vec<Case> {
    let ask = |fields: &[(&str, &str)]| headers(1, END_STREAM, block(fields));
    let [method, scheme, authority, path] =
        [(":method", "GET"), (":scheme", "http"), (":authority", "a.example"), (":path", "/")];
    vec![
        case(
            "8.3 a pseudo-header field that nobody knows",
            ask(&[method, scheme, authority, path, (":test", "ok")]),
            Stream(&[PROTOCOL]),
        ),
        case("8.3 one of a response", ask(&[method, scheme, authority, path, (":status", "200")]), Stream(&[PROTOCOL])),
        case("8.3 one behind a field", ask(&[method, scheme, authority, ("x", "ok"), path]), Stream(&[PROTOCOL])),
        case("8.3.1 an empty :path", ask(&[method, scheme, authority, (":path", "")]), Stream(&[PROTOCOL])),
        case("8.3.1 no :method", ask(&[scheme, authority, path]), Stream(&[PROTOCOL])),
        case("8.3.1 no :scheme", ask(&[method, authority, path]), Stream(&[PROTOCOL])),
        case("8.3.1 no :path", ask(&[method, scheme, authority]), Stream(&[PROTOCOL])),
        case("8.3.1 :method twice", ask(&[method, method, scheme, authority, path]), Stream(&[PROTOCOL])),
        case("8.3.1 :scheme twice", ask(&[method, scheme, scheme, authority, path]), Stream(&[PROTOCOL])),
        case("8.3.1 :path twice", ask(&[method, scheme, authority, path, path]), Stream(&[PROTOCOL])),
        case("8.3.1 :authority twice", ask(&[method, scheme, authority, authority, path]), Stream(&[PROTOCOL])),
    ]
}

fn lengths() -> Vec<Case> {
    let post = |length: &str| headers(1, 0, [pseudo("POST", "/"), one("content-length", length)].concat());
    vec![
        case("8.1.1 a length that is not the body's", [post("1"), test_data()].concat(), Stream(&[PROTOCOL])),
        case(
            "8.1.1 a length that is not the sum of the frames",
            [post("1"), payload(1, 0, "test"), test_data()].concat(),
            Stream(&[PROTOCOL]),
        ),
        case("8.1.1 a length longer than the body", [post("100"), test_data()].concat(), Stream(&[PROTOCOL])),
        case("8.1.1 a length that is", [post("4"), test_data()].concat(), Answer),
    ]
}

/// Representations of `x-test: ok` or `user-agent: ok` (RFC 7541 §6); `ok` in the Huffman code is `3f 5f`.
fn representations() -> Vec<Case> {
    let huffman_name = [0x85, 0xf2, 0xb2, 0x4a, 0x84, 0xff]; // "x-test"
    let named = |first: u8, value: &[u8]| ask_with([&[first][..], value].concat());
    let plain = b"\x02ok";
    let squeezed = [0x82, 0x3f, 0x5f];
    let new = |first: u8, huffman: bool| {
        if huffman {
            ask_with([&[first][..], &huffman_name, &squeezed].concat())
        } else {
            ask_with([&[first][..], b"\x06x-test", plain].concat())
        }
    };
    vec![
        case("7541 6.1 an indexed field", ask_with([0x90]), Answer),
        case("7541 6.2.1 indexing, indexed name", named(0x7a, plain), Answer),
        case("7541 6.2.1 indexing, indexed name, Huffman", named(0x7a, &squeezed), Answer),
        case("7541 6.2.1 indexing, new name", new(0x40, false), Answer),
        case("7541 6.2.1 indexing, new name, Huffman", new(0x40, true), Answer),
        case("7541 6.2.2 no indexing, indexed name", ask_with([&[0x0f, 0x2b][..], plain].concat()), Answer),
        case(
            "7541 6.2.2 no indexing, indexed name, Huffman",
            ask_with([&[0x0f, 0x2b][..], &squeezed].concat()),
            Answer,
        ),
        case("7541 6.2.2 no indexing, new name", new(0x00, false), Answer),
        case("7541 6.2.2 no indexing, new name, Huffman", new(0x00, true), Answer),
        case("7541 6.2.3 never indexed, indexed name", ask_with([&[0x1f, 0x2b][..], plain].concat()), Answer),
        case(
            "7541 6.2.3 never indexed, indexed name, Huffman",
            ask_with([&[0x1f, 0x2b][..], &squeezed].concat()),
            Answer,
        ),
        case("7541 6.2.3 never indexed, new name", new(0x10, false), Answer),
        case("7541 6.2.3 never indexed, new name, Huffman", new(0x10, true), Answer),
        case(
            "7541 6.3 a table size",
            headers(1, END_STREAM, [&[0x3f, 0x61][..], &pseudo("GET", "/")].concat()),
            Answer,
        ),
        case(
            "7541 6.3 two table sizes",
            headers(1, END_STREAM, [&[0x20, 0x3f, 0x61][..], &pseudo("GET", "/")].concat()),
            Answer,
        ),
    ]
}

fn compression() -> Vec<Case> {
    let bad = |name, block: &[u8]| case(name, ask_with(block), Connection(&[COMPRESSION]));
    vec![
        bad("7541 2.3.3 an index beyond the tables", &[0xff, 0x80, 0x01]),
        bad("7541 2.3.3 a name by an index beyond the tables", &[0x7f, 0x80, 0x01, 0x02, b'o', b'k']),
        bad("7541 4.2 a table size at the end of a block", &[0x20]),
        bad(
            "7541 5.2 Huffman padding of more than seven bits",
            &[0x00, 0x85, 0xf2, 0xb2, 0x4a, 0x84, 0xff, 0x84, 0x49, 0x50, 0x9f, 0xff],
        ),
        bad("7541 5.2 Huffman padding of zeroes", &[0x00, 0x85, 0xf2, 0xb2, 0x4a, 0x84, 0xff, 0x83, 0x49, 0x50, 0x90]),
        bad(
            "7541 5.2 the end symbol in a Huffman string",
            &[0x00, 0x85, 0xf2, 0xb2, 0x4a, 0x84, 0xff, 0x87, 0x49, 0x51, 0xff, 0xff, 0xff, 0xfa, 0x7f],
        ),
        bad("7541 6.1 index 0", &[0x80]),
        case(
            "7541 6.3 a table size beyond the setting",
            headers(1, END_STREAM, [&[0x3f, 0xff, 0xff, 0x03][..], &pseudo("GET", "/")].concat()),
            Connection(&[COMPRESSION]),
        ),
        bad("7541 5.1 an integer without end", &[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        bad("7541 5.2 a string beyond the block", &[0x00, 0x06, b'x']),
    ]
}
