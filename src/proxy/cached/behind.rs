//! Validating what is stored behind the back of who was already answered with it.

use std::cell::Cell;
use std::rc::Rc;

use super::Asked;
use super::fetch::Fetch;
use super::look::Need;
use crate::cache::flight::FlightKey;
use crate::cache::key;
use crate::cache::policy::Lookup;
use crate::http::sanitize::CleanRequest;
use crate::http::{Target, Text};
use crate::observe::{Exchange, RouteId};
use crate::proxy::client::Client;
use crate::proxy::forward::{Deadline, Forward};
use crate::proxy::ticket::Ticket;
use crate::proxy::worker::Worker;
use crate::wire::Task;
use crate::wire::timer::Timer;

/// Validations of one worker at the same time. What is over waits for the next request.
const MOST: usize = 64;

thread_local! {
    static RUNNING: Cell<usize> = const { Cell::new(0) };
}

/// A place among them.
struct Place;

impl Place {
    fn take() -> Option<Self> {
        let running = RUNNING.get();
        (running < MOST).then(|| {
            RUNNING.set(running + 1);
            Self
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        RUNNING.set(RUNNING.get().saturating_sub(1));
    }
}

/// What a validation takes with it.
struct Errand {
    worker: Rc<Worker>,
    route: RouteId,
    upstream: usize,
    exchange: Exchange,
    request: CleanRequest,
    target: Target,
    authority: Text,
    need: Need,
    lead: crate::cache::flight::Lead,
    _place: Place,
}

/// Validates an entry, unless somebody does already.
pub(super) fn validate(forward: &Forward<'_>, asked: &Asked<'_>, need: Need, exchange: &Exchange) {
    let Some(place) = Place::take() else { return };
    let variant = need.stale.as_ref().map_or(0, |entry| key::hash(&entry.chosen_by.said, 0) as u64);
    let Some(lead) = asked.store.flights.lead(FlightKey { key: need.key.clone(), variant }) else { return };
    let mut request = asked.request.without_body();
    // Whatever it was that the client asked about what is stored: this asks for the whole.
    *request.method_mut() = http::Method::GET;
    let errand = Errand {
        worker: forward.client.worker.clone(),
        route: forward.route.id,
        upstream: forward.place,
        exchange: Exchange { start: std::time::Instant::now(), ..exchange.clone() },
        request,
        target: asked.target.clone(),
        authority: asked.authority.clone(),
        need: Need { slot: None, ..need },
        lead,
        _place: place,
    };
    tokio::task::spawn_local(run(errand));
}

async fn run(errand: Errand) {
    let Errand { worker, route, upstream, exchange, request, target, authority, need, lead, _place } = errand;
    let world = worker.world();
    let snapshot = &world.snapshot;
    let Some(route) = snapshot.routes.iter().find(|one| one.id == route) else { return };
    let (Some(store), Some(caching)) = (&snapshot.cache, &route.cache) else { return };
    // A reload since then may have moved the upstreams.
    if caching.recipe(upstream).is_none() {
        return;
    }
    let client = Client::nobody(worker.clone(), exchange.listener);
    let task = Task::new(Timer::new());
    let mut ticket = Ticket::unseen(exchange, &worker, task.clone());
    // Nobody waits for it any more: the route alone bounds it.
    let deadline = Deadline::of(route, &request, &ticket.exchange);
    let forward = Forward { client: &client, world: &world, route, place: upstream, task: &task, deadline };
    let asked = Asked { store, caching, request: &request, target: &target, authority, form: None };
    let fetch = Fetch { forward: &forward, asked: &asked, lookup: &Lookup::default() };
    // Where it fails the entry stays as it is.
    let _ = fetch.fetch(need, Some(lead), &mut ticket).await;
}
