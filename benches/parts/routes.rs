//! The route of a request. `cargo bench --bench routing` shows more ways to match.

use std::fmt::Write as _;

use criterion::Criterion;
use http::Method;
use tidegate::http::Headers;
use tidegate::routing::{Lookup, Router};

use crate::model;

/// All of it.
pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("routes");
    for size in [10, 10_000] {
        let router = router(size);
        let headers = Headers::new();
        let asked: Vec<_> =
            (0..size).map(|route| (format!("host-{route}.example.com"), format!("/r{route:05}/x"))).collect();
        for (name, by_host) in [("by path", false), ("by host", true)] {
            let mut requests = asked.iter().cycle();
            group.bench_function(format!("{name}, {size} in turn"), |bencher| {
                bencher.iter(|| {
                    let (host, path) = requests.next().expect("they go round");
                    let (host, path) = if by_host { (host.as_str(), "/") } else { ("example.com", path.as_str()) };
                    let lookup =
                        Lookup { listener: 0, host, path, query: None, method: &Method::GET, headers: &headers };
                    assert!(router.find(std::hint::black_box(&lookup)).is_some(), "{host}{path} has its route");
                });
            });
        }
    }
    group.finish();
}

/// For each number a prefix of any host, and a host.
fn router(size: usize) -> Router {
    let mut text = String::from("[listeners.web]\naddress = \"127.0.0.1:0\"\n");
    for route in 0..size {
        let _ = write!(
            text,
            "[[routes]]\nname = \"r{route}\"\npath_prefix = \"/r{route:05}\"\nrespond = {{ status = 204 }}\n\
             [[routes]]\nname = \"h{route}\"\nhosts = [\"host-{route}.example.com\"]\nrespond = {{ status = 204 }}\n"
        );
    }
    Router::compile(&model(&text).routes, 1)
}
