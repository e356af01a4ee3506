//! Line ends, and request lines (RFC 9112 §2.2, §3).

use crate::hostile::case::{Case, SMUGGLED, either, forwarded, refused};

pub fn cases() -> Vec<Case> {
    [line_ends(), methods(), versions(), spaces(), before()].concat()
}

fn line_ends() -> Vec<Case> {
    vec![
        refused("bare line feeds throughout", "GET / HTTP/1.1\nHost: a.example\n\n"),
        refused("a bare line feed behind the request line", "GET / HTTP/1.1\nHost: a.example\r\n\r\n"),
        refused("a bare line feed behind a field", "GET / HTTP/1.1\r\nHost: a.example\n\r\n"),
        refused("a bare line feed at the end of the head", "GET / HTTP/1.1\r\nHost: a.example\r\n\n"),
        refused("bare carriage returns throughout", "GET / HTTP/1.1\rHost: a.example\r\r"),
        refused("a bare carriage return behind the request line", "GET / HTTP/1.1\rHost: a.example\r\n\r\n"),
        refused("a bare carriage return behind a field", "GET / HTTP/1.1\r\nHost: a.example\rX: y\r\n\r\n"),
        refused("two carriage returns", "GET / HTTP/1.1\r\r\nHost: a.example\r\n\r\n"),
        refused("line feed, carriage return", "GET / HTTP/1.1\n\rHost: a.example\n\r\n\r"),
        refused(
            "a carriage return and another byte at the end",
            format!("GET / HTTP/1.1\r\nHost: a.example\r\n\rX{SMUGGLED}"),
        ),
        refused(
            "an empty line made of a line feed, and a request",
            format!("GET / HTTP/1.1\r\nHost: a.example\r\n\n{SMUGGLED}"),
        ),
        refused("a vertical tab for a line end", "GET / HTTP/1.1\x0bHost: a.example\r\n\r\n"),
        refused("a form feed for a line end", "GET / HTTP/1.1\r\nHost: a.example\x0cX: y\r\n\r\n"),
        refused("a next-line octet for a line end", b"GET / HTTP/1.1\x85Host: a.example\r\n\r\n"),
        refused("a head that does not end", "GET / HTTP/1.1\r\nHost: a.example\r\n"),
        refused("a head that ends in a carriage return", "GET / HTTP/1.1\r\nHost: a.example\r\n\r"),
        refused("half a request line", "GET / HT"),
    ]
}

fn methods() -> Vec<Case> {
    let mut cases: Vec<Case> = [
        "",
        "G ET",
        "GE\tT",
        "GET\x00",
        "\x00GET",
        "G\x01ET",
        "GET:",
        "(GET)",
        "GET,",
        "\"GET\"",
        "GET/",
        "[GET]",
        "{GET}",
        "GE\u{fc}T",
        "G@T",
        "GET=",
        "GET;",
        "GET<",
        "\\GET",
    ]
    .iter()
    .map(|method| refused(&format!("method {method:?}"), format!("{method} / HTTP/1.1\r\nHost: a.example\r\n\r\n")))
    .collect();
    cases.extend([
        refused("TRACE", "TRACE / HTTP/1.1\r\nHost: a.example\r\n\r\n"),
        refused("CONNECT in authority form", "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n"),
        refused("CONNECT in origin form", "CONNECT / HTTP/1.1\r\nHost: a.example\r\n\r\n"),
        refused(
            "CONNECT with a request behind it",
            format!("CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n{SMUGGLED}"),
        ),
        refused(
            "CONNECT with a body",
            format!(
                "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\nContent-Length: {}\r\n\r\n{SMUGGLED}",
                SMUGGLED.len()
            ),
        ),
        refused("PRI", "PRI * HTTP/1.1\r\nHost: a.example\r\n\r\n"),
        forwarded("a method in lower case is another method", "get / HTTP/1.1\r\nHost: a.example\r\n\r\n", "get /"),
        forwarded(
            "a method of odd token characters",
            "M-SEARCH!#$%&'*+.^_`|~ / HTTP/1.1\r\nHost: a.example\r\n\r\n",
            "M-SEARCH!#$%&'*+.^_`|~ /",
        ),
        forwarded("a method that nobody knows", "BREW /pot HTTP/1.1\r\nHost: a.example\r\n\r\n", "BREW /pot"),
        forwarded("a method named like the protocol", "HTTP / HTTP/1.1\r\nHost: a.example\r\n\r\n", "HTTP /"),
    ]);
    cases
}

