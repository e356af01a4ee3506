//! Which route a request takes, and what routes do by themselves.

use std::collections::HashMap;

use crate::support::{Edge, Folder, Message, Origin, Proxy, config_command, ok, outcome};

/// A listener and routes that answer with their own name.
fn answering_routes(routes: &[(&str, &str)]) -> Proxy {
    let routes: String = routes
        .iter()
        .map(|(name, keys)| format!("[[routes]]\nname = \"{name}\"\n{keys}\nrespond = {{ body = \"{name}\" }}\n"))
        .collect();
    Proxy::start(&format!("[listeners.web]\naddress = \"127.0.0.1:0\"\n{routes}"))
}

fn ask(proxy: &Proxy, method: &str, host: &str, target: &str, fields: &str) -> Message {
    proxy.connect("web").ask(&format!("{method} {target} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n"))
}

#[test]
fn a_request_reaches_the_origin_and_its_response_the_client() {
    let origin = Origin::answering(ok("hello"));
    let proxy = Edge::to(origin.address).start();
    let response = proxy.get("/");
    assert_eq!((response.status(), response.text().as_str()), (200, "hello"));
    assert_eq!(origin.request(1).first_line(), "GET / HTTP/1.1");
}

#[test]
fn the_route_that_says_most_wins() {
    let proxy = answering_routes(&[
        ("any", ""),
        ("any-api", "path_prefix = \"/api\""),
        ("any-exact", "path = \"/api/exact\""),
        ("any-regex", "path_regex = \"^/r[0-9]+/\""),
        ("host", "hosts = [\"example.com\"]"),
        ("wild", "hosts = [\"*.example.com\"]"),
        ("wild-deep", "hosts = [\"*.b.example.com\"]"),
        ("host-api", "hosts = [\"example.com\"]\npath_prefix = \"/api\""),
        ("host-api-v1", "hosts = [\"example.com\"]\npath_prefix = \"/api/v1\""),
        ("host-api-post", "hosts = [\"example.com\"]\npath_prefix = \"/api\"\nmethods = [\"POST\"]"),
        ("host-api-canary", "hosts = [\"example.com\"]\npath_prefix = \"/api\"\nheaders = { \"x-env\" = \"canary\" }"),
        ("host-api-debug", "hosts = [\"example.com\"]\npath_prefix = \"/api\"\nquery = { debug = \"1\" }"),
        ("host-api-again", "hosts = [\"example.com\"]\npath_prefix = \"/api\""),
    ]);
    for (method, host, target, fields, expected) in [
        ("GET", "other.test", "/", "", "any"),
        ("GET", "other.test", "/api", "", "any-api"),
        ("GET", "other.test", "/api/", "", "any-api"),
        ("GET", "other.test", "/apis", "", "any"),
        ("GET", "other.test", "/api/exact", "", "any-exact"),
        ("GET", "other.test", "/r12/x", "", "any-regex"),
        ("GET", "other.test", "/rx/x", "", "any"),
        ("GET", "example.com", "/", "", "host"),
        ("GET", "EXAMPLE.com:8080", "/", "", "host"),
        ("GET", "a.example.com", "/", "", "wild"),
        ("GET", "a.b.example.com", "/", "", "wild-deep"),
        ("GET", "b.example.com", "/", "", "wild"),
        ("GET", "example.com", "/api/x", "", "host-api"),
        ("GET", "example.com", "/api/v1/x", "", "host-api-v1"),
        ("GET", "example.com", "/api/v10", "", "host-api"),
        ("POST", "example.com", "/api/x", "Content-Length: 0\r\n", "host-api-post"),
        ("GET", "example.com", "/api/x", "X-Env: canary\r\n", "host-api-canary"),
        ("GET", "example.com", "/api/x", "X-Env: other\r\n", "host-api"),
        ("GET", "example.com", "/api/x?debug=1", "", "host-api-debug"),
        ("GET", "example.com", "/api/x?debug=2", "", "host-api"),
    ] {
        let response = ask(&proxy, method, host, target, fields);
        assert_eq!(response.text(), expected, "{method} {host}{target} {fields}");
    }
}

