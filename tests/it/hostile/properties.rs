//! What holds for any bytes, with bytes that are nearly right: the same functions that `fuzz/` runs under coverage.

use proptest::prelude::*;

#[path = "../../../fuzz/src/properties.rs"]
mod held;

use super::strict;

/// Pieces that mean something to one reader or another, in any order.
fn pieces(of: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => proptest::sample::select(of).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => proptest::collection::vec(any::<u8>(), 0..4),
    ];
    proptest::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}

const HEADS: &[&str] = &[
    "GET ",
    "POST ",
    "/",
    "/a/../b",
    "%2f",
    "%2e",
    "..",
    ";x",
    "?q",
    "#f",
    "*",
    "http://a",
    " HTTP/1.1\r\n",
    " HTTP/1.0\r\n",
    "Host: a\r\n",
    "Host: b:80\r\n",
    "Content-Length: 4\r\n",
    "Content-Length: 5\r\n",
    "Content_Length: 5\r\n",
    "Transfer-Encoding: chunked\r\n",
    "Transfer-Encoding: gzip\r\n",
    "Connection: close, x\r\n",
    "X: y\r\n",
    "X:\ty \r\n",
    "TE: trailers\r\n",
    "Expect: 100-continue\r\n",
    "\r\n",
    "\n",
    "\r",
    "\0",
    ":",
    " ",
    "\t",
    ",",
    "Cookie: a=b\r\n",
    "Upgrade: h2c\r\n",
];

/// A request line and a host in front, so that more of it is a request.
fn heads() -> impl Strategy<Value = Vec<u8>> {
    (pieces(HEADS), any::<bool>()).prop_map(|(rest, begun)| {
        let front: &[u8] = if begun { b"POST /a HTTP/1.1\r\nHost: a\r\n" } else { b"" };
        [front, &rest, b"\r\n"].concat()
    })
}

const PATHS: &[&str] =
    &["/", "a", ".", "..", "%2e", "%2E", "%2f", "%5c", "%25", "%00", "\\", ";", ";x", "//", "?", "%", "%zz", "#", "*"];
const RANGES: &[&str] = &["bytes=", "bytes", "=", "-", ",", " ", "0", "1", "99", "999", "18446744073709551616", "\n"];
const DIRECTIVES: &[&str] = &[
    "max-age",
    "s-maxage",
    "no-cache",
    "private",
    "=",
    "\"",
    "\\",
    ",",
    ";",
    " ",
    "\t",
    "0",
    "60",
    "-1",
    "9999999999999",
    "\n",
];
const CODINGS: &[&str] =
    &["gzip", "br", "zstd", "identity", "*", "x-gzip", ";q=", "0", "0.5", "1", "1.0001", ",", " ", "\n"];
const STRUCTURED: &[&str] =
    &["a", "=", "1", "1.5", "-", "?1", ":YQ==:", "@1", "\"b\"", "%\"c\"", "(", ")", ";", ",", " ", "\n", "*"];
const PROXY: &[&str] = &[
    "PROXY ",
    "TCP4 ",
    "TCP6 ",
    "UNKNOWN",
    "127.0.0.1 ",
    "::1 ",
    "1 ",
    "65535",
    "65536",
    "\r\n",
    "\r\n\r\n\0\r\nQUIT\n",
    "\x21",
    "\x11",
    "\x20",
    "\0\x0c",
    "\0\0\0\0\0\0\0\0\0\0\0\0",
];
const TOML: &[&str] = &[
    "[server]\n",
    "[listeners.a]\n",
    "[[routes]]\n",
    "[upstreams.b]\n",
    "address = \"127.0.0.1:0\"\n",
    "endpoints = [\"127.0.0.1:1\"]\n",
    "upstream = \"b\"\n",
    "path = \"/\"\n",
    "workers = 1\n",
    "max_body = \"1MiB\"\n",
    "=",
    "\"",
    "'",
    "[",
    "]",
    "{",
    "}",
    "1",
    "true",
    ".",
    "\n",
    "#",
    "abuse = false\n",
    "priority = \"low\"\n",
    "${X:-y}",
];

proptest! {
    #[test]
    fn heads_are_clean_or_refused(bytes in heads()) {
        held::sanitize(&bytes);
    }

    #[test]
    fn what_goes_on_means_the_same_to_three_readers(bytes in heads()) {
        held::differential(&bytes);
    }

    #[test]
    fn clean_paths_are_clean(policy in any::<u8>(), bytes in pieces(PATHS)) {
        held::path(&[&[policy, b'/'], &bytes[..]].concat());
    }

    #[test]
    fn ranges_stay_within(bytes in pieces(RANGES)) {
        held::range(&[&[0, 0, 3, 232], &bytes[..]].concat());
    }

    #[test]
    fn directives_are_read(bytes in pieces(DIRECTIVES)) {
        held::cache_control(&bytes);
    }

    #[test]
    fn codings_are_those_that_are_taken(bytes in pieces(CODINGS)) {
        held::accept_encoding(&bytes);
    }

    #[test]
    fn structured_fields_are_read_or_refused(bytes in pieces(STRUCTURED)) {
        held::structured_fields(&bytes);
    }

    #[test]
    fn proxy_headers_are_known_by_their_front(bytes in pieces(PROXY)) {
        held::proxy_protocol(&bytes);
    }

    #[test]
    fn configs_are_taken_or_refused(bytes in pieces(TOML)) {
        held::config(&bytes);
    }
}