fn versions() -> Vec<Case> {
    [
        "HTTP/0.9",
        "HTTP/1.2",
        "HTTP/1.9",
        "HTTP/2.0",
        "HTTP/2",
        "HTTP/3",
        "HTTP/1",
        "HTTP/1.",
        "HTTP/.1",
        "HTTP/1.10",
        "HTTP/1.1x",
        "HTTP/1.01",
        "HTTP/01.1",
        "HTTP/1,1",
        "HTTP/1 .1",
        "HTTP/ 1.1",
        "HTTP /1.1",
        "http/1.1",
        "Http/1.1",
        "HTTPS/1.1",
        "HTTP/1.1.1",
        "HTTP/+1.1",
        "HTTP/-1.1",
        "HTTP/257.257",
        "HTTP/1.65537",
        "HTTP//1.1",
        "HTTP-1.1",
        "HTTP\\1.1",
        "XHTTP/1.1",
        "ICY/1.1",
        "RTSP/1.0",
        "HTTP/1.1\x00",
        "HTTP/1.1\t",
        "HTTP/A.B",
        "HTTP/1.\u{661}",
        "",
    ]
    .iter()
    .map(|version| refused(&format!("version {version:?}"), format!("GET / {version}\r\nHost: a.example\r\n\r\n")))
    .chain([
        refused("HTTP/0.9 without a version", "GET /\r\n"),
        refused("HTTP/0.9 and a request behind it", format!("GET /\r\n{SMUGGLED}")),
    ])
    .collect()
}

fn spaces() -> Vec<Case> {
    [
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        "GET / HTTP/1.1 ",
        " GET / HTTP/1.1",
        "\tGET / HTTP/1.1",
        "GET\t/\tHTTP/1.1",
        "GET\t/ HTTP/1.1",
        "GET /\tHTTP/1.1",
        "GET\x0b/ HTTP/1.1",
        "GET /\x0cHTTP/1.1",
        "GET / a HTTP/1.1",
        "GET /?a b HTTP/1.1",
        "GET / HTTP/1.1 HTTP/1.1",
        "GET / HTTP/1.1 / HTTP/1.1",
        "GET/ HTTP/1.1",
        "GET /HTTP/1.1",
        "GET",
        "GET ",
        "/ HTTP/1.1",
        "GET HTTP/1.1",
        "HTTP/1.1 200 OK",
        "GET /\u{a0}HTTP/1.1",
        "GET /\u{3000} HTTP/1.1",
    ]
    .iter()
    .map(|line| refused(&format!("request line {line:?}"), format!("{line}\r\nHost: a.example\r\n\r\n")))
    .collect()
}

/// Bytes before a request line.
fn before() -> Vec<Case> {
    let request = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";
    vec![
        either("an empty line first", format!("\r\n{request}"), "GET /"),
        either("a few empty lines first", format!("\r\n\r\n\r\n{request}"), "GET /"),
        refused("a bare line feed first", format!("\n{request}")),
        refused("a bare carriage return first", format!("\r{request}")),
        refused("a byte order mark first", format!("\u{feff}{request}")),
        refused("a field first", format!("X: y\r\n{request}")),
        refused("a line of spaces first", format!("   \r\n{request}")),
        refused("a PROXY header that nobody asked for", format!("PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n{request}")),
        refused(
            "a PROXY header in binary",
            [b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x01\x02\x03\x04\x05\x06\x07\x08\0\x01\0\x02", request.as_bytes()]
                .concat(),
        ),
        refused("a TLS handshake in clear text", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
        refused("half of the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\n"),
        refused("the preface of HTTP/2 with another ending", "PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"),
        refused("the preface of HTTP/2 in lower case", "pri * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
        refused("a response", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"),
    ]
}