#[test]
fn a_listener_may_have_routes_of_its_own() {
    let proxy = Proxy::start(
        r#"
        [listeners.web]
        address = "127.0.0.1:0"
        [listeners.other]
        address = "127.0.0.1:0"
        [[routes]]
        name = "here"
        listeners = ["other"]
        respond = { body = "here" }
        "#,
    );
    assert_eq!(proxy.get("/").status(), 404);
    let response = proxy.connect("other").ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(response.text(), "here");
}

#[test]
fn a_path_is_made_clean_before_it_is_routed() {
    let origin = Origin::echoing_target();
    let proxy = Edge::to(origin.address)
        .more("[[routes]]\nname = \"admin\"\npath_prefix = \"/admin\"\nrespond = { status = 403 }")
        .start();
    for target in ["/admin", "/x/../admin", "/%2e%2e/admin", "/x/%2E./admin/y", "/./admin"] {
        let status = proxy.get(target).status();
        assert!(matches!(status, 400 | 403), "{target}: {status}");
    }
    assert_eq!(proxy.get("/a/./b/../c").text(), "/a/c");
    assert_eq!(proxy.get("/a%2Fb//c?x=/../y").text(), "/a%2Fb//c?x=/../y");
}

#[test]
fn a_redirect_fills_in_its_placeholders() {
    let proxy = Proxy::start(
        r#"
        [listeners.web]
        address = "127.0.0.1:0"
        [[routes]]
        name = "moved"
        path_prefix = "/old"
        redirect = { to = "https://{host}/new{path}{query}", status = 301 }
        [[routes]]
        name = "all"
        redirect = { to = "{scheme}://{authority}/x" }
        "#,
    );
    let response = ask(&proxy, "GET", "example.com:8080", "/old/a?b=c", "");
    assert_eq!(response.status(), 301);
    assert_eq!(response.header("location"), Some("https://example.com/new/old/a?b=c"));
    let response = ask(&proxy, "GET", "example.com:8080", "/", "");
    assert_eq!((response.status(), response.header("location")), (308, Some("http://example.com:8080/x")));
}

#[test]
fn a_listener_sends_everybody_to_https() {
    let proxy = Proxy::start(
        r#"
        [listeners.web]
        address = "127.0.0.1:0"
        redirect_to_https = true
        [listeners.dev]
        address = "127.0.0.1:0"
        redirect_to_https = 8443
        [[routes]]
        name = "all"
        respond = { body = "never" }
        "#,
    );
    let response = ask(&proxy, "GET", "example.com:8080", "/a?b", "");
    assert_eq!((response.status(), response.header("location")), (308, Some("https://example.com/a?b")));
    let response = proxy.connect("dev").ask("GET /a HTTP/1.1\r\nHost: example.com\r\n\r\n");
    assert_eq!(response.header("location"), Some("https://example.com:8443/a"));
}

