//! The endpoint of a request.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use criterion::Criterion;
use tidegate::http::Headers;
use tidegate::http::key::KeySource;
use tidegate::upstream::candidates::Tried;
use tidegate::upstream::choice::Choice;
use tidegate::upstream::discovery::{Answers, spots};
use tidegate::upstream::group::Member;
use tidegate::upstream::plan::Plan;
use tidegate::upstream::{Endpoint, EndpointIdentity, Moment};

use crate::model;

const WAYS: [&str; 6] = ["round_robin", "random", "least_requests", "least_time", "hash", "maglev"];

/// All of it.
pub(crate) fn bench(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("balance");
    for (way, endpoints) in WAYS.iter().flat_map(|way| [(way, 3), (way, 100)]) {
        let choice = Choice::new(plan(way, endpoints), 77);
        let headers = Headers::new();
        let mut client = 0_u32;
        group.bench_function(format!("{way}, {endpoints} endpoints"), |bencher| {
            bencher.iter(|| {
                client = client.wrapping_add(2_654_435_761);
                let address = Some(IpAddr::V4(Ipv4Addr::from_bits(client)));
                let source = KeySource { client: address, target: "/", headers: &headers };
                choice.choose(&source, Tried::default(), Moment::now).expect("one is usable")
            });
        });
    }
    group.finish();
}

fn plan(way: &str, endpoints: usize) -> Arc<Plan> {
    let list: Vec<_> = (0..endpoints).map(|n| format!("\"10.0.{}.{}:80\"", n / 250, n % 250 + 1)).collect();
    let model = model(&format!(
        "[listeners.web]\naddress = \"127.0.0.1:0\"\n[[routes]]\nupstream = \"app\"\n\
         [upstreams.app]\nendpoints = [{}]\nbalance = \"{way}\"\n",
        list.join(", ")
    ));
    let upstream = &model.upstreams[0];
    let member = |spot: &tidegate::upstream::discovery::Spot| Member {
        endpoint: Endpoint::new(EndpointIdentity::of(upstream, spot, None)),
        weight: spot.weight,
        backup: spot.backup,
        zone: spot.zone.clone(),
    };
    let members: Vec<_> = spots(upstream, &Answers::default()).iter().map(member).collect();
    Arc::new(Plan::compile(upstream, &members, None, None))
}
