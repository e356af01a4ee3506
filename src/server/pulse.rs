//! What the control thread notes each second: how the traffic is, how fast endpoints are, and what became of them.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use super::surface::state;
use crate::observe::chronicle::{Chronicle, EndpointEvent, Event};
use crate::observe::metrics::Metrics;
use crate::snapshot::Snapshot;
use crate::upstream::tally::Attempts;
use crate::upstream::{Endpoint, Moment};

/// How much of the old latency is left after a second with answers.
const OLD: f64 = 0.7;

/// The last that was seen of each endpoint.
#[derive(Default)]
pub(super) struct Pulses(RefCell<HashMap<*const Endpoint, Pulse>>);

struct Pulse {
    endpoint: Arc<Endpoint>,
    state: &'static str,
    attempts: Attempts,
    /// Milliseconds.
    latency: Option<f64>,
}

impl Pulses {
    /// How long the endpoint takes to the first byte, lately, in milliseconds.
    pub(super) fn latency_ms(&self, endpoint: &Arc<Endpoint>) -> Option<f64> {
        let latency = self.0.borrow().get(&Arc::as_ptr(endpoint))?.latency?;
        Some((latency * 1000.0).round() / 1000.0)
    }

    /// Notes what became of endpoints since the last look.
    pub(super) fn look(&self, snapshot: &Snapshot, chronicle: &Chronicle) {
        let (now, time) = (Moment::now(), SystemTime::now());
        let mut before = self.0.take();
        let first = before.is_empty();
        let mut pulses = HashMap::with_capacity(before.len());
        let note = |endpoint: &Endpoint, (before, after), reason| {
            let (upstream, endpoint) = (endpoint.identity.upstream.clone(), endpoint.label.clone());
            let event = EndpointEvent { time, upstream, endpoint, before, after, reason };
            chronicle.events.borrow_mut().push(Event::Endpoint(event));
        };
        for member in snapshot.upstreams.iter().flat_map(|seed| &seed.members) {
            let endpoint = &member.endpoint;
            let state = state(endpoint, now).label();
            let key = Arc::as_ptr(endpoint);
            let known = before.remove(&key);
            let was = known.as_ref().map(|pulse| pulse.state);
            if was != Some(state) && !(first && was.is_none()) {
                note(endpoint, (was, Some(state)), endpoint.standing.reason(now));
            }
            let (attempts, latency) =
                known.map_or((Attempts::default(), None), |pulse| (pulse.attempts, pulse.latency));
            pulses.insert(key, Pulse { endpoint: endpoint.clone(), state, attempts, latency });
        }
        before.values().for_each(|gone| note(&gone.endpoint, (Some(gone.state), None), ""));
        self.0.replace(pulses);
    }

    /// Measures endpoints by what they answered since the last time.
    fn measure(&self) {
        for pulse in self.0.borrow_mut().values_mut() {
            let attempts = pulse.endpoint.tallies.attempts();
            let answered = attempts.answered().saturating_sub(pulse.attempts.answered());
            if answered > 0 {
                let mean = attempts.micros.saturating_sub(pulse.attempts.micros) as f64 / answered as f64 / 1000.0;
                pulse.latency = Some(pulse.latency.map_or(mean, |old| old * OLD + mean * (1.0 - OLD)));
            }
            pulse.attempts = attempts;
        }
    }
}

/// Takes the sums of this second.
pub(super) fn beat(pulses: &Pulses, metrics: &Metrics, chronicle: &Chronicle) {
    pulses.measure();
    let names = metrics.names().load_full();
    let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
    chronicle.series.borrow_mut().note(metrics.sums(Instant::now()), names.upstreams(), time);
}
