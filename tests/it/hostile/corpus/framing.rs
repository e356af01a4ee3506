//! Two lengths, no length, a length that is none; codings that some servers know, and some take for another.

use crate::hostile::case::{Case, SMUGGLED, forwarded, get, post, refused};

pub fn cases() -> Vec<Case> {
    [lengths(), both(), codings(), obscured_codings(), obscured_lengths(), without_a_body()].concat()
}

fn lengths() -> Vec<Case> {
    let mut cases: Vec<Case> = [
        "+2",
        "-2",
        "-0",
        "0x2",
        "2.0",
        "2e0",
        "2 2",
        "2,2",
        "2, 2",
        ",2",
        "2,",
        "2;2",
        "\"2\"",
        "'2'",
        "two",
        "",
        " ",
        "2_0",
        "2\x0b",
        "2\x0c",
        "\x0b2",
        "2\x00",
        "\x002",
        "0 2",
        "2 bytes",
        "18446744073709551616",
        "18446744073709551618",
        "9223372036854775808",
        "99999999999999999999999999999999",
        "00000000000000000000000000000002",
        "$2",
        "2%",
        "%32",
        "02,2",
        "NaN",
        "٢",
    ]
    .iter()
    .map(|value| refused(&format!("length {value:?}"), post(format!("Content-Length: {value}\r\n"), "ab")))
    .collect();
    cases.extend([
        refused("length with an octet above ASCII", post(b"Content-Length: 2\xa0\r\n", "ab")),
        refused("length behind an octet above ASCII", post(b"Content-Length: \xa02\r\n", "ab")),
        refused("length behind a next-line octet", post(b"Content-Length: \x852\r\n", "ab")),
        refused("two equal lengths", post("Content-Length: 2\r\nContent-Length: 2\r\n", "ab")),
        refused("two lengths, the first shorter", post("Content-Length: 0\r\nContent-Length: 47\r\n", SMUGGLED)),
        refused("two lengths, the first longer", post("Content-Length: 47\r\nContent-Length: 0\r\n", SMUGGLED)),
        refused("two lengths in two cases", post("Content-Length: 0\r\ncontent-length: 47\r\n", SMUGGLED)),
        refused("two lengths, one empty", post("Content-Length:\r\nContent-Length: 47\r\n", SMUGGLED)),
        refused("two lengths, one signed", post("Content-Length: 0\r\nContent-Length: +47\r\n", SMUGGLED)),
        refused("three lengths", post("Content-Length: 2\r\nX: y\r\nContent-Length: 2\r\nContent-Length: 2\r\n", "ab")),
        refused("a length longer than the body", post("Content-Length: 400\r\n", "ab")),
        refused("the largest length", post("Content-Length: 9223372036854775807\r\n", "ab")),
    ]);
    cases
}

fn both() -> Vec<Case> {
    let chunked = format!("0\r\n\r\n{SMUGGLED}");
    let length = chunked.len();
    vec![
        refused(
            "length, then chunked",
            post(format!("Content-Length: {length}\r\nTransfer-Encoding: chunked\r\n"), &chunked),
        ),
        refused(
            "chunked, then length",
            post(format!("Transfer-Encoding: chunked\r\nContent-Length: {length}\r\n"), &chunked),
        ),
        refused(
            "chunked and no length but zero",
            post("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n", &chunked),
        ),
        refused("chunked and a short length", post("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", &chunked)),
        refused("chunked and an empty length", post("Content-Length:\r\nTransfer-Encoding: chunked\r\n", &chunked)),
        refused("length and identity", post("Content-Length: 2\r\nTransfer-Encoding: identity\r\n", "ab")),
        refused("length and an unknown coding", post("Content-Length: 2\r\nTransfer-Encoding: cow\r\n", "ab")),
        refused("length and an empty coding", post("Content-Length: 2\r\nTransfer-Encoding:\r\n", "ab")),
        refused("length and gzip", post("Content-Length: 2\r\nTransfer-Encoding: gzip\r\n", "ab")),
        refused(
            "two lengths and chunked",
            post("Content-Length: 5\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n", &chunked),
        ),
        refused(
            "length named by Connection, and chunked",
            post("Connection: content-length\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n", &chunked),
        ),
        refused(
            "chunked named by Connection, and length",
            post("Connection: transfer-encoding\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n", &chunked),
        ),
        refused(
            "length and chunked in HTTP/1.0",
            "POST / HTTP/1.0\r\nHost: a.example\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        refused(
            "chunked in HTTP/1.0",
            "POST / HTTP/1.0\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        refused(
            "chunked in HTTP/1.0 with keep-alive",
            format!(
                "POST / HTTP/1.0\r\nHost: a.example\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n{chunked}"
            ),
        ),
    ]
}

