//! More than there may be of everything.

use crate::hostile::case::{Case, forwarded, get, post, refused, target};

pub fn cases() -> Vec<Case> {
    vec![
        refused("a method without end", format!("{} / HTTP/1.1\r\nHost: a.example\r\n\r\n", "A".repeat(70_000))),
        refused("a target without end", target(format!("/{}", "a".repeat(70_000)))),
        refused("a target a little too long", target(format!("/{}", "a".repeat(8 * 1024)))),
        refused("a query without end", target(format!("/?{}", "a".repeat(70_000)))),
        refused("a path of a slash, many times", target("/".repeat(20_000))),
        refused("dot segments without end", target("/.".repeat(20_000))),
        refused("a version without end", format!("GET / HTTP/1.{}\r\nHost: a.example\r\n\r\n", "1".repeat(70_000))),
        refused("a name without end", get(format!("{}: y\r\n", "x".repeat(70_000)))),
        refused("a value without end", get(format!("X: {}\r\n", "y".repeat(70_000)))),
        refused("a value of blanks without end", get(format!("X:{}y\r\n", " ".repeat(70_000)))),
        refused("fields without end", get("X: y\r\n".repeat(12_000))),
        refused("fields without a value, without end", get("a:\r\n".repeat(12_000))),
        refused("cookies without end", get("Cookie: a=b\r\n".repeat(200))),
        refused("a few large fields", get(format!("X: {}\r\n", "y".repeat(7_000)).repeat(3))),
        refused("a line that has no end", "A".repeat(70_000)),
        refused("a body over the route's limit, by length", post("Content-Length: 17825792\r\n", "ab")),
        refused(
            "zeroes before a length, without end",
            post(format!("Content-Length: {}2\r\n", "0".repeat(5_000)), "ab"),
        ),
        forwarded(
            "a target just short enough",
            target(format!("/{}", "a".repeat(8 * 1024 - 1))),
            &format!("GET /{}", "a".repeat(8 * 1024 - 1)),
        ),
        forwarded("as many fields as may be", get("X: y\r\n".repeat(127)), "GET /"),
        forwarded("a value just short enough", get(format!("X: {}\r\n", "y".repeat(8_000))), "GET /"),
        forwarded(
            "a body of some size",
            post("Content-Length: 100000\r\n", "a".repeat(100_000)),
            &format!("POST / {}", "a".repeat(100_000)),
        ),
        forwarded(
            "a body in chunks of one octet",
            post("Transfer-Encoding: chunked\r\n", "1\r\na\r\n".repeat(2_000) + "0\r\n\r\n"),
            &format!("POST / {}", "a".repeat(2_000)),
        ),
    ]
}
