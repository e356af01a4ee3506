//! Names and values of fields (RFC 9110 §5, RFC 9112 §5).

use crate::hostile::case::{Case, either, forwarded, get, refused};

pub fn cases() -> Vec<Case> {
    [names(), values(), folds(), shadows()].concat()
}

fn names() -> Vec<Case> {
    [
        "X : y",
        "X\t: y",
        " X: y",
        "\tX: y",
        ": y",
        " : y",
        "X y: z",
        "X\ty: z",
        "X",
        "X;y: z",
        "X,y: z",
        "X=y: z",
        "X/y: z",
        "X@y: z",
        "[X]: y",
        "{X}: y",
        "(X): y",
        "<X>: y",
        "\"X\": y",
        "X\\y: z",
        "X?: y",
        "X\x00: y",
        "\x00X: y",
        "X\x00y: z",
        "X\x01: y",
        "X\x1f: y",
        "X\x7f: y",
        "X\x0b: y",
        "X\x0c: y",
        "X\r: y",
        "\u{fc}: y",
        "X\u{fc}: y",
        "X\u{a0}: y",
        "X",
        "X\u{ff1a} y",
        "GET / HTTP/1.1",
        ":",
    ]
    .iter()
    .enumerate()
    .map(|(number, line)| refused(&format!("field line {line:?}"), get(format!("N: {number}\r\n{line}\r\n"))))
    .chain([
        refused("a field line before Host with a space first", "GET / HTTP/1.1\r\n X: y\r\nHost: a.example\r\n\r\n"),
        refused("Host with a space before the colon", "GET / HTTP/1.1\r\nHost : a.example\r\n\r\n"),
        refused("Host on a folded first line", "GET / HTTP/1.1\r\n Host: a.example\r\n\r\n"),
    ])
    .collect()
}

fn values() -> Vec<Case> {
    let mut cases: Vec<Case> = (0..=0x1f_u8)
        .chain([0x7f])
        .filter(|byte| !matches!(byte, b'\t' | b'\n' | b'\r'))
        .map(|byte| refused(&format!("value with {byte:#04x}"), get([b"X: a".as_slice(), &[byte], b"b\r\n"].concat())))
        .collect();
    cases.extend([
        refused("value with a carriage return", get("X: a\rb\r\n")),
        refused("value with a line feed", get("X: a\nb\r\n")),
        refused("value that is a NUL", get("X: \x00\r\n")),
        refused("value with a request behind a bare line feed", get("X: a\n\nGET /smuggled HTTP/1.1\r\n")),
        refused("value that ends in a carriage return", get("X: a\r\r\n")),
        forwarded("value with a tab", get("X: a\tb\r\n"), "GET /"),
        forwarded("value with octets above ASCII", get(b"X: gr\xfcn \xc3\xbc \xff\r\n"), "GET /"),
        forwarded("empty value", get("X:\r\n"), "GET /"),
        forwarded("value of blanks", get("X:  \t \r\n"), "GET /"),
        forwarded("value without a blank before it", get("X:y\r\n"), "GET /"),
        forwarded("value with blanks around it", get("X:\t  y \t\r\n"), "GET /"),
        forwarded("value with colons", get("X: a:b::c\r\n"), "GET /"),
        forwarded("value like a request line", get("X: GET /smuggled HTTP/1.1\r\n"), "GET /"),
        forwarded("name of odd token characters", get("!#$%&'*+-.^_`|~: y\r\n"), "GET /"),
        forwarded("name of one digit", get("0: y\r\n"), "GET /"),
    ]);
    cases
}

/// RFC 9112 §5.2
fn folds() -> Vec<Case> {
    [
        "X: a\r\n b\r\n",
        "X: a\r\n\tb\r\n",
        "X:\r\n b\r\n",
        "X: a\r\n \r\n",
        "X: a\r\n\t\r\n",
        "X: a\r\n b\r\n c\r\n",
        "X: a\r\n Host: b.example\r\n",
        "X: a\n b\r\n",
        "X\r\n : y\r\n",
    ]
    .iter()
    .map(|fields| refused(&format!("folded {fields:?}"), get(fields)))
    .collect()
}

/// Names that many servers and frameworks read as others, because they take `_` for `-`.
fn shadows() -> Vec<Case> {
    let mut cases: Vec<Case> = [
        "Content_Length: 4",
        "content_length: 4",
        "Transfer_Encoding: chunked",
        "TRANSFER_ENCODING: chunked",
        "Proxy_Connection: keep-alive",
        "Keep_Alive: 300",
    ]
    .iter()
    .map(|line| either(&format!("shadow {line:?}"), get(format!("{line}\r\n")), "GET /"))
    .collect();
    for line in ["X_Custom: y", "X-Under_Score: y", "_: y", "_content-length_: 5"] {
        cases.push(forwarded(&format!("honest {line:?}"), get(format!("{line}\r\n")), "GET /"));
    }
    cases
}
