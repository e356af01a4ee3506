//! What browsers are told: CORS and security headers.

use crate::support::{Edge, Message, Origin, Proxy, eventually, outcome, tool};

fn ask(proxy: &Proxy, method: &str, fields: &str) -> Message {
    proxy.connect("web").ask(&format!("{method} / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"))
}

const CORS: &str = r#"cors = { origins = ["https://app.example", "https://*.example.org"], methods = ["GET", "PUT"], headers = ["x-a"], credentials = true }"#;

fn sharing() -> (Origin, Proxy) {
    let origin = Origin::answering(
        "HTTP/1.1 200 OK\r\nAccess-Control-Allow-Origin: *\r\nVary: accept\r\nContent-Length: 2\r\n\r\nok",
    );
    let proxy = Edge::to(origin.address).route(CORS).start();
    (origin, proxy)
}

#[test]
fn preflights_are_answered_at_the_edge() {
    let (origin, proxy) = sharing();
    let preflight = |page: &str| {
        ask(
            &proxy,
            "OPTIONS",
            &format!("Origin: {page}\r\nAccess-Control-Request-Method: PUT\r\nAccess-Control-Request-Headers: x-a\r\n"),
        )
    };
    for page in ["https://app.example", "https://one.example.org"] {
        let answer = preflight(page);
        assert_eq!((answer.status(), answer.header("access-control-allow-origin")), (204, Some(page)));
        assert_eq!(answer.header("access-control-allow-methods"), Some("GET, PUT"));
        assert_eq!(answer.header("access-control-allow-headers"), Some("x-a"));
        assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
        assert_eq!(answer.header("access-control-max-age"), Some("600"));
        assert_eq!(answer.headers("vary"), ["origin"]);
    }
    let refused = preflight("https://evil.example");
    assert_eq!((refused.status(), refused.header("access-control-allow-origin")), (403, None));
    assert!(refused.header("proxy-status").is_some_and(|status| status.contains("origin_denied")));
    assert!(origin.requests().is_empty());
    // An OPTIONS request that is no preflight is the upstream's.
    assert_eq!(ask(&proxy, "OPTIONS", "Origin: https://app.example\r\n").status(), 200);
    eventually("it has come", || origin.requests().len() == 1);
}

#[test]
fn responses_name_the_origin_that_may_read_them() {
    let (_origin, proxy) = sharing();
    let of = |page: &str| {
        let response = ask(&proxy, "GET", page);
        let allowed = response.headers("access-control-allow-origin").join(" and ");
        (allowed, response.headers("vary").join(", "))
    };
    let vary = || "accept, origin".to_owned();
    assert_eq!(of("Origin: https://app.example\r\n"), ("https://app.example".to_owned(), vary()));
    assert_eq!(of("Origin: https://evil.example\r\n"), (String::new(), vary()));
    assert_eq!(of(""), (String::new(), vary()), "the upstream's star is gone");
}

#[test]
fn errors_can_be_read_by_the_page_that_may() {
    let proxy = Edge::to("127.0.0.1:1").route(CORS).route("security_headers = true").start();
    let error = ask(&proxy, "GET", "Origin: https://app.example\r\n");
    assert_eq!((error.status(), error.header("access-control-allow-origin")), (502, Some("https://app.example")));
    assert_eq!(error.header("x-content-type-options"), Some("nosniff"));
}

#[test]
fn what_is_cached_for_one_origin_is_not_told_to_another() {
    let origin = Origin::answering("HTTP/1.1 200 OK\r\nCache-Control: max-age=60\r\nContent-Length: 2\r\n\r\nok");
    let proxy = Edge::to(origin.address).route(CORS).route("cache = true").start();
    for page in ["https://app.example", "https://one.example.org"] {
        let response = ask(&proxy, "GET", &format!("Origin: {page}\r\n"));
        assert_eq!(response.header("access-control-allow-origin"), Some(page));
    }
    assert_eq!(origin.requests().len(), 1, "one response for both");
}

#[test]
fn hsts_goes_out_over_tls_alone() {
    let origin = Origin::answering("HTTP/1.1 200 OK\r\nX-Frame-Options: DENY\r\nContent-Length: 2\r\n\r\nok");
    let secure = "[listeners.secure]\naddress = \"127.0.0.1:0\"\ntls = { self_signed = [\"localhost\"] }";
    let proxy = Edge::to(origin.address)
        .route("security_headers = { hsts = \"1d\", hsts_subdomains = true }")
        .more(secure)
        .start();
    let plain = proxy.get("/");
    assert_eq!(plain.header("strict-transport-security"), None);
    assert_eq!(plain.headers("x-frame-options"), ["DENY"], "the upstream's own");
    assert_eq!(plain.header("referrer-policy"), Some("strict-origin-when-cross-origin"));
    let Some(mut curl) = tool("curl") else { return };
    let url = format!("https://localhost:{}/", proxy.port("secure"));
    let (code, head, _) = outcome(curl.args(["-sk", "-D", "-", "-o", "/dev/null", &url]));
    assert_eq!(code, 0);
    assert!(head.to_lowercase().contains("strict-transport-security: max-age=86400; includesubdomains\r\n"), "{head}");
}
