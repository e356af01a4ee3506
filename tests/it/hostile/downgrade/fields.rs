//! Fields (RFC 9113 §8.2): names and values that HTTP/1.1 would read as something else.

use super::trial::{Case, either, forwarded, get, refused};
use crate::support::frames::field;

pub fn cases() -> Vec<Case> {
    [connection_specific(), names(), values(), counts()].concat()
}

fn one(name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Vec<u8> {
    get(field(name, value))
}

fn connection_specific() -> Vec<Case> {
    let mut cases: Vec<Case> = [
        ("connection", "close"),
        ("connection", "keep-alive"),
        ("connection", "x-a"),
        ("connection", ""),
        ("connection", "content-length"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("transfer-encoding", "chunked"),
        ("transfer-encoding", "identity"),
        ("transfer-encoding", ""),
        ("transfer-encoding", "cow"),
        ("transfer_encoding", "chunked"),
        ("content_length", "5"),
        ("upgrade", "h2c"),
        ("upgrade", "websocket"),
        ("te", "gzip"),
        ("te", "trailers, gzip"),
        ("te", "chunked"),
        ("te", ""),
    ]
    .iter()
    .map(|(name, value)| refused(&format!("{name}: {value}"), one(name, value)))
    .collect();
    cases.extend([
        forwarded("te: trailers", one("te", "trailers"), "GET /"),
        either("te: Trailers", one("te", "Trailers"), "GET /"),
        either("http2-settings", one("http2-settings", "AAMAAABkAAQAAP__"), "GET /"),
        forwarded("proxy, which CGI takes for its configuration", one("proxy", "http://b.example"), "GET /"),
        forwarded("proxy-authorization", one("proxy-authorization", "Basic eDp5"), "GET /"),
        refused("te twice", get([field("te", "trailers"), field("te", "gzip")].concat())),
    ]);
    cases
}

fn names() -> Vec<Case> {
    [
        "X",
        "Content-Length",
        "Transfer-Encoding",
        "Host",
        "xY",
        "",
        " x",
        "x ",
        "x y",
        "x\t",
        "x:",
        "x:y",
        ":x",
        "x\r",
        "x\n",
        "x\r\n",
        "x\0",
        "\0",
        "x: y\r\ntransfer-encoding",
        "x\x01",
        "x\x7f",
        "x\u{fc}",
        "transfer-encoding ",
        "transfer-encoding\t",
        " transfer-encoding",
        "transfer-encoding:",
        "transfer-encoding: chunked\r\nx",
        "content-length ",
        "content-length\0",
        "x;y",
        "x,y",
        "(x)",
        "x=y",
        "x\"",
        "x/y",
        "[x]",
        "x@",
        "x{",
        "\r\nget /smuggled http/1.1\r\nx",
    ]
    .iter()
    .map(|name| refused(&format!("name {name:?}"), one(name, "chunked")))
    .chain(
        (0..=255_u8)
            .filter(|byte| !is_lower_token(*byte))
            .map(|byte| refused(&format!("name with {byte:#04x}"), one([b'a', byte, b'b'], "y"))),
    )
    .collect()
}

fn values() -> Vec<Case> {
    let mut cases: Vec<Case> = [
        "\r",
        "\n",
        "\0",
        "\r\n",
        "a\rb",
        "a\nb",
        "a\0b",
        "a\r\nb",
        "a\r\n b",
        "a\r\n\tb",
        "\ra",
        "\na",
        "\0a",
        "a\r",
        "a\n",
        "a\0",
        "y\r\nTransfer-Encoding: chunked",
        "y\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n",
        "y\nHost: b.example",
        "a\x01",
        "a\x1f",
        "a\x7f",
        "a\x0b",
        "a\x0c",
        "\u{8}",
    ]
    .iter()
    .map(|value| refused(&format!("value {value:?}"), one("x", value)))
    .collect();
    for value in [" y", "y ", "\ty", "y\t", " ", "\t"] {
        cases.push(either(&format!("value {value:?}"), one("x", value), "GET /"));
    }
    for value in ["", "a\tb", "a b", "gr\u{fc}n", "a: b", "GET /smuggled HTTP/1.1"] {
        cases.push(forwarded(&format!("value {value:?}"), one("x", value), "GET /"));
    }
    cases.push(forwarded("value of octets above ASCII", one("x", b"\xff\xfe\x80"), "GET /"));
    for value in ["a=b\r\nx: y", "a=b\0", "a\n=b"] {
        cases.push(refused(&format!("cookie {value:?}"), one("cookie", value)));
    }
    cases
}

fn counts() -> Vec<Case> {
    let many = |number: usize, name: &str, value: &str| get(field(name, value).repeat(number));
    vec![
        refused("200 fields", many(200, "x", "y")),
        refused("200 crumbs of a cookie", many(200, "cookie", "a=b")),
        refused("200 empty crumbs", many(200, "cookie", "")),
        refused("a field of 9 KiB", one("x", "y".repeat(9_000))),
        refused("fields of 17 KiB in all", many(5, "x", &"y".repeat(3_900))),
        forwarded("100 fields", many(100, "x", "y"), "GET /"),
        forwarded("50 crumbs of a cookie", many(50, "cookie", "a=b"), "GET /"),
    ]
}

/// What a name may have (RFC 9110 §5.6.2, RFC 9113 §8.2).
fn is_lower_token(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
