//! The router against the contract's table, and against the slow rule over random routes.

use std::sync::Arc;

use http::{HeaderName, HeaderValue, Method, StatusCode};
use proptest::prelude::*;
use regex::Regex;

use super::{Lookup, Router, rank};
use crate::config::model::{
    Action, Codings, EdgePolicies, HeaderRules, HostPattern, PathMatch, Place, Policies, Respond, Route, ValueMatch,
};
use crate::http::Headers;

/// A route of any host, any path, listener 0.
pub(super) fn route(name: &str) -> Route {
    let respond = Respond { status: StatusCode::OK, body: bytes::Bytes::new(), headers: Vec::new() };
    Route {
        name: name.into(),
        listeners: vec![0],
        hosts: Vec::new(),
        path: PathMatch::Prefix("/".to_owned()),
        methods: Vec::new(),
        headers: Vec::new(),
        cookies: Vec::new(),
        query: Vec::new(),
        action: Action::Respond(respond),
        policies: policies(),
        place: Place { file: Arc::from("tidegate.toml"), line: 1 },
    }
}

pub(crate) fn policies() -> Policies {
    Policies {
        strip_prefix: None,
        rewrite: None,
        request_headers: HeaderRules::default(),
        response_headers: HeaderRules::default(),
        preserve_host: true,
        timeout: None,
        deadline_header: None,
        hedge: None,
        mirror: None,
        inject: None,
        max_body: 0,
        upgrades: Vec::new(),
        max_requests: 0,
        priority: Default::default(),
        codings: Codings::default(),
        cache: None,
        edge: EdgePolicies::default(),
    }
}

/// A route in one line: `[METHOD,METHOD] HOST PATH [header:NAME=VALUE] [cookie:NAME=VALUE] [query:NAME=VALUE] [on:LISTENER]`, where HOST is `-`
/// or hosts with commas, and PATH is `=/exact`, `/prefix` or `~regex`. Its name is the line.
pub(super) fn read(line: &str) -> Route {
    let mut route = route(line);
    let value = |text: &str| match text.split_at_checked(1) {
        Some(("*", "")) => ValueMatch::Any,
        Some(("!", "")) => ValueMatch::Absent,
        Some(("~", regex)) => ValueMatch::Regex(Regex::new(regex).expect("a regex")),
        _ => ValueMatch::Exact(text.to_owned()),
    };
    for (at, word) in line.split(' ').enumerate() {
        if let Some(pair) = word.strip_prefix("header:").and_then(|pair| pair.split_once('=')) {
            route.headers.push((HeaderName::from_bytes(pair.0.as_bytes()).expect("a name"), value(pair.1)));
        } else if let Some(pair) = word.strip_prefix("cookie:").and_then(|pair| pair.split_once('=')) {
            route.cookies.push((pair.0.to_owned(), value(pair.1)));
        } else if let Some(pair) = word.strip_prefix("query:").and_then(|pair| pair.split_once('=')) {
            route.query.push((pair.0.to_owned(), value(pair.1)));
        } else if let Some(place) = word.strip_prefix("on:") {
            route.listeners = vec![place.parse().expect("a number")];
        } else if let Some(exact) = word.strip_prefix('=') {
            route.path = PathMatch::Exact(exact.to_owned());
        } else if let Some(regex) = word.strip_prefix('~') {
            route.path = PathMatch::Regex(Regex::new(regex).expect("a regex"));
        } else if word.starts_with('/') {
            route.path = PathMatch::Prefix(word.to_owned());
        } else if at == 0 && word.starts_with(|first: char| first.is_ascii_uppercase()) {
            route.methods = word.split(',').map(|one| one.parse().expect("a method")).collect();
        } else if word != "-" {
            route.hosts = word.split(',').map(host_pattern).collect();
        }
    }
    route
}

fn host_pattern(text: &str) -> HostPattern {
    match text.strip_prefix("*.") {
        Some(suffix) => HostPattern::Wildcard(suffix.to_owned()),
        None => HostPattern::Exact(text.to_owned()),
    }
}

/// The winner among these lines for `METHOD AUTHORITY TARGET [name:value]...` on that listener.
fn winner<'a>(lines: &[&'a str], request: &str, listener: usize) -> Option<&'a str> {
    let routes: Vec<_> = lines.iter().map(|line| read(line)).collect();
    let mut words = request.split(' ');
    let method: Method = words.next().expect("a method").parse().expect("a method");
    let host = words.next().expect("an authority").trim_start_matches('-');
    let target = words.next().expect("a target");
    let (path, query) = target.split_once('?').map_or((target, None), |(path, query)| (path, Some(query)));
    let headers: Headers = words.map(field).collect();
    let lookup = Lookup { listener, host, path, query, method: &method, headers: &headers };
    let found = Router::compile(&routes, 2).find(&lookup).map(|route| route.place());
    assert_eq!(found, slow(&routes, &lookup), "router and rule differ on {request}");
    found.map(|place| lines[place])
}

