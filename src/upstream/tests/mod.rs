//! The pure parts together: what one of them decides is what the next one sees.

mod choices;
mod faults;
mod simulation;
mod world;

use std::sync::Arc;

use super::candidates::Seat;
use super::discovery::{Answers, spots};
use super::group::Member;
use super::plan::Plan;
use super::sticky::{Secret, Stickiness};
use super::{Endpoint, EndpointIdentity};
use crate::config::model::{StickySecret, Upstream};

/// An upstream as this TOML says, with its endpoints.
fn upstream(keys: &str) -> Upstream {
    let text = format!(
        "[listeners.web]\naddress = \"127.0.0.1:0\"\n[[routes]]\nupstream = \"app\"\n[upstreams.app]\n{keys}\n"
    );
    let loaded = crate::config::parse("t.toml", &text, &|_| None);
    let loaded = loaded.unwrap_or_else(|problems| panic!("{text}: {problems}"));
    loaded.model.upstreams.into_iter().next().expect("one")
}

/// The plan of it. `known` is one in force: endpoints that stay are carried over, as a reload does.
fn plan(upstream: &Upstream, known: Option<&Plan>, zone: Option<&str>) -> Arc<Plan> {
    let known = |identity: &EndpointIdentity| -> Option<Arc<Endpoint>> {
        let seats = known.into_iter().flat_map(|plan| plan.seats.iter());
        let same = |seat: &&Seat| seat.endpoint.identity.is_same(identity);
        seats.into_iter().find(same).map(|seat| seat.endpoint.clone())
    };
    let members = spots(upstream, &Answers::default()).into_iter().map(|spot| {
        let identity = EndpointIdentity::of(upstream, &spot, None);
        let carried = known(&identity);
        let endpoint_of = || carried.unwrap_or_else(|| Endpoint::new(identity));
        Member { endpoint: endpoint_of(), weight: spot.weight, backup: spot.backup, zone: spot.zone }
    });
    let members: Vec<_> = members.collect();
    let secret = Secret::load(Some(&StickySecret::Text("0123456789abcdef".to_owned()))).expect("long enough");
    let sticky = upstream.spread.sticky.as_ref();
    let sticky = sticky.map(|sticky| Stickiness::compile(sticky, &secret, &upstream.name, &members));
    Arc::new(Plan::compile(upstream, &members, zone.map(Arc::from).as_ref(), sticky))
}
