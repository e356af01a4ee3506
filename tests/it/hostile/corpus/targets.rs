//! Request targets (RFC 9112 §3.2, RFC 3986).

use crate::hostile::case::{Case, either, forwarded, refused, target};

pub fn cases() -> Vec<Case> {
    [forms(), bytes(), dots(), absolute(), kept()].concat()
}

fn forms() -> Vec<Case> {
    [
        "x",
        "x/y",
        "*",
        "?",
        "?a=b",
        "#",
        "../x",
        "./x",
        "a.example",
        "a.example:80",
        ":80",
        "http:",
        "http:/",
        "http:/x",
        "http://",
        "http:///x",
        "http://?x",
        "ftp://a.example/",
        "file:///etc/passwd",
        "javascript:x",
        "ws://a.example/",
        "httpx://a.example/",
        "http//a.example/",
        "https:a.example",
        "://a.example/",
        "http:\\\\a.example\\",
        "urn:x",
        "@a.example/",
        "a.example/x",
        "\"/\"",
        "</>",
        "'/'",
        "%2F",
        "%2Fx",
        ";x",
        "&x",
        "%68ttp://a.example/",
        "http%3A//a.example/",
        "unix:/x",
    ]
    .iter()
    .map(|form| refused(&format!("target {form:?}"), target(form)))
    .collect()
}

fn bytes() -> Vec<Case> {
    let mut cases: Vec<Case> = (0..=0x20_u8)
        .chain([0x7f, 0x80, 0x85, 0xa0, 0xfc, 0xff])
        .map(|byte| refused(&format!("target with {byte:#04x}"), target([b"/a".as_slice(), &[byte], b"b"].concat())))
        .collect();
    for path in [
        "/#x",
        "/a#b",
        "/a?b#c",
        "/#",
        "/\\",
        "/a\\b",
        "/\\..\\b",
        "/a\\..\\b",
        "\\a",
        "/%",
        "/%4",
        "/%4g",
        "/%zz",
        "/%%20",
        "/%u002e",
        "/%00",
        "/a%00.html",
        "/%-1",
        "/% 20",
    ] {
        cases.push(refused(&format!("path {path:?}"), target(path)));
    }
    cases.push(refused("path with UTF-8", target("/gr\u{fc}n")));
    cases.push(refused("query with UTF-8", target("/?gr\u{fc}n")));
    cases.push(refused("path with a slash of full width", target("/a\u{ff0f}b")));
    cases.push(refused("path with a two-octet dot", target(b"/a/\xc0\xae\xc0\xae/b")));
    cases
}

fn dots() -> Vec<Case> {
    let mut cases: Vec<Case> = [
        "/..",
        "/../",
        "/../x",
        "/../../x",
        "/a/../..",
        "/a/../../x",
        "/./../x",
        "/%2e%2e/x",
        "/%2E%2E/x",
        "/.%2e/x",
        "/%2e./x",
        "/..%2fx",
        "/a/..%2fb",
        "/a/..%2Fb",
        "/a%2f..%2fb",
        "/a/..%5cb",
        "/a%5c..%5cb",
        "/a/..;/b",
        "/a/..;x=1/b",
        "/a/.;/b",
        "/a/%2e%2e;/b",
        "/a/..%3b/b",
        "/a/%2e%2e%2fb",
        "/..;/..;/x",
        "/a/..%2f..%2fb",
    ]
    .iter()
    .map(|path| refused(&format!("dots {path:?}"), target(path)))
    .collect();
    for (path, clean) in [
        ("/.", "/"),
        ("/a/..", "/"),
        ("/a/./b", "/a/b"),
        ("/a/../b", "/b"),
        ("/a/%2e%2e/b", "/b"),
        ("/a/%2e/b", "/a/b"),
        ("/a/b/../../c", "/c"),
        ("/a/../b?x=../../y", "/b?x=../../y"),
        ("/a//../b", "/a/b"),
        ("/a/b/.", "/a/b/"),
    ] {
        cases.push(forwarded(&format!("dots {path:?}"), target(path), &format!("GET {clean}")));
    }
    // Escaped twice: nobody's dot segment, until somebody unescapes twice.
    cases.push(either("dots escaped twice", target("/a/%252e%252e/b"), "GET /a/%252e%252e/b"));
    cases
}