fn field(text: &str) -> (HeaderName, HeaderValue) {
    let (name, value) = text.split_once(':').expect("name:value");
    let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
    (name, HeaderValue::from_str(value).expect("a value"))
}

fn slow(routes: &[Route], lookup: &Lookup<'_>) -> Option<usize> {
    let ranks = routes.iter().enumerate().filter_map(|(place, route)| rank::judge(place, route, lookup).ok());
    ranks.max().map(|rank| rank.place.0)
}

#[test]
fn hosts() {
    let routes = ["- /", "*.example.com /", "*.b.example.com /", "example.com /", "a.b.example.com /", "[::1] /"];
    let cases = [
        ("example.com", "example.com /"),
        ("EXAMPLE.com.:8443", "example.com /"),
        ("x.example.com", "*.example.com /"),
        ("x.y.example.com", "*.example.com /"),
        ("x.b.example.com", "*.b.example.com /"),
        ("b.example.com", "*.example.com /"),
        ("a.b.example.com:80", "a.b.example.com /"),
        ("A.B.Example.COM", "a.b.example.com /"),
        ("xexample.com", "- /"),
        (".example.com", "- /"),
        ("[::1]:80", "[::1] /"),
        ("[0::0:1]", "[::1] /"),
        ("127.0.0.1", "- /"),
        ("-", "- /"),
    ];
    for (host, expected) in cases {
        assert_eq!(winner(&routes, &format!("GET {host} /"), 0), Some(expected), "{host}");
    }
    let long = format!("{}.example.com", "x".repeat(300));
    assert_eq!(winner(&routes, &format!("GET {long} /"), 0), Some("- /"), "longer than any name");
}

#[test]
fn paths() {
    let routes =
        ["- ~^/v[0-9]+/", "- /api", "- /api/", "- /api/v2", "- =/api/v2", "- =/api/v2/", "- /a%2fb", "- ~\\.php$"];
    let cases = [
        ("/api", Some("- /api")),
        ("/api/", Some("- /api/")),
        ("/api/x", Some("- /api/")),
        ("/api//", Some("- /api/")),
        ("/apix", None),
        ("/API", None),
        ("/api/v2", Some("- =/api/v2")),
        ("/api/v2/", Some("- =/api/v2/")),
        ("/api/v2/x", Some("- /api/v2")),
        ("/api/v22", Some("- /api/")),
        ("/a%2Fb", Some("- /a%2fb")),
        ("/a%2fb/c", Some("- /a%2fb")),
        ("/%61pi/x", Some("- /api/")),
        ("/x%2ephp", Some("- ~\\.php$")),
        ("/api%2Fx", None),
        ("/a/b", None),
        ("/v1/x", Some("- ~^/v[0-9]+/")),
        ("/v1/x.php", Some("- ~^/v[0-9]+/")),
        ("/x.php", Some("- ~\\.php$")),
        ("/api/x.php", Some("- /api/")),
        ("/", None),
        ("*", None),
    ];
    for (path, expected) in cases {
        assert_eq!(winner(&routes, &format!("GET h {path}"), 0), expected, "{path}");
    }
    assert_eq!(winner(&["- /"], "OPTIONS h *", 0), Some("- /"));
    assert_eq!(winner(&["- =/", "- /"], "GET h /", 0), Some("- =/"));
    assert_eq!(winner(&["- /", "- ~^/r"], "GET h /r", 0), Some("- ~^/r"), "any path is the last resort");
    assert_eq!(winner(&["- /r", "- ~^/r"], "GET h /r", 0), Some("- /r"));
}

#[test]
fn predicates_and_order() {
    let routes = [
        "- /",
        "GET,POST - /",
        "GET - / header:x-env=canary",
        "- / header:x-env=canary query:debug=1",
        "- /",
        "- / header:x-any=*",
    ];
    let cases = [
        ("PUT h /", "- /"),
        ("GET h /", "GET,POST - /"),
        ("GET h / x-env:canary", "GET - / header:x-env=canary"),
        ("GET h / x-env:Canary", "GET,POST - /"),
        ("GET h / x-env:other x-env:canary", "GET - / header:x-env=canary"),
        ("GET h /?debug=1 x-env:canary", "GET - / header:x-env=canary"),
        ("PUT h /?debug=1 x-env:canary", "- / header:x-env=canary query:debug=1"),
        ("PUT h / x-any:1", "- / header:x-any=*"),
        ("POST h / x-any:1", "GET,POST - /"),
    ];
    for (request, expected) in cases {
        assert_eq!(winner(&routes, request, 0), Some(expected), "{request}");
    }
}

