//! The part of outlier detection that needs a clock: ejections that end, and comparisons each `interval`.

use std::collections::HashMap;
use std::sync::Arc;

use crate::observe::log;
use crate::observe::metrics::{Exposition, Kind};
use crate::snapshot::Snapshot;
use crate::upstream::outlier::{compare, settle};
use crate::upstream::record::Reason;
use crate::upstream::{Moment, Seed};

/// When the endpoints of which upstream are compared next.
#[derive(Default)]
pub(super) struct Outliers {
    next: HashMap<Arc<str>, Moment>,
}

impl Outliers {
    /// Looks at all upstreams; it costs little where nothing is due.
    pub(super) fn look(&mut self, snapshot: &Snapshot, now: Moment) {
        let names = snapshot.model.upstreams.iter().map(|upstream| &upstream.name);
        for (name, Seed { plan, .. }) in names.clone().zip(&snapshot.upstreams) {
            for place in settle(&plan.seats, &plan.outlier, &plan.rules, now) {
                let fields =
                    [("upstream", (&**name).into()), ("endpoint", (&*plan.seats[place].endpoint.label).into())];
                log::note("endpoint is back", &fields);
            }
            let next = self.next.entry(name.clone()).or_insert_with(|| now.after(plan.outlier.interval));
            if now >= *next {
                *next = now.after(plan.outlier.interval);
                let found = compare(&plan.seats, &plan.outlier, plan.is_comparable(), now);
                found.iter().for_each(|ejection| ejection.tell(&plan.seats));
            }
        }
        if self.next.len() > snapshot.upstreams.len() {
            self.next.retain(|known, _| names.clone().any(|name| name == known));
        }
    }
}

/// Which endpoints are ejected, and how often they were.
pub(super) fn expose(snapshot: &Snapshot, out: &mut Exposition) {
    let now = Moment::now();
    let endpoints = || snapshot.upstreams.iter().flat_map(|seed| &seed.members).map(|member| &member.endpoint);
    let help = "Whether an endpoint is ejected by outlier detection.";
    let mut ejected = out.family("tidegate_endpoint_ejected", Kind::Gauge, help);
    for endpoint in endpoints() {
        let labels = [("upstream", &*endpoint.identity.upstream), ("endpoint", &*endpoint.label)];
        ejected.sample(&labels, endpoint.standing.ejected(now));
    }
    let help = "Ejections of an endpoint by outlier detection, by reason.";
    let mut total = out.family("tidegate_endpoint_ejections_total", Kind::Counter, help);
    for endpoint in endpoints() {
        for reason in Reason::ALL {
            let labels = [
                ("upstream", &*endpoint.identity.upstream),
                ("endpoint", &*endpoint.label),
                ("reason", reason.label()),
            ];
            total.sample(&labels, endpoint.record.ejections(reason));
        }
    }
}
