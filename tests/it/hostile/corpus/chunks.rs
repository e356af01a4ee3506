//! Chunked bodies (RFC 9112 §7.1): sizes, extensions, ends and trailers.

use crate::hostile::case::{Case, SMUGGLED, chunked, either, forwarded, refused};

pub fn cases() -> Vec<Case> {
    [sizes(), extensions(), ends(), trailers()].concat()
}

fn sizes() -> Vec<Case> {
    [
        "",
        " ",
        " 2",
        "\t2",
        "0x2",
        "0X2",
        "+2",
        "-2",
        "-0",
        "2_0",
        "2h",
        "2.",
        "2 2",
        "g",
        "\"2\"",
        "2\x00",
        "\x002",
        "2\x0b",
        "\x0b2",
        "2\x0c",
        "2\x01",
        "2\u{a0}",
        "2,",
        "2=",
        "2:",
        "2\t2",
        "10000000000000002",
        "ffffffffffffffff2",
        "000000000000000000002",
        "100000000000000000000000000000002",
        "fffffffffffffffe",
        "ffffffffffffffff",
        "7fffffffffffffff",
        "8000000000000000",
        "2 ",
        "2\t",
        "2\r",
        "\r2",
        "２",
    ]
    .iter()
    .map(|size| refused(&format!("chunk size {size:?}"), chunked(format!("{size}\r\nab\r\n0\r\n\r\n"))))
    .chain([
        refused("a size that counts the next request", chunked(format!("30\r\nab\r\n0\r\n\r\n{}", &SMUGGLED[..20]))),
        refused("a last size with a sign", chunked(format!("2\r\nab\r\n-0\r\n\r\n{SMUGGLED}"))),
        refused("a last size with 0x", chunked(format!("2\r\nab\r\n0x0\r\n\r\n{SMUGGLED}"))),
        refused("a last size that is empty", chunked(format!("2\r\nab\r\n\r\n\r\n{SMUGGLED}"))),
        refused("a size over 32 bits, low half zero", chunked(format!("100000000\r\nab\r\n0\r\n\r\n{SMUGGLED}"))),
    ])
    .collect()
}

fn extensions() -> Vec<Case> {
    let mut cases: Vec<Case> =
        [";", ";x", ";x=y", ";x=\"y\"", ";x=\"y;z\"", "; x", ";x;y;z=1", " ;x", "\t;x=y", ";x =y", ";x=\"\\\"\""]
            .iter()
            .map(|extension| {
                either(
                    &format!("chunk extension {extension:?}"),
                    chunked(format!("2{extension}\r\nab\r\n0{extension}\r\n\r\n")),
                    "POST / ab",
                )
            })
            .collect();
    let inside = format!("2;\n{SMUGGLED}\r\nab\r\n0\r\n\r\n");
    cases.extend([
        refused("a line feed in an extension", chunked("2;a\nb\r\nab\r\n0\r\n\r\n")),
        refused("a carriage return in an extension", chunked("2;a\rb\r\nab\r\n0\r\n\r\n")),
        refused("a carriage return behind the semicolon", chunked("2;\r\r\nab\r\n0\r\n\r\n")),
        refused("a NUL in an extension", chunked("2;a\x00b\r\nab\r\n0\r\n\r\n")),
        refused("a control byte in an extension", chunked("2;\x01\r\nab\r\n0\r\n\r\n")),
        refused("a line feed alone behind an extension", chunked("2;x\nab\r\n0\r\n\r\n")),
        refused("a request behind a line feed in an extension", chunked(inside)),
        refused("an extension that takes no end", chunked(format!("2;{}\r\nab\r\n0\r\n\r\n", "x".repeat(70_000)))),
        refused("extensions without a count", chunked(format!("2{}\r\nab\r\n0\r\n\r\n", ";x=y".repeat(5_000)))),
        refused("an extension of the last chunk with a line feed", chunked(format!("0;\n\n{SMUGGLED}"))),
        refused(
            "a line end in a quoted extension",
            chunked(
                format!("2;x=\"\r\nab\r\n0\r\n\r\n{SMUGGLED}\"\r\nab\r\n0\r\n\r\n")
                    .replace("\r\nab\r\n0\r\n\r\nGET", "\n\nGET"),
            ),
        ),
    ]);
    cases
}

