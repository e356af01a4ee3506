//! Valid messages that a server in fear would refuse.

use crate::hostile::case::{Case, SMUGGLED, all_forwarded, chunked, forwarded, get, post};

pub fn cases() -> Vec<Case> {
    [bodies(), plain(), pipelined()].concat()
}

fn bodies() -> Vec<Case> {
    let body = SMUGGLED.as_bytes().escape_ascii().to_string();
    vec![
        forwarded(
            "a body like a request",
            post(format!("Content-Length: {}\r\n", SMUGGLED.len()), SMUGGLED),
            &format!("POST / {body}"),
        ),
        forwarded(
            "a chunk like a request",
            chunked(format!("{:X}\r\n{SMUGGLED}\r\n0\r\n\r\n", SMUGGLED.len())),
            &format!("POST / {body}"),
        ),
        forwarded("a body like chunks", post("Content-Length: 5\r\n", "0\r\n\r\n"), r"POST / 0\r\n\r\n"),
        forwarded("a length with zeroes before it", post("Content-Length: 0002\r\n", "ab"), "POST / ab"),
        forwarded("a length with blanks around it", post("Content-Length: \t 2 \t\r\n", "ab"), "POST / ab"),
        forwarded("a length of zero", post("Content-Length: 0\r\n", ""), "POST /"),
        forwarded("POST without a length", post("", ""), "POST /"),
        forwarded("chunked in capitals", post("TRANSFER-ENCODING: CHUNKED\r\n", "2\r\nab\r\n0\r\n\r\n"), "POST / ab"),
        forwarded("chunked in mixed case", post("tRaNsFeR-eNcOdInG: cHuNkEd\r\n", "2\r\nab\r\n0\r\n\r\n"), "POST / ab"),
        forwarded(
            "chunked with a tab before it",
            post("Transfer-Encoding:\tchunked\t\r\n", "2\r\nab\r\n0\r\n\r\n"),
            "POST / ab",
        ),
        forwarded("no chunk but the last", chunked("0\r\n\r\n"), "POST /"),
        forwarded("a last size of many zeroes", chunked("2\r\nab\r\n0000\r\n\r\n"), "POST / ab"),
        forwarded("a size with zeroes before it", chunked("0002\r\nab\r\n0\r\n\r\n"), "POST / ab"),
        forwarded(
            "sizes in either case",
            chunked("a\r\n0123456789\r\nA\r\n0123456789\r\n0\r\n\r\n"),
            "POST / 01234567890123456789",
        ),
        forwarded(
            "every octet in a body",
            post("Content-Length: 256\r\n", (0..=255).collect::<Vec<u8>>()),
            &format!("POST / {}", (0..=255).collect::<Vec<u8>>().escape_ascii()),
        ),
    ]
}

fn plain() -> Vec<Case> {
    vec![
        forwarded("Host last", "GET / HTTP/1.1\r\nX: y\r\nHost: a.example\r\n\r\n", "GET /"),
        forwarded("names in capitals", "GET / HTTP/1.1\r\nHOST: a.example\r\nACCEPT: */*\r\n\r\n", "GET /"),
        forwarded("HTTP/1.0 without Host", "GET / HTTP/1.0\r\n\r\n", "GET /"),
        forwarded("HTTP/1.0", "GET / HTTP/1.0\r\nHost: a.example\r\n\r\n", "GET /"),
        forwarded(
            "HTTP/1.0 with keep-alive",
            "GET / HTTP/1.0\r\nHost: a.example\r\nConnection: keep-alive\r\n\r\n",
            "GET /",
        ),
        forwarded(
            "HTTP/1.0 with a body",
            "POST / HTTP/1.0\r\nHost: a.example\r\nContent-Length: 2\r\n\r\nab",
            "POST / ab",
        ),
        forwarded("HEAD", "HEAD / HTTP/1.1\r\nHost: a.example\r\n\r\n", "HEAD /"),
        forwarded("many cookies in one field", get("Cookie: a=b; c=d; e=\"f\"\r\n"), "GET /"),
        forwarded("two cookies fields", get("Cookie: a=b\r\nCookie: c=d\r\n"), "GET /"),
        forwarded("the same field many times", get("X: 1\r\n".repeat(50)), "GET /"),
    ]
}

fn pipelined() -> Vec<Case> {
    let ask = |path: &str| format!("GET {path} HTTP/1.1\r\nHost: a.example\r\n\r\n");
    vec![
        all_forwarded("two requests at once", ask("/one") + &ask("/two"), &["GET /one", "GET /two"]),
        all_forwarded(
            "three requests at once, an empty line between two",
            ask("/one") + "\r\n" + &ask("/two") + &ask("/three"),
            &["GET /one", "GET /two", "GET /three"],
        ),
        all_forwarded(
            "a body and the next request at once",
            [post("Content-Length: 2\r\n", "ab"), ask("/two").into()].concat(),
            &["POST / ab", "GET /two"],
        ),
        all_forwarded(
            "chunks and the next request at once",
            [chunked("2\r\nab\r\n0\r\n\r\n"), ask("/two").into()].concat(),
            &["POST / ab", "GET /two"],
        ),
        all_forwarded(
            "trailers and the next request at once",
            [chunked("2\r\nab\r\n0\r\nx: y\r\n\r\n"), ask("/two").into()].concat(),
            &["POST / ab", "GET /two"],
        ),
        all_forwarded(
            "GET with a body and the next request at once",
            [get("Content-Length: 2\r\n"), b"ab".to_vec(), ask("/two").into()].concat(),
            &["GET / ab", "GET /two"],
        ),
        all_forwarded(
            "twenty requests at once",
            (0..20).map(|n| ask(&format!("/{n}"))).collect::<String>(),
            &(0..20).map(|n| format!("GET /{n}")).collect::<Vec<_>>().iter().map(String::as_str).collect::<Vec<_>>(),
        ),
    ]
}