#[rustfmt::skip]
const CODINGS: &[&str] = &[
    "identity", "gzip", "gzip, chunked", "chunked, gzip", "chunked, chunked", "chunked,chunked", "chunked, identity",
    "identity, chunked", "cow", "cow, chunked", "chunked, cow", "xchunked", "chunkedx", "chunk", "chunked;q=1",
    "chunked; x", "chunked ;", "\"chunked\"", "'chunked'", "chunked,", ",chunked", ", chunked", ",", "", " ",
    "chunked chunked", "cow chunked bar", "chunked\x0b", "\x0bchunked", "chunked\x0c", "\x0cchunked", "chunked\x00",
    "\x00chunked", "\x01chunked", "chunked\x1f", "chunked\x7f", "ch\x00unked", "ch unked", "chunKed\u{212a}",
    "chun\u{212a}ed", "x\tchunked", "deflate, gzip, chunked", "trailers, chunked", "chunked/1.0", "=chunked",
    "(chunked)",
];

fn codings() -> Vec<Case> {
    CODINGS
        .iter()
        .map(|value| {
            refused(&format!("coding {value:?}"), post(format!("Transfer-Encoding: {value}\r\n"), "0\r\n\r\n"))
        })
        .chain([
            refused("coding behind an octet above ASCII", post(b"Transfer-Encoding: \xa0chunked\r\n", "0\r\n\r\n")),
            refused("coding before an octet above ASCII", post(b"Transfer-Encoding: chunked\xff\r\n", "0\r\n\r\n")),
            refused("coding twice", post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n")),
            refused(
                "coding twice, one identity",
                post("Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
            ),
            refused(
                "coding twice, one unknown",
                post("Transfer-Encoding: chunked\r\nTransfer-Encoding: cow\r\n", "0\r\n\r\n"),
            ),
            refused(
                "coding twice, one empty",
                post("Transfer-Encoding:\r\nTransfer-Encoding: chunked\r\n", "0\r\n\r\n"),
            ),
            refused("coding over two lines", post("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n")),
            refused(
                "coding over two lines with a bare line feed",
                post("Transfer-Encoding:\n chunked\r\n", "0\r\n\r\n"),
            ),
            refused(
                "coding continued on the next line",
                post("Transfer-Encoding: chunked\r\n , identity\r\n", "0\r\n\r\n"),
            ),
        ])
        .collect()
}

/// Names that some server takes for `Transfer-Encoding`. Beside an honest length each is a request in two lengths.
fn obscured_codings() -> Vec<Case> {
    let mut cases: Vec<Case> = [
        "Transfer-Encoding : chunked",
        "Transfer-Encoding\t: chunked",
        " Transfer-Encoding: chunked",
        "\tTransfer-Encoding: chunked",
        "Transfer -Encoding: chunked",
        "Transfer- Encoding: chunked",
        "Transfer\r-Encoding: chunked",
        "Transfer-Encoding\r: chunked",
        "\x01Transfer-Encoding: chunked",
        "Transfer-Encoding\x01: chunked",
        "Transfer-Encoding\x00: chunked",
        "\x00Transfer-Encoding: chunked",
        "\x0bTransfer-Encoding: chunked",
        "\x0cTransfer-Encoding: chunked",
        "Transfer\x00-Encoding: chunked",
        "Transfer_Encoding: chunked",
        "TRANSFER_ENCODING: CHUNKED",
        "transfer_encoding: chunked",
        "Transfer-Encoding chunked",
        "Transfer-Encoding",
        ": chunked",
        "X: y\rTransfer-Encoding: chunked",
        "X: y\nTransfer-Encoding: chunked",
        "X: y\r\rTransfer-Encoding: chunked",
        "X: y\r\n Transfer-Encoding: chunked",
        "X:\x00\r\nTransfer-Encoding: chunked",
        "Tr\u{e4}nsfer-Encoding: chunked",
        "Transfer-Encoding\u{a0}: chunked",
        "\u{feff}Transfer-Encoding: chunked",
        "\"Transfer-Encoding\": chunked",
        "Transfer-Encoding=chunked",
        "Transfer-Encoding;x: chunked",
        "(Transfer-Encoding): chunked",
    ]
    .iter()
    .map(|line| refused(&format!("coding as {line:?}"), post(format!("Content-Length: 5\r\n{line}\r\n"), "0\r\n\r\n")))
    .collect();
    // Near in sound, and no server's `Transfer-Encoding`.
    for line in [
        "Content-Encoding: chunked",
        "Transfer-Encodin: chunked",
        "X-Transfer-Encoding: chunked",
        "Transfer-Encoding-: chunked",
    ] {
        let summary = r"POST / 0\r\n\r\n";
        cases.push(forwarded(
            &format!("not the coding: {line}"),
            post(format!("Content-Length: 5\r\n{line}\r\n"), "0\r\n\r\n"),
            summary,
        ));
    }
    cases
}

/// Names that some server takes for `Content-Length`, beside chunks.
fn obscured_lengths() -> Vec<Case> {
    [
        "Content-Length : 5",
        "Content-Length\t: 5",
        " Content-Length: 5",
        "Content -Length: 5",
        "Content_Length: 5",
        "content_length: 5",
        "\x01Content-Length: 5",
        "Content-Length\x01: 5",
        "Content-Length\x00: 5",
        "Content-Length 5",
        "Content-Length",
        "X: y\nContent-Length: 5",
        "X: y\rContent-Length: 5",
        "X: y\r\n\tContent-Length: 5",
        "Content-Length:\r\n 5",
        "Content-Length\r\n: 5",
        "Content\u{ad}-Length: 5",
    ]
    .iter()
    .map(|line| {
        let fields = format!("Transfer-Encoding: chunked\r\n{line}\r\n");
        refused(&format!("length as {line:?}"), post(fields, format!("0\r\n\r\n{SMUGGLED}")))
    })
    .collect()
}

/// Where a server may forget that there is a body.
fn without_a_body() -> Vec<Case> {
    let fields = format!("Content-Length: {}\r\n", SMUGGLED.len());
    let body = SMUGGLED.as_bytes().escape_ascii();
    let with = |method: &str| {
        [format!("{method} / HTTP/1.1\r\nHost: a.example\r\n{fields}\r\n").into_bytes(), SMUGGLED.into()].concat()
    };
    let mut cases: Vec<Case> = ["GET", "DELETE", "OPTIONS", "HEAD", "PROPFIND"]
        .iter()
        .map(|method| forwarded(&format!("{method} with a body"), with(method), &format!("{method} / {body}")))
        .collect();
    cases.push(refused("TRACE with a body", with("TRACE")));
    let chunks = format!("{:x}\r\n{SMUGGLED}\r\n0\r\n\r\n", SMUGGLED.len());
    cases.push(forwarded(
        "GET with chunks",
        [get("Transfer-Encoding: chunked\r\n"), chunks.into()].concat(),
        &format!("GET / {body}"),
    ));
    cases
}