#[test]
fn a_response_of_the_config_has_its_status_and_fields() {
    let proxy = Proxy::start(
        r#"
        [listeners.web]
        address = "127.0.0.1:0"
        [[routes]]
        name = "teapot"
        respond = { status = 418, body = "short and stout", headers = { "x-kind" = "tea", "content-type" = "text/tea" } }
        "#,
    );
    let response = proxy.get("/");
    assert_eq!((response.status(), response.text().as_str()), (418, "short and stout"));
    assert_eq!((response.header("x-kind"), response.header("content-type")), (Some("tea"), Some("text/tea")));
    let mut client = proxy.connect("web");
    let head = client.ask("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!((head.status(), head.header("content-length")), (418, Some("15")));
    assert_eq!(client.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").text(), "short and stout");
}

#[test]
fn a_prefix_is_stripped_on_a_segment_boundary() {
    let origin = Origin::echoing_target();
    let proxy = Edge::to(origin.address).route("path_prefix = \"/api\"\nstrip_prefix = \"/api\"").start();
    for (target, expected) in [("/api/x?y=1", "/x?y=1"), ("/api", "/"), ("/api/", "/"), ("/api?q", "/?q")] {
        assert_eq!(proxy.get(target).text(), expected, "{target}");
    }
    assert_eq!(proxy.get("/apix").status(), 404);
}

#[test]
fn a_path_is_rewritten_with_groups() {
    let origin = Origin::echoing_target();
    let rewrite = r#"rewrite = { regex = "^/users/([0-9]+)/(?P<what>.*)$", to = "/u/${what}/$1" }"#;
    let proxy = Edge::to(origin.address).route(rewrite).start();
    assert_eq!(proxy.get("/users/42/posts?x=1").text(), "/u/posts/42?x=1");
    assert_eq!(proxy.get("/other").text(), "/other");
}

fn split_config(more: &str) -> (Origin, Origin, Proxy) {
    let (first, second) = (Origin::answering(ok("v1")), Origin::answering(ok("v2")));
    let proxy = Proxy::start(&format!(
        r#"
        [listeners.web]
        address = "127.0.0.1:0"
        [upstreams.v1]
        endpoints = ["{}"]
        [upstreams.v2]
        endpoints = ["{}"]
        [[routes]]
        name = "all"
        split = [{{ upstream = "v1", weight = 90 }}, {{ upstream = "v2", weight = 10 }}]
        {more}
        "#,
        first.address, second.address
    ));
    (first, second, proxy)
}

#[test]
fn a_split_keeps_its_weights() {
    let (_first, _second, proxy) = split_config("");
    let mut client = proxy.connect("web");
    let mut seen: HashMap<String, u32> = HashMap::new();
    for _ in 0..1000 {
        *seen.entry(client.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").text()).or_default() += 1;
    }
    // Six standard deviations either way.
    assert!((843..=957).contains(&seen["v1"]), "{seen:?}");
}

#[test]
fn a_sticky_split_sends_a_key_to_the_same_arm() {
    let (_first, _second, proxy) = split_config("split_on = \"header:x-user\"");
    let mut client = proxy.connect("web");
    let mut arm = |user: u32| client.ask(&format!("GET / HTTP/1.1\r\nHost: a\r\nX-User: {user}\r\n\r\n")).text();
    let first: Vec<_> = (0..200).map(&mut arm).collect();
    let again: Vec<_> = (0..200).map(&mut arm).collect();
    assert_eq!(first, again);
    assert!(first.contains(&"v1".to_owned()) && first.contains(&"v2".to_owned()));
}

#[test]
fn explain_says_which_route_and_why() {
    let toml = r#"
        [listeners.web]
        address = "127.0.0.1:8080"
        [[routes]]
        name = "api"
        hosts = ["example.com"]
        path_prefix = "/api"
        methods = ["GET"]
        respond = { body = "api" }
        [[routes]]
        name = "teapot"
        hosts = ["example.com"]
        path_prefix = "/tea"
        respond = { status = 418 }
    "#;
    let folder = Folder::new();
    let explain = |arguments: &[&str]| outcome(&mut config_command(&folder, toml, &[&["explain"], arguments].concat()));
    let (code, text, _) = explain(&["http://EXAMPLE.com/api/x"]);
    assert_eq!(code, 0, "{text}");
    for part in ["route              api  ", "path /api/x is under /api", "respond            200, 3 octets"] {
        assert!(text.contains(part), "{part} in {text}");
    }
    assert!(!text.contains('\x1b'), "no colours but to a terminal");
    let (code, text, _) = explain(&["-X", "POST", "-H", "A: b", "http://example.com/api/x"]);
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("none: 404") && text.contains("method POST is not GET"), "{text}");
    let (code, text, _) = explain(&["--json", "http://example.com/tea"]);
    let json: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &json["outcomes"][0]["decision"]["name"]), (0, &"teapot".into()));
    let (code, _, complaint) = explain(&["ftp://example.com/"]);
    assert_eq!((code, complaint.as_str()), (2, "tidegate: the scheme ftp is not http or https\n"));
}
