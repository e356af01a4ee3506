//! Lengths against DATA (RFC 9113 §8.1.1), bodies that look like messages, trailers.

use super::trial::{Case, ask, either, forwarded, get, refused};
use crate::hostile::case::SMUGGLED;
use crate::support::frames::{END_STREAM, PADDED, block, field, headers, payload, pseudo};

pub fn cases() -> Vec<Case> {
    [lengths(), bodies(), trailers()].concat()
}

/// `POST /` with more fields, and then its body in these frames.
fn post(fields: &[(&str, &str)], frames: &[Vec<u8>]) -> Vec<u8> {
    [headers(1, 0, [pseudo("POST", "/"), block(fields)].concat()), frames.concat()].concat()
}

fn lengths() -> Vec<Case> {
    let ab = |length: &str| post(&[("content-length", length)], &[payload(1, END_STREAM, "ab")]);
    let mut cases: Vec<Case> = [
        "0",
        "1",
        "3",
        "400",
        "+2",
        "-2",
        "2,2",
        "2, 2",
        " 2",
        "2 ",
        "0x2",
        "",
        "two",
        "2.0",
        "18446744073709551618",
        "9223372036854775807",
        "2\0",
        "\u{662}",
    ]
    .iter()
    .map(|length| refused(&format!("a length of {length:?} and two octets"), ab(length)))
    .collect();
    let twice =
        |one, other| post(&[("content-length", one), ("content-length", other)], &[payload(1, END_STREAM, "ab")]);
    cases.extend([
        refused("two equal lengths", twice("2", "2")),
        refused("two lengths", twice("2", "0")),
        refused("a length and no body", get(field("content-length", "2"))),
        refused("a length and an empty body", post(&[("content-length", "2")], &[payload(1, END_STREAM, "")])),
        refused(
            "a length, and a request behind it",
            post(&[("content-length", "2")], &[payload(1, END_STREAM, format!("ab{SMUGGLED}"))]),
        ),
        refused(
            "a length that padding would fill",
            post(&[("content-length", "10")], &[payload(1, END_STREAM | PADDED, b"\x07ab\0\0\0\0\0\0\0")]),
        ),
        refused(
            "a length, and the body ends by trailers too soon",
            post(&[("content-length", "4")], &[payload(1, 0, "ab"), headers(1, END_STREAM, block(&[("x", "y")]))]),
        ),
        refused("a length, and nothing comes", post(&[("content-length", "4")], &[])),
        refused("a body that stops", post(&[], &[payload(1, 0, "ab")])),
        forwarded("a length of zero and no body", get(field("content-length", "0")), "GET /"),
        forwarded("the right length", ab("2"), "POST / ab"),
        forwarded("the right length with zeroes before it", ab("002"), "POST / ab"),
    ]);
    cases
}

fn bodies() -> Vec<Case> {
    let smuggled = SMUGGLED.as_bytes().escape_ascii().to_string();
    vec![
        forwarded("a body without a length", post(&[], &[payload(1, END_STREAM, "ab")]), "POST / ab"),
        forwarded(
            "a body like a request",
            post(&[], &[payload(1, END_STREAM, SMUGGLED)]),
            &format!("POST / {smuggled}"),
        ),
        forwarded(
            "a body like the end of chunks",
            post(&[], &[payload(1, 0, "0\r\n\r\n"), payload(1, END_STREAM, SMUGGLED)]),
            &format!(r"POST / 0\r\n\r\n{smuggled}"),
        ),
        forwarded(
            "GET with a body like a request",
            [headers(1, 0, pseudo("GET", "/")), payload(1, END_STREAM, SMUGGLED)].concat(),
            &format!("GET / {smuggled}"),
        ),
        forwarded(
            "empty frames around a body",
            post(&[], &[payload(1, 0, ""), payload(1, 0, "ab"), payload(1, 0, ""), payload(1, END_STREAM, "")]),
            "POST / ab",
        ),
        forwarded("a padded body", post(&[], &[payload(1, END_STREAM | PADDED, b"\x03ab\0\0\0")]), "POST / ab"),
        forwarded("a body of padding alone", post(&[], &[payload(1, END_STREAM | PADDED, b"\x03\0\0\0")]), "POST /"),
        forwarded("POST without a body", ask(pseudo("POST", "/")), "POST /"),
        either("an Expect", post(&[("expect", "100-continue")], &[payload(1, END_STREAM, "ab")]), "POST / ab"),
        refused("an Expect that nobody knows", post(&[("expect", "cow")], &[payload(1, END_STREAM, "ab")])),
    ]
}

const LEFT_OUT: [&str; 8] =
    ["connection", "transfer-encoding", "upgrade", ":method", ":path", ":authority", ":scheme", ":status"];

fn trailers() -> Vec<Case> {
    let with = |fields: Vec<u8>| post(&[], &[payload(1, 0, "ab"), headers(1, END_STREAM, fields)]);
    let mut cases: Vec<Case> = [
        (":method", "GET"),
        (":path", "/smuggled"),
        (":authority", "b.example"),
        (":scheme", "http"),
        (":status", "200"),
        (":cow", "moo"),
        ("X", "y"),
        ("", "y"),
        ("x y", "z"),
        ("x:", "y"),
        ("x", "y\r\nz"),
        ("x", "y\0"),
        ("x", "\n"),
        ("x\r\ny", "z"),
        ("connection", "close"),
        ("transfer-encoding", "chunked"),
        ("upgrade", "h2c"),
    ]
    .iter()
    .map(|(name, value)| {
        let frames = with(field(name, value));
        let name = format!("trailer {name:?}: {value:?}");
        // What is only out of place in trailers may also be left out; the h2 crate does so with pseudo-header fields that it knows.
        if LEFT_OUT.iter().any(|out| name.contains(out)) {
            either(&name, frames, "POST / ab")
        } else {
            refused(&name, frames)
        }
    })
    .collect();
    for name in
        ["content-length", "host", "authorization", "cookie", "content_length", "te", "trailer", "x-forwarded-for"]
    {
        cases.push(either(&format!("a trailer that smuggles {name}"), with(field(name, "1")), "POST / ab"));
    }
    cases.extend([
        forwarded("honest trailers", with(block(&[("grpc-status", "0"), ("x-sum", "1")])), "POST / ab"),
        refused(
            "trailers that do not end the stream",
            post(&[], &[payload(1, 0, "ab"), headers(1, 0, block(&[("x", "y")])), payload(1, END_STREAM, "cd")]),
        ),
        either(
            "pseudo-header fields of a second request",
            post(&[], &[payload(1, 0, "ab"), headers(1, END_STREAM, pseudo("GET", "/smuggled"))]),
            "POST / ab",
        ),
        refused("200 trailers", with(field("x", "y").repeat(200))),
        refused("large trailers", with(field("x", "y".repeat(15_000)))),
    ]);
    cases
}
