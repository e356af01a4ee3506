//! Where an exchange belongs: `traceparent` and `tracestate` (W3C Trace Context).

use std::rc::Rc;

use http::HeaderName;

use super::client::Client;
use super::ticket::Ticket;
use super::worker::World;
use crate::http::sanitize::CleanRequest;
use crate::observe::tracing::{SpanId, Trace, TraceId};

/// `traceparent`
pub(super) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// `tracestate`
const TRACESTATE: HeaderName = HeaderName::from_static("tracestate");

/// Gives the exchange its place in a trace, where the config says so: in that of its parent, else in a new one. Each attempt tells its endpoint
/// its own `traceparent`. Without tracing the fields pass as they came.
pub(super) fn begin(client: &Client, world: &World, request: &mut CleanRequest, ticket: &mut Ticket) {
    let Some(tracing) = &world.snapshot.model.tracing else { return };
    let headers = request.headers_mut();
    let mut brought = Vec::new();
    headers.retain(|name, value| {
        let ours = *name == TRACEPARENT;
        if ours {
            brought.push(value.clone());
        }
        !ours
    });
    // Two of them are as good as none (§3.2).
    let parent = if let [value] = &brought[..] { Trace::parse(value.as_bytes()) } else { None };
    if parent.is_none() {
        headers.remove(&TRACESTATE);
    }
    let random = || client.worker.random().max(1);
    let drawn = || (random() as f64) < tracing.sample * u64::MAX as f64;
    let (id, parent, sampled) = match parent {
        Some((id, parent, sampled)) => (id, Some(parent), if tracing.follow_parent { sampled } else { drawn() }),
        None => (TraceId(u128::from(random()) << 64 | u128::from(random())), None, drawn()),
    };
    let state = headers.first(&TRACESTATE).cloned();
    ticket.exchange.trace = Some(Rc::new(Trace { id, span: SpanId(random()), parent, sampled, state }));
}
