//! What finding a route costs, with 10 and with 10,000 routes: `cargo bench --bench routing`.
//!
//! Each line is measured in rounds that take turns, and the best round counts, so that a busy machine disturbs little.
//! "same" asks for one route again and again, so that everything is in the cache; "all" goes through all routes.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use http::{HeaderName, HeaderValue, Method, StatusCode};
use regex::Regex;
use tidegate::config::model::{
    Action, Codings, EdgePolicies, HeaderRules, HostPattern, PathMatch, Place, Policies, Respond, Route, ValueMatch,
};
use tidegate::http::Headers;
use tidegate::routing::{Lookup, Router};

const SIZES: [usize; 2] = [10, 10_000];
const LOOKUPS: usize = 200_000;
const ROUNDS: usize = 15;

/// How the n-th route and a request for it look.
struct Shape {
    name: &'static str,
    route: fn(usize) -> Route,
    request: fn(usize) -> (String, String),
}

const SHAPES: [Shape; 6] = [
    Shape {
        name: "exact host",
        route: |n| Route { hosts: vec![HostPattern::Exact(format!("host-{n}.example.com"))], ..route() },
        request: |n| (format!("host-{n}.example.com"), "/".to_owned()),
    },
    Shape {
        name: "exact host in upper case, port",
        route: |n| Route { hosts: vec![HostPattern::Exact(format!("host-{n}.example.com"))], ..route() },
        request: |n| (format!("HOST-{n}.example.com:8443"), "/".to_owned()),
    },
    Shape {
        name: "wildcard host",
        route: |n| Route { hosts: vec![HostPattern::Wildcard(format!("host-{n}.example.com"))], ..route() },
        request: |n| (format!("www.host-{n}.example.com"), "/".to_owned()),
    },
    Shape {
        name: "prefix",
        route: |n| Route { path: PathMatch::Prefix(format!("/service-{n}")), ..route() },
        request: |n| ("example.com".to_owned(), format!("/service-{n}/users/42")),
    },
    Shape {
        name: "exact path, three segments",
        route: |n| Route { path: PathMatch::Exact(format!("/api/service-{n}/health")), ..route() },
        request: |n| ("example.com".to_owned(), format!("/api/service-{n}/health")),
    },
    Shape {
        name: "host, prefix, method and header",
        route: |n| Route {
            hosts: vec![HostPattern::Exact(format!("host-{n}.example.com"))],
            path: PathMatch::Prefix("/api".to_owned()),
            methods: vec![Method::POST, Method::GET],
            headers: vec![(HeaderName::from_static("x-env"), ValueMatch::Exact("canary".to_owned()))],
            ..route()
        },
        request: |n| (format!("host-{n}.example.com"), "/api/users/42".to_owned()),
    },
];

fn main() {
    println!("{:<34}{:>12}{:>12}{:>12}{:>12}", "ns for a lookup", "same, 10", "10,000", "all, 10", "10,000");
    for shape in &SHAPES {
        let [mut same, mut all] = [[f64::MAX; 2]; 2];
        let sides = SIZES.map(|size| (size, Router::compile(&(0..size).map(shape.route).collect::<Vec<_>>(), 1)));
        for _ in 0..ROUNDS {
            for (at, (size, router)) in sides.iter().enumerate() {
                same[at] = same[at].min(measure(router, &[(shape.request)(size / 2)]));
                let requests: Vec<_> = (0..*size).map(shape.request).collect();
                all[at] = all[at].min(measure(router, &requests));
            }
        }
        println!("{:<34}{:>12.1}{:>12.1}{:>12.1}{:>12.1}", shape.name, same[0], same[1], all[0], all[1]);
    }
    regexes();
}

/// Regexes of one host are one automaton; its cost is that of the path's length.
fn regexes() {
    for size in [1, 10, 1000] {
        let regex = |n| PathMatch::Regex(Regex::new(&format!("^/v[0-9]+/service-{n}/")).expect("a regex"));
        let routes: Vec<_> = (0..size).map(|n| Route { path: regex(n), ..route() }).collect();
        let request = ("example.com".to_owned(), format!("/v2/service-{}/users/42", size / 2));
        let best = (0..5)
            .map(|_| measure(&Router::compile(&routes, 1), std::slice::from_ref(&request)))
            .fold(f64::MAX, f64::min);
        println!("{:<34}{best:>12.1}", format!("{size} regex routes of one host"));
    }
}

fn measure(router: &Router, requests: &[(String, String)]) -> f64 {
    let fields = [("user-agent", "curl/8.5"), ("accept", "*/*"), ("x-env", "canary")];
    let headers: Headers = fields
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .into_iter()
        .collect();
    let begun = Instant::now();
    let mut found = 0;
    for (host, path) in requests.iter().cycle().take(LOOKUPS) {
        let lookup = Lookup { listener: 0, host, path, query: None, method: &Method::GET, headers: &headers };
        found += usize::from(black_box(router).find(black_box(&lookup)).is_some());
    }
    let spent = begun.elapsed();
    assert_eq!(found, LOOKUPS, "every request has its route");
    spent.as_nanos() as f64 / LOOKUPS as f64
}

fn route() -> Route {
    let respond = Respond { status: StatusCode::OK, body: bytes::Bytes::new(), headers: Vec::new() };
    let policies = Policies {
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
    };
    Route {
        name: "bench".into(),
        listeners: vec![0],
        hosts: Vec::new(),
        path: PathMatch::Prefix("/".to_owned()),
        methods: Vec::new(),
        headers: Vec::new(),
        cookies: Vec::new(),
        query: Vec::new(),
        action: Action::Respond(respond),
        policies,
        place: Place { file: Arc::from("bench"), line: 1 },
    }
}
