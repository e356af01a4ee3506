//! Pseudo-header fields (RFC 9113 §8.3): missing, twice, late, and with values that HTTP/1.1 would read otherwise.

use super::trial::{Case, ask, either, forwarded, refused};
use crate::support::frames::{block, field};

const WHOLE: [(&str, &str); 4] = [(":method", "GET"), (":scheme", "http"), (":authority", "a.example"), (":path", "/")];

pub fn cases() -> Vec<Case> {
    [missing_and_repeated(), methods(), paths(), schemes(), authorities(), connect()].concat()
}

/// The whole with one of them changed; an empty name leaves it out.
fn with(name: &str, value: impl AsRef<[u8]>) -> Vec<u8> {
    let fields = WHOLE.iter().flat_map(
        |(known, usual)| {
            if *known == name { field(known, value.as_ref()) } else { field(known, usual) }
        },
    );
    ask(fields.collect::<Vec<u8>>())
}

fn without(name: &str) -> Vec<u8> {
    WHOLE.iter().filter(|(known, _)| *known != name).flat_map(|(name, value)| field(name, value)).collect()
}

fn missing_and_repeated() -> Vec<Case> {
    let whole = block(&WHOLE);
    let more = |name: &str, value: &str| ask([whole.clone(), field(name, value)].concat());
    let mut cases = Vec::new();
    for (name, value) in WHOLE {
        cases.push(refused(&format!("no {name}"), ask(without(name))));
        let empty = with(name, "");
        // What scheme a client names means nothing here, and none at all is taken for the listener's.
        let name_it = format!("an empty {name}");
        cases.push(if name == ":scheme" { either(&name_it, empty, "GET /") } else { refused(&name_it, empty) });
        cases.push(refused(&format!("{name} twice"), more(name, value)));
        let late = [without(name), field("x", "y"), field(name, value)].concat();
        cases.push(refused(&format!("{name} behind a field"), ask(late)));
        let capital = format!(":{}{}", name[1..2].to_uppercase(), &name[2..]);
        cases.push(refused(&capital, ask([without(name), field(&capital, value)].concat())));
    }
    cases.extend([
        refused(":path twice, different", more(":path", "/smuggled")),
        refused(":authority twice, different", more(":authority", "b.example")),
        refused(":method twice, different", more(":method", "POST")),
        refused(":status", more(":status", "200")),
        refused("a pseudo-header field that nobody knows", more(":cow", "moo")),
        refused("a colon alone", more(":", "moo")),
        refused(":host", more(":host", "b.example")),
        refused(":protocol with GET", more(":protocol", "websocket")),
        refused("no field at all", ask([])),
        refused("fields and no pseudo-header field", ask(block(&[("host", "a.example"), ("x", "y")]))),
        refused(":path with a space in the name", more(":path ", "/smuggled")),
    ]);
    cases
}

fn methods() -> Vec<Case> {
    let mut cases: Vec<Case> = [
        "G ET",
        "GET ",
        " GET",
        "GET\t",
        "GET\r\n",
        "GET\n",
        "GET\0",
        "GET / HTTP/1.1\r\nHost: a.example\r\n\r\nGET /smuggled HTTP/1.1\r\nX: y\r\n\r\nGET",
        "G:ET",
        "(GET)",
        "G\u{fc}T",
        "GET /smuggled",
        "GET\x7f",
        "TRACE",
    ]
    .iter()
    .map(|method| refused(&format!("method {method:?}"), with(":method", method)))
    .collect();
    cases.push(forwarded("a method in lower case", with(":method", "get"), "get /"));
    cases.push(forwarded("a method that nobody knows", with(":method", "BREW"), "BREW /"));
    cases
}

#[rustfmt::skip]
const BAD_PATHS: &[&str] = &[
    "x", "x/y", "a.example/x", "http://a.example/x", "https://b.example/", "//b.example\\x", "/ x", "/x ", " /x",
    "/x y", "/\t", "/x\r", "/x\n", "/x\r\ny", "/x\0", "/x\x01", "/x\x7f",
    "/ HTTP/1.1\r\nHost: b.example\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a.example\r\nX: ", "/ HTTP/1.1",
    "/x HTTP/1.1\r\nX: y", "*", "?", "?x=y", "../x", "/..", "/../x", "/a/../../x", "/%2e%2e/x", "/a/..%2fb",
    "/a/..;/b", "/a\\b", "/%", "/%zz", "/%00", "a.example:443", "/gr\u{fc}n", "/\u{ff0f}",
];

fn paths() -> Vec<Case> {
    let mut cases: Vec<Case> =
        BAD_PATHS.iter().map(|path| refused(&format!("path {path:?}"), with(":path", path))).collect();
    // The h2 crate drops the fragment before anybody sees it: what arrives has one meaning.
    for path in ["/#x", "/x#", "#"] {
        let clean = if path.starts_with("/x") { "GET /x" } else { "GET /" };
        cases.push(either(&format!("path {path:?}"), with(":path", path), clean));
    }
    cases.push(refused("path with an octet that is no UTF-8", with(":path", b"/\xff")));
    cases.push(refused(
        "an asterisk with POST",
        ask(block(&[(":method", "POST"), (":scheme", "http"), (":authority", "a.example"), (":path", "*")])),
    ));
    cases.push(forwarded(
        "an asterisk with OPTIONS",
        ask(block(&[(":method", "OPTIONS"), (":scheme", "http"), (":authority", "a.example"), (":path", "*")])),
        "OPTIONS *",
    ));
    for (path, clean) in [
        ("//", "//"),
        ("//b.example/x", "//b.example/x"),
        ("/a%2Fb", "/a%2Fb"),
        ("/a/../b", "/b"),
        ("/?a b", ""),
        ("/?x=%zz", "/?x=%zz"),
        ("/http://b.example/", "/http://b.example/"),
    ] {
        let frames = with(":path", path);
        cases.push(if clean.is_empty() {
            refused(path, frames)
        } else {
            forwarded(&format!("path {path:?}"), frames, &format!("GET {clean}"))
        });
    }
    cases
}

