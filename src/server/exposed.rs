//! Metrics that no worker counts: what the control thread knows of endpoints.

use std::sync::atomic::Ordering::Relaxed;
use std::time::Instant;

use crate::admin::CertificateState;
use crate::edge::auth::password;
use crate::edge::limit::Counts;
use crate::observe::metrics::{Exposition, Kind};
use crate::snapshot::Snapshot;
use crate::upstream::tally::RESULTS;
use crate::upstream::{Moment, Probes};

/// The state of each endpoint that there is now.
pub(super) fn endpoints(snapshot: &Snapshot, out: &mut Exposition) {
    let now = Moment::now();
    let help = "Whether an endpoint is usable: not down by its probes, not ejected, not drained.";
    let mut up = out.family("tidegate_endpoint_up", Kind::Gauge, help);
    for member in snapshot.upstreams.iter().flat_map(|seed| &seed.members) {
        let endpoint = &member.endpoint;
        let labels = [("upstream", &*endpoint.identity.upstream), ("endpoint", &*endpoint.label)];
        up.sample(&labels, endpoint.standing.usable(now));
    }
    let members = || snapshot.upstreams.iter().flat_map(|seed| &seed.members).map(|member| &member.endpoint);
    let help = "Exchanges that an endpoint works on.";
    let mut running = out.family("tidegate_endpoint_in_flight", Kind::Gauge, help);
    for endpoint in members() {
        let labels = [("upstream", &*endpoint.identity.upstream), ("endpoint", &*endpoint.label)];
        running.sample(&labels, endpoint.in_flight());
    }
    let help = "Attempts at an endpoint, by the class of the status, or that there was no answer.";
    let mut attempts = out.family("tidegate_endpoint_attempts_total", Kind::Counter, help);
    for endpoint in members() {
        let sums = endpoint.tallies.attempts();
        for (result, count) in RESULTS.iter().zip(sums.results).filter(|(_, count)| *count > 0) {
            let labels =
                [("upstream", &*endpoint.identity.upstream), ("endpoint", &*endpoint.label), ("result", result)];
            attempts.sample(&labels, count);
        }
    }
}

/// When certificates end.
pub(super) fn certificates(certificates: &[CertificateState], out: &mut Exposition) {
    let help = "When a certificate of a listener ends, Unix time; `name` is the first name in it.";
    let mut ends = out.family("tidegate_certificate_not_after_seconds", Kind::Gauge, help);
    let mut seen = std::collections::BTreeSet::new();
    for certificate in certificates {
        let name = certificate.names.first().map_or("", |name| name);
        // The same file may be named twice.
        let labels = (&*certificate.listener, name, certificate.source.as_str());
        if seen.insert(labels) {
            let end = certificate.not_after.duration_since(std::time::SystemTime::UNIX_EPOCH).unwrap_or_default();
            ends.sample(&[("listener", labels.0), ("name", name), ("source", labels.2)], end.as_secs());
        }
    }
}