#[test]
fn a_route_that_does_not_take_it_is_as_good_as_absent() {
    let cases = [
        // From prefix to prefix, from exact to prefix, from tree to regex.
        (&["GET - /a/b", "- /a"] as &[_], "POST h /a/b/c", Some("- /a")),
        (&["GET - =/a", "- /a"], "POST h /a", Some("- /a")),
        (&["GET - /a", "- ~^/a"], "POST h /a/b", Some("- ~^/a")),
        (&["GET - ~^/a", "- ~^/"], "POST h /a", Some("- ~^/")),
        // From host to wildcard to any host.
        (&["GET a.b.c /", "GET *.b.c /", "POST *.c /", "- /"], "POST a.b.c /", Some("POST *.c /")),
        (&["GET a.b.c /", "GET *.b.c /", "POST *.c /", "- /"], "PUT a.b.c /", Some("- /")),
        (&["a.b.c /x", "- /"], "GET a.b.c /y", Some("- /")),
        (&["GET a /"], "PUT a /", None),
    ];
    for (routes, request, expected) in cases {
        assert_eq!(winner(routes, request, 0), expected, "{request}");
    }
}

#[test]
fn listeners() {
    let routes = ["a /x on:1", "a /", "b / on:1"];
    assert_eq!(winner(&routes, "GET a /x", 0), Some("a /"));
    assert_eq!(winner(&routes, "GET a /x", 1), Some("a /x on:1"));
    assert_eq!(winner(&routes, "GET b /", 0), None);
    assert_eq!(winner(&routes, "GET b /", 1), Some("b / on:1"));
    assert_eq!(winner(&routes, "GET b /", 7), None);
}

/// One of these texts.
fn one_of(texts: &'static [&'static str]) -> impl Strategy<Value = &'static str> {
    prop::sample::select(texts)
}

fn any_route() -> impl Strategy<Value = String> {
    let hosts = one_of(&["-", "-", "x", "a.x", "*.x", "*.b.x", "*.a.b.x,b.x", "a.b.x,*.x", "[::1]", "c"]);
    let paths = one_of(&[
        "/", "/a", "/a/", "/a/b", "/a/b/", "/a//b", "//", "=/", "=/a", "=/a/", "=/a/b", "=//", "/ab", "~a", "~^/a/?$",
        "~b/b", "~^/", "/%61", "=/a%2fb",
    ]);
    let methods = one_of(&["", "", "", "GET ", "GET,PUT ", "POST "]);
    let header = one_of(&["", "", "", " header:k=1", " header:k=*", " header:k=1 header:l=2"]);
    let query = one_of(&["", "", "", " query:q=1", " query:q=*"]);
    let listener = one_of(&["", "", " on:1", " on:65"]);
    (methods, hosts, paths, header, query, listener).prop_map(|(m, h, p, k, q, l)| format!("{m}{h} {p}{k}{q}{l}"))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_router_says_what_the_rule_says(
        lines in prop::collection::vec(any_route(), 0..24),
        method in one_of(&["GET", "PUT", "POST", "PURGE"]),
        host in one_of(&["x", "a.x", "A.X:80", "b.x", "a.b.x", "a.a.b.x", "z.a.b.x.", "[::1]:1", "", "c", "d"]),
        path in one_of(&["/", "/a", "/a/", "/a/b", "/a/b/", "/a/b/c", "/a//b", "//", "///", "/ab", "/b/b", "/a%2Fb", "/a%2fb", "/%61/b", "/a|", "*"]),
        query in prop::option::of(one_of(&["", "q=1", "q", "p&q=2"])),
        fields in prop::collection::vec(one_of(&["k:1", "k:2", "l:2"]), 0..3),
        listener in prop::sample::select(vec![0_usize, 1, 65]),
    ) {
        let routes: Vec<_> = lines.iter().map(|line| read(line)).collect();
        let (method, headers): (Method, Headers) = (method.parse().expect("a method"), fields.into_iter().map(field).collect());
        let lookup = Lookup { listener, host, path, query, method: &method, headers: &headers };
        let found = Router::compile(&routes, 66).find(&lookup).map(|route| route.place());
        prop_assert_eq!(found, slow(&routes, &lookup));
    }
}