fn schemes() -> Vec<Case> {
    let mut cases: Vec<Case> = ["http ", "h ttp", "http\r\n", "http\0", "http://b.example/", "http:", "://", "h\u{fc}"]
        .iter()
        .map(|scheme| refused(&format!("scheme {scheme:?}"), with(":scheme", scheme)))
        .collect();
    for scheme in ["1http", "https", "HTTP", "ftp", "file"] {
        cases.push(either(&format!("scheme {scheme:?}"), with(":scheme", scheme), "GET /"));
    }
    cases
}

fn authorities() -> Vec<Case> {
    let mut cases: Vec<Case> = [
        "u@a.example",
        "u:p@a.example",
        "@a.example",
        "a.example,b.example",
        "a.example, b.example",
        "a.example/x",
        "a.example?x",
        "a.example#x",
        "a example",
        "a.example\r\n",
        "a.example\r\nX: y",
        "a.example\n",
        "a.example\0",
        "a.example:",
        "a.example:x",
        "a.example:65536",
        "a.example:0",
        "a..example",
        "[::1",
        "%61.example",
        "a.example\\b",
        "http://a.example",
        "gr\u{fc}n.example",
        "a.example\t",
        " a.example",
        "*",
    ]
    .iter()
    .map(|authority| refused(&format!("authority {authority:?}"), with(":authority", authority)))
    .collect();
    let whole = block(&WHOLE);
    let host =
        |values: &[&str]| ask([whole.clone(), values.iter().flat_map(|value| field("host", value)).collect()].concat());
    let alone = |values: &[&str]| {
        ask([without(":authority"), values.iter().flat_map(|value| field("host", value)).collect()].concat())
    };
    cases.extend([
        refused("another host", host(&["b.example"])),
        refused("another port in host", host(&["a.example:81"])),
        refused("an empty host", host(&[""])),
        refused("a host with a comma", host(&["a.example,b.example"])),
        refused("two hosts", host(&["a.example", "b.example"])),
        refused("two equal hosts", host(&["a.example", "a.example"])),
        refused("two hosts and no authority", alone(&["a.example", "b.example"])),
        refused("a host that is none, and no authority", alone(&["u@a.example"])),
        refused("a host with a line end, and no authority", alone(&["a.example\r\nX: y"])),
        forwarded("the same host", host(&["a.example"]), "GET /"),
        forwarded("the same host in capitals", host(&["A.Example"]), "GET /"),
        forwarded("the same host with the scheme's port", host(&["a.example:80"]), "GET /"),
        forwarded("a host and no authority", alone(&["a.example"]), "GET /"),
        forwarded("an authority in capitals", with(":authority", "A.EXAMPLE:8080"), "GET /"),
    ]);
    cases
}

/// RFC 9113 §8.5, RFC 8441.
fn connect() -> Vec<Case> {
    let open = |fields: &[(&str, &str)]| crate::support::frames::headers(1, 0, block(fields));
    let extended = |protocol: &str| {
        open(&[
            (":method", "CONNECT"),
            (":protocol", protocol),
            (":scheme", "http"),
            (":authority", "a.example"),
            (":path", "/"),
        ])
    };
    vec![
        refused("CONNECT", open(&[(":method", "CONNECT"), (":authority", "a.example:443")])),
        refused("CONNECT that has ended", ask(block(&[(":method", "CONNECT"), (":authority", "a.example:443")]))),
        refused(
            "CONNECT with a path",
            open(&[(":method", "CONNECT"), (":authority", "a.example:443"), (":path", "/")]),
        ),
        refused(
            "CONNECT with a scheme",
            open(&[(":method", "CONNECT"), (":authority", "a.example:443"), (":scheme", "http")]),
        ),
        refused(
            "CONNECT with everything and no protocol",
            open(&[(":method", "CONNECT"), (":scheme", "http"), (":authority", "a.example"), (":path", "/")]),
        ),
        refused("CONNECT without an authority", open(&[(":method", "CONNECT")])),
        refused(
            "extended CONNECT without a scheme",
            open(&[(":method", "CONNECT"), (":protocol", "websocket"), (":authority", "a.example"), (":path", "/")]),
        ),
        refused(
            "extended CONNECT without a path",
            open(&[
                (":method", "CONNECT"),
                (":protocol", "websocket"),
                (":scheme", "http"),
                (":authority", "a.example"),
            ]),
        ),
        refused("extended CONNECT to what nobody knows", extended("cow")),
        refused("extended CONNECT to h2c", extended("h2c")),
        refused("extended CONNECT to nothing", extended("")),
        refused("extended CONNECT with a line end in the protocol", extended("websocket\r\nX: y")),
        refused("extended CONNECT with a list", extended("websocket, h2c")),
        refused(
            "extended CONNECT, the protocol twice",
            open(&[
                (":method", "CONNECT"),
                (":protocol", "websocket"),
                (":protocol", "h2c"),
                (":scheme", "http"),
                (":authority", "a.example"),
                (":path", "/"),
            ]),
        ),
        refused(
            "extended CONNECT, the protocol late",
            open(&[
                (":method", "CONNECT"),
                (":scheme", "http"),
                (":authority", "a.example"),
                (":path", "/"),
                ("x", "y"),
                (":protocol", "websocket"),
            ]),
        ),
    ]
}
