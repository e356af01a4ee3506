//! `Host` (RFC 9110 §7.2, RFC 9112 §3.2).

use crate::hostile::case::{Case, forwarded, refused};

pub fn cases() -> Vec<Case> {
    [malformed(), missing_and_repeated(), fine()].concat()
}

fn with(fields: &str) -> String {
    format!("GET / HTTP/1.1\r\n{fields}\r\n")
}

#[rustfmt::skip]
const MALFORMED: &[&str] = &[
    "", " ", "a b", "a\tb", "a,b", "a.example, b.example", "a.example,", "u@a.example", "u:p@a.example", "@a.example",
    "a.example@", "a/b", "a.example/", "/", "a?b", "a#b", "http://a.example", "a\\b", "a.example:", "a.example:x",
    "a.example:-1", "a.example:+80", "a.example:0", "a.example:65536", "a.example:99999999999", "a.example:80:80",
    "a.example: 80", "a.example :80", ":80", ":", ".", "..", "a..example", ".a.example", "a.example..", "%61.example",
    "a%00", "a.example%2f", "[::1", "::1]", "[::1]x", "[a]", "[]", "[::1]:", "[::1]:x", "[::1%25eth0]", "[v1.x]",
    "a[::1]", "a;b", "a=b", "a&b", "a\"b", "a'b", "a<b>", "a{b}", "a|b", "a^b", "a`b", "a*b", "*", "*.a.example",
    "a!b", "a$b", "a(b)", "\x00", "a\x00b", "a\x01b", "gr\u{fc}n.example", "a\u{3002}example", "a\u{2024}example",
    "a\u{ad}b",
];

fn malformed() -> Vec<Case> {
    MALFORMED.iter().map(|host| refused(&format!("Host {host:?}"), with(&format!("Host: {host}\r\n")))).collect()
}

fn missing_and_repeated() -> Vec<Case> {
    vec![
        refused("no Host", with("")),
        refused("no Host but others", with("X-Forwarded-Host: a.example\r\nX-Host: a.example\r\n")),
        refused("two Hosts", with("Host: a.example\r\nHost: b.example\r\n")),
        refused("two equal Hosts", with("Host: a.example\r\nHost: a.example\r\n")),
        refused("two Hosts far apart", with("Host: a.example\r\nX: y\r\nX: z\r\nhost: b.example\r\n")),
        refused("two Hosts, one empty", with("Host:\r\nHost: a.example\r\n")),
        refused("two Hosts, one folded", with("Host: a.example\r\n Host: b.example\r\n")),
        refused("a folded Host", with("Host:\r\n a.example\r\n")),
        refused("Host with a space before the colon and another", with("Host : b.example\r\nHost: a.example\r\n")),
        refused("a Host over a line feed", with("Host: a.example\nHost: b.example\r\n")),
        refused("a Host that is too long", with(&format!("Host: {}\r\n", "a".repeat(9_000)))),
        refused("Host named by Connection", with("Host: a.example\r\nConnection: host\r\n")),
        refused("no Host in HTTP/1.1 with a body", with("Content-Length: 2\r\n") + "ab"),
    ]
}

fn fine() -> Vec<Case> {
    let mut cases = Vec::new();
    for host in [
        "a",
        "A.Example",
        "a.example:8080",
        "a.example.",
        "127.0.0.1",
        "127.0.0.1:1",
        "[::1]",
        "[::1]:8080",
        "[2001:DB8::1]",
        "a-b.c-d",
        "a_b.example",
        "xn--grn-ioa.example",
        "1",
        "a.example:00080",
        "-",
    ] {
        cases.push(forwarded(&format!("Host {host:?}"), with(&format!("Host: {host}\r\n")), "GET /"));
    }
    cases
}
