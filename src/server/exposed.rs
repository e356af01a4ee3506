//! Metrics that no worker counts: what the control thread knows of endpoints.

use crate::observe::metrics::{Exposition, Kind};
use crate::snapshot::Snapshot;
use crate::upstream::{Moment, Probes};

/// The state of each endpoint that there is now.
pub(super) fn endpoints(snapshot: &Snapshot, out: &mut Exposition) {
    let now = Moment::now();
    let help = "Whether an endpoint is usable: not down by its probes, not ejected, not drained.";
    let mut up = out.family("tidegate_endpoint_up", Kind::Gauge, help);
    for member in snapshot.upstreams.iter().flat_map(|seed| &seed.members) {
        let endpoint = &member.endpoint;
        let labels = [("upstream", &*endpoint.identity.upstream), ("endpoint", &*endpoint.label)];
        up.sample(&labels, u8::from(endpoint.standing.usable(now)));
    }
}

/// How probes went.
pub(super) fn probes(probes: &Probes, out: &mut Exposition) {
    let mut total = out.family("tidegate_probes_total", Kind::Counter, "Probes of endpoints, by how they went.");
    for (upstream, counts) in probes.counts() {
        total.sample(&[("upstream", &*upstream), ("result", "passed")], counts.passed);
        total.sample(&[("upstream", &*upstream), ("result", "failed")], counts.failed);
    }
}