fn ends() -> Vec<Case> {
    [
        ("bare line feeds", "2\nab\n0\n\n"),
        ("a bare line feed behind a size", "2\nab\r\n0\r\n\r\n"),
        ("a bare line feed behind the data", "2\r\nab\n0\r\n\r\n"),
        ("a bare line feed behind the last size", "2\r\nab\r\n0\n\r\n"),
        ("a bare line feed at the very end", "2\r\nab\r\n0\r\n\n"),
        ("a bare carriage return behind a size", "2\rab\r\n0\r\n\r\n"),
        ("a bare carriage return behind the data", "2\r\nab\r0\r\n\r\n"),
        ("a bare carriage return at the very end", "2\r\nab\r\n0\r\n\rX"),
        ("two carriage returns behind the data", "2\r\nab\r\r\n0\r\n\r\n"),
        ("no line end behind the data", "2\r\nab0\r\n\r\n"),
        ("other bytes for the line end", "2\r\nabXX0\r\n\r\n"),
        ("more data than the size", "2\r\nabc\r\n0\r\n\r\n"),
        ("less data than the size", "5\r\nab\r\n0\r\n\r\n"),
        ("an empty line between chunks", "2\r\nab\r\n\r\n0\r\n\r\n"),
        ("an empty line first", "\r\n2\r\nab\r\n0\r\n\r\n"),
        ("no last chunk", "2\r\nab\r\n"),
        ("nothing at all", ""),
        ("half a size", "2"),
        ("a last chunk without its empty line", "2\r\nab\r\n0\r\n"),
        ("line feed, carriage return", "2\n\rab\r\n0\r\n\r\n"),
        ("a size continued on the next line", "2\r\n\tab\r\n0\r\n\r\n"),
        ("bytes behind the CR of the end", "2\r\nab\r\n0\r\n\rGET /smuggled HTTP/1.1\r\nHost: a.example\r\n\r\n"),
    ]
    .iter()
    .map(|(name, body)| refused(&format!("chunks: {name}"), chunked(body)))
    .collect()
}

fn trailers() -> Vec<Case> {
    let with = |trailers: &str| chunked(format!("2\r\nab\r\n0\r\n{trailers}\r\n"));
    let mut cases: Vec<Case> = [
        "X : y\r\n",
        " X: y\r\n",
        "X: y\r\n z\r\n",
        "X: y\n",
        "X: y\r",
        "X\r\n",
        ": y\r\n",
        "X: \x00\r\n",
        "X\x00: y\r\n",
        "X: y\x0b\r\n",
        "X: y\nHost: b\r\n",
        "X y: z\r\n",
        "\x01X: y\r\n",
    ]
    .iter()
    .map(|trailers| refused(&format!("trailer {trailers:?}"), with(trailers)))
    .collect();
    cases.push(refused("trailers without an end", with(&"X: y\r\n".repeat(5_000))));
    cases.push(refused("one trailer without an end", with(&format!("X: {}\r\n", "y".repeat(70_000)))));
    // What a trailer must not say is taken from it; the recorder looks.
    for trailer in [
        "Content-Length: 5",
        "Transfer-Encoding: chunked",
        "Host: b.example",
        "Authorization: Basic eDp5",
        "Cookie: a=b",
        "Connection: close",
        "Content_Length: 5",
        "Transfer_Encoding: chunked",
    ] {
        cases.push(either(
            &format!("a trailer that smuggles {trailer:?}"),
            with(&format!("{trailer}\r\n")),
            "POST / ab",
        ));
    }
    for trailer in ["X-Checksum: 1", "x-a: 1\r\nx-b: 2", "X-Empty:", "Content-MD5: eA=="] {
        cases.push(forwarded(&format!("an honest trailer {trailer:?}"), with(&format!("{trailer}\r\n")), "POST / ab"));
    }
    cases
}