fn absolute() -> Vec<Case> {
    let asked = |target: &str, host: &str| format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    vec![
        forwarded("absolute form", asked("http://a.example/x", "a.example"), "GET /x"),
        forwarded("absolute form in capitals", asked("HTTP://A.EXAMPLE/x", "a.example"), "GET /x"),
        forwarded("absolute form without a path", asked("http://a.example", "a.example"), "GET /"),
        forwarded("absolute form with a query and no path", asked("http://a.example?x", "a.example"), "GET /?x"),
        forwarded("absolute form with the port of the scheme", asked("http://a.example:80/x", "a.example"), "GET /x"),
        forwarded("absolute form with dots", asked("http://a.example/a/../b", "a.example"), "GET /b"),
        refused("absolute form and another Host", asked("http://a.example/", "b.example")),
        refused("absolute form and another port", asked("http://a.example:81/", "a.example")),
        refused("absolute form and no Host", "GET http://a.example/ HTTP/1.1\r\n\r\n"),
        refused("absolute form and an empty Host", asked("http://a.example/", "")),
        refused(
            "absolute form and two Hosts",
            "GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\nHost: a.example\r\n\r\n",
        ),
        refused("absolute form with user information", asked("http://u:p@a.example/", "a.example")),
        refused("absolute form with an empty user", asked("http://@a.example/", "a.example")),
        refused("absolute form whose user is the Host", asked("http://a.example@b.example/", "a.example")),
        refused("absolute form with a fragment", asked("http://a.example/#x", "a.example")),
        refused("absolute form with a fragment and no path", asked("http://a.example#x", "a.example")),
        refused("absolute form with a backslash", asked("http://a.example\\@b.example/", "a.example")),
        refused("absolute form with a comma", asked("http://a.example,b.example/", "a.example")),
        refused("absolute form with an escaped host", asked("http://%61.example/", "a.example")),
        refused("absolute form with a space", asked("http://a.example /", "a.example")),
        refused("absolute form with an empty port", asked("http://a.example:/", "a.example:")),
        refused("absolute form with a port beyond all", asked("http://a.example:99999/", "a.example:99999")),
        refused("absolute form within absolute form", asked("http://http://a.example/", "a.example")),
        refused("absolute form above its root", asked("http://a.example/../x", "a.example")),
        refused("asterisk with GET", "GET * HTTP/1.1\r\nHost: a.example\r\n\r\n".replace("GET *", "POST *")),
        refused("asterisk with more", "OPTIONS */x HTTP/1.1\r\nHost: a.example\r\n\r\n"),
        refused("asterisk with a query", "OPTIONS *?x HTTP/1.1\r\nHost: a.example\r\n\r\n"),
        forwarded("asterisk with OPTIONS", "OPTIONS * HTTP/1.1\r\nHost: a.example\r\n\r\n", "OPTIONS *"),
    ]
}

/// What a proxy must not touch.
fn kept() -> Vec<Case> {
    [
        "//",
        "//a//b",
        "//a.example/x",
        "/a%2Fb",
        "/a%2fb",
        "/a%5Cb",
        "/a;b=c;d",
        "/a:b@c",
        "/%2e%2e%2e",
        "/...",
        "/.a",
        "/a.",
        "/%20",
        "/%0d%0a",
        "/%0D%0AHost:%20b.example",
        "/a+b",
        "/?",
        "/??",
        "/?a=b&c",
        "/?%zz",
        "/?a\\b",
        "/a|b",
        "/{a}",
        "/^`\"<>",
        "/~a",
        "/%7Ea",
        "/%FF",
        "/a%252Fb",
        "/http://a.example/",
        "/?http://a.example/#".strip_suffix('#').unwrap(),
        "/*",
        "/$&'()*,",
        "/a=b",
        "/%E2%80%AE",
    ]
    .iter()
    .map(|path| forwarded(&format!("kept {path:?}"), target(path), &format!("GET {path}")))
    .collect()
}
