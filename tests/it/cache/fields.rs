//! Fields and interim responses: what is stored with a response, what is not, and what decides between 200 and 304.

use super::{ask, assert_asked, caching, response, verdict};
use crate::support::Origin;

#[test]
fn fields_that_are_stored() {
    let kept = [
        ("test-header", "a"),
        ("x-test-header", "a"),
        ("content-foo", "a"),
        ("x-content-foo", "a"),
        ("content-encoding", "own"),
        ("content-location", "/foo"),
        ("content-md5", "rL0Y20zC+Fzt72VPzMSk2A=="),
        ("content-security-policy", "default-src 'self'"),
        ("content-type", "text/plain;charset=utf-8"),
        ("clear-site-data", "cookies"),
        ("etag", "\"abc\""),
        ("expires", "Mon, 11 Jan 2038 11:11:11 GMT"),
        ("public-key-pins", "a"),
        ("set-cookie2", "a=b"),
        ("x-frame-options", "deny"),
        ("x-xss-protection", "1; mode=block"),
        ("date", "Sun, 06 Nov 2044 08:49:37 GMT"),
        ("cache-control", "max-age=3600"),
    ];
    let fields: String = kept.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let origin = Origin::answering(response(&fields, "body"));
    let proxy = caching(&origin).start();
    for _ in 0..2 {
        let answer = ask(&proxy, "GET", "/", "");
        for (name, value) in kept {
            assert_eq!(answer.headers(name), [value], "{}", answer.head);
        }
    }
    assert_asked(&origin, 1);
}

#[test]
fn fields_of_one_connection_or_one_proxy_are_not() {
    let fields = "cache-control: max-age=60\r\nconnection: a, b\r\na: 1\r\nb: 2\r\nc: 3\r\nkeep-alive: x\r\nproxy-authenticate: x\r\n\
                  proxy-authentication-info: x\r\nproxy-authorization: x\r\nproxy-connection: x\r\nte: x\r\nupgrade: x\r\n\
                  surrogate-key: t\r\ntidegate-cache-control: max-age=60\r\n";
    let origin = Origin::answering(response(fields, "body"));
    let proxy = caching(&origin).start();
    ask(&proxy, "GET", "/", "");
    let hit = ask(&proxy, "GET", "/", "");
    assert_eq!((hit.header("c"), hit.text().as_str()), (Some("3"), "body"));
    for name in ["a", "b", "keep-alive", "proxy-authenticate", "proxy-authentication-info", "proxy-authorization"] {
        assert_eq!(hit.header(name), None, "{}", hit.head);
    }
    for name in ["proxy-connection", "te", "upgrade", "surrogate-key", "tidegate-cache-control"] {
        assert_eq!(hit.header(name), None, "{}", hit.head);
    }
    assert_asked(&origin, 1);
}

#[test]
fn interim_responses_are_passed_on_and_not_stored() {
    for status in [102, 103] {
        let last = response("cache-control: max-age=60\r\nx-last: 1\r\n", "last");
        let interim = format!("HTTP/1.1 {status} Interim\r\ncache-control: max-age=9\r\nx-interim: 1\r\n\r\n");
        let origin = Origin::answering(format!("{interim}{last}"));
        let proxy = caching(&origin).start();
        let mut wire = proxy.connect("web");
        wire.send("GET / HTTP/1.1\r\nHost: example.org\r\n\r\n");
        let head = wire.head().expect("an interim head");
        assert!(head.starts_with(&format!("HTTP/1.1 {status}")) && head.contains("x-interim: 1"), "{head}");
        let first = wire.response("GET");
        assert_eq!((first.status(), first.header("x-interim")), (200, None));
        let hit = ask(&proxy, "GET", "/", "");
        assert_eq!((hit.status(), hit.text().as_str(), hit.header("x-interim")), (200, "last", None));
        assert!(verdict(&hit).contains("; hit; ttl=") && hit.header("x-last") == Some("1"), "{}", hit.head);
        assert_asked(&origin, 1);
    }
}

#[test]
fn entity_tags_that_a_client_has() {
    let modified = "last-modified: Sun, 06 Nov 1994 08:49:37 GMT\r\n";
    for (stored, asked, status) in [
        ("\"a\"", "If-None-Match: \"a\"", 304),
        ("W/\"a\"", "If-None-Match: W/\"a\"", 304),
        ("W/\"a\"", "If-None-Match: \"a\"", 304),
        ("\"a\"", "If-None-Match: W/\"a\"", 304),
        ("\"a\"", "If-None-Match: \"a\", \"b\", \"c\"", 304),
        ("\"b\"", "If-None-Match: \"a\", \"b\", \"c\"", 304),
        ("\"c\"", "If-None-Match: \"a\", \"b\", \"c\"", 304),
        ("\"d\"", "If-None-Match: \"a\", \"b\", \"c\"", 200),
        ("\"a\"", "If-None-Match: *", 304),
        ("\"a\"", "If-None-Match: \"A\"", 200),
        // Where there is a tag the date does not count.
        ("\"a\"", "If-None-Match: \"b\"\r\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT", 200),
        ("\"a\"", "If-None-Match: \"a\"\r\nIf-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT", 304),
        ("\"a\"", "If-Modified-Since: Sun, 06 Nov 1994 08:49:37 GMT", 304),
        ("\"a\"", "If-Modified-Since: Sunday, 06-Nov-94 08:49:37 GMT", 304),
        ("\"a\"", "If-Modified-Since: Sun, 06 Nov 1994 08:49:36 GMT", 200),
    ] {
        let origin =
            Origin::answering(response(&format!("cache-control: max-age=60\r\netag: {stored}\r\n{modified}"), "body"));
        let proxy = caching(&origin).start();
        assert_eq!(ask(&proxy, "GET", "/", "").status(), 200);
        let answer = ask(&proxy, "GET", "/", &format!("{asked}\r\n"));
        assert_eq!(answer.status(), status, "{stored} {asked}");
        assert!(verdict(&answer).contains("; hit"), "{}", answer.head);
        assert_asked(&origin, 1);
    }
}