/// How many endpoints each upstream has: those with an address.
pub(super) fn counts(snapshot: &Snapshot, out: &mut Exposition) {
    let help = "Endpoints of an upstream that have an address.";
    let mut count = out.family("tidegate_upstream_endpoints", Kind::Gauge, help);
    for (upstream, seed) in snapshot.model.upstreams.iter().zip(&snapshot.upstreams) {
        let known = seed.members.iter().filter(|member| !member.endpoint.is_unresolved()).count();
        count.sample(&[("upstream", &*upstream.name)], known as u64);
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

/// What rate limits have done, and how much they remember.
pub(super) fn limits(snapshot: &Snapshot, out: &mut Exposition) {
    let now = Instant::now();
    let help = "Requests over a rate limit: refused, or only counted (dry_run).";
    let mut family = out.family("tidegate_rate_limited_total", Kind::Counter, help);
    for limit in &snapshot.limits {
        let Counts { limited, dry_run, .. } = &limit.counts;
        family.sample(&[("limit", &*limit.name), ("mode", "refused")], limited.load(Relaxed));
        family.sample(&[("limit", &*limit.name), ("mode", "dry_run")], dry_run.load(Relaxed));
    }
    let help = "Keys of which a rate limit remembers something.";
    let mut family = out.family("tidegate_rate_limit_keys", Kind::Gauge, help);
    for limit in &snapshot.limits {
        family.sample(&[("limit", &*limit.name)], limit.keys(now) as u64);
    }
    let help = "Keys that a rate limit forgot before their time, for want of room: raise max_keys where it grows.";
    let mut family = out.family("tidegate_rate_limit_evicted_total", Kind::Counter, help);
    for limit in &snapshot.limits {
        family.sample(&[("limit", &*limit.name)], limit.counts.evicted.load(Relaxed));
    }
}

/// What authentication costs.
pub(super) fn passwords(out: &mut Exposition) {
    let help = "Passwords that were held against a hash, which takes milliseconds each.";
    out.family("tidegate_passwords_checked_total", Kind::Counter, help).sample(&[], password::checked());
}

/// What became of copies, and what was injected; of routes that have any.
pub(super) fn releases(snapshot: &Snapshot, out: &mut Exposition) {
    let routes = || snapshot.model.routes.iter().zip(&*snapshot.routes);
    let mirrors = || routes().filter_map(|(model, route)| Some((&*model.name, &route.mirror.as_ref()?.copies)));
    let injects = || routes().filter_map(|(model, route)| Some((&*model.name, &route.inject.as_ref()?.counts)));
    if mirrors().next().is_some() {
        let help = "Copies of requests that were sent to the upstream of a mirror, by whether it answered.";
        let mut family = out.family("tidegate_mirror_requests_total", Kind::Counter, help);
        for (route, copies) in mirrors() {
            let (answered, failed) = copies.sent();
            family.sample(&[("route", route), ("result", "answered")], answered);
            family.sample(&[("route", route), ("result", "failed")], failed);
        }
        let help = "Requests that were drawn for a copy and have none, by the reason.";
        let mut family = out.family("tidegate_mirror_dropped_total", Kind::Counter, help);
        for (route, copies) in mirrors() {
            copies.dropped().for_each(|(why, count)| _ = family.sample(&[("route", route), ("reason", why)], count));
        }
        let mut family = out.family("tidegate_mirror_in_flight", Kind::Gauge, "Copies under way.");
        mirrors().for_each(|(route, copies)| _ = family.sample(&[("route", route)], copies.under_way()));
    }
    if injects().next().is_some() {
        let help = "Requests that were made to wait or to fail on purpose.";
        let mut family = out.family("tidegate_injected_total", Kind::Counter, help);
        for (route, counts) in injects() {
            family.sample(&[("route", route), ("kind", "delay")], counts.delays.load(Relaxed));
            family.sample(&[("route", route), ("kind", "abort")], counts.aborts.load(Relaxed));
        }
    }
}

/// How full the store of the cache is, where there is one.
pub(super) fn cache(snapshot: &Snapshot, out: &mut Exposition) {
    let Some(store) = &snapshot.cache else { return };
    let size = store.size();
    let gauges = [
        ("tidegate_cache_store_bytes", "Octets that keys, fields and bodies in the cache take.", size.octets),
        ("tidegate_cache_store_limit_bytes", "Octets that they may take.", size.limit),
        ("tidegate_cache_store_keys", "Keys in the cache; each has one response or several variants.", size.keys),
        ("tidegate_cache_filling_bytes", "Octets of bodies that are on their way into the cache.", size.filling),
        (
            "tidegate_cache_dictionary_bytes",
            "Octets of stored bodies that are kept as dictionaries.",
            size.dictionaries,
        ),
        ("tidegate_cache_fetches", "Fetches under way that other requests may wait for.", size.flights),
    ];
    for (name, help, value) in gauges {
        out.family(name, Kind::Gauge, help).sample(&[], value);
    }
    let counters = [
        ("tidegate_cache_evictions_total", "Keys that went for others.", size.evicted),
        ("tidegate_cache_purges_total", "Purges and invalidations by unsafe requests.", size.purges),
    ];
    for (name, help, value) in counters {
        out.family(name, Kind::Counter, help).sample(&[], value);
    }
}
