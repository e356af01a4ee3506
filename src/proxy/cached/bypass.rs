//! Requests that the cache is not asked for. What an unsafe one changed is no longer served; what a `POST` brought may be stored, where it
//! says that it is what a `GET` of the same address would bring (RFC 9110 §9.3.3).

use std::sync::Arc;

use http::Method;

use super::fetch::{self, Fetch, Trip};
use super::look::{self, Need};
use super::told::{self, Answer};
use super::{Asked, now};
use crate::cache::policy::{self, Address, Bypass, Forward as Why, Lookup, RequestView, ResponseView, Storable, Times};
use crate::cache::purge::Standing;
use crate::cache::status::{CacheStatus, Outcome};
use crate::cache::{Caching, Store};
use crate::http::Target;
use crate::http::sanitize::{CleanRequest, CleanResponse};
use crate::observe::CacheVerdict;
use crate::proxy::fault::Fault;
use crate::proxy::forward::Forward;
use crate::proxy::ticket::Ticket;

/// A way past the cache.
pub(super) struct Past<'a> {
    pub(super) forward: Forward<'a>,
    pub(super) store: &'a Arc<Store>,
    pub(super) caching: &'a Caching,
    pub(super) target: &'a Target,
    pub(super) why: Bypass,
}

impl Past<'_> {
    /// Forwards, and makes of the answer what it means for what is stored.
    pub(super) async fn run(self, request: CleanRequest, ticket: &mut Ticket) -> Result<CleanResponse, Fault> {
        let request_head = request.without_body();
        if self.why != Bypass::Method || request.method() != Method::POST {
            let response = self.forward.run(request, ticket).await?;
            self.invalidate(&request_head, &response, ticket);
            return Ok(self.told(response, ticket));
        }
        // A part of the exchange that may outlive it has a timer of its own.
        let task = self.forward.task.apart();
        let forward = Forward { task: &task, ..self.forward };
        let (since, asked_at) = (self.store.purges.now(), now());
        let response = forward.run(request, ticket).await?;
        let times = Times { asked: asked_at, received: now() };
        let authority = ticket.exchange.authority.clone();
        let asked = Asked {
            store: self.store,
            caching: self.caching,
            request: &request_head,
            target: self.target,
            authority,
            form: None,
        };
        let view = ResponseView { status: response.status(), headers: response.headers() };
        let storable = policy::may_store(&asked.view(), &view, &self.caching.options, times).ok();
        let latest = self.store.purges.now();
        let mark = |storable: &Storable| fetch::mark(&asked, storable, since);
        let good = |storable: &Storable| self.store.purges.standing(&mark(storable)) == Standing::Good;
        let storable = storable.filter(good);
        let past = Past { forward, ..self };
        let number = past.invalidate(&request_head, &response, ticket);
        // What was purged meanwhile covers what came; the invalidation that it causes itself does not.
        match (storable, number) {
            (Some(storable), Some(number)) if number == latest + 1 => {
                Ok(past.stored(&asked, (storable, times, number), response, ticket))
            }
            _ => Ok(past.told(response, ticket)),
        }
    }

    /// Stores the answer to a `POST` for requests by `GET`.
    fn stored(
        &self,
        asked: &Asked<'_>,
        (storable, times, since): (Storable, Times, u64),
        response: CleanResponse,
        ticket: &mut Ticket,
    ) -> CleanResponse {
        let key = look::key(asked, self.forward.place, None);
        let need =
            Need { key, search: None, why: Why::Miss, stale: None, slot: None, passes: true, ask: look::Ask::Whole };
        let trip = Trip { need, lead: None, since, times };
        let fetch = Fetch { forward: &self.forward, asked, lookup: &Lookup::default() };
        let answer = fetch.store(trip, storable, response, ticket);
        let (verdict, outcome) = (CacheVerdict::Bypass, Outcome::Bypassed(self.why));
        let answer = Answer { verdict, outcome, reason: Some(self.why.label()), ..answer };
        answer.tell(ticket)
    }

    fn told(&self, mut response: CleanResponse, ticket: &mut Ticket) -> CleanResponse {
        CacheStatus::new(Outcome::Bypassed(self.why)).append(response.headers_mut(), told::IDENTITY);
        told::bypassed(&mut ticket.exchange, self.why);
        response
    }

    fn invalidate(&self, request: &CleanRequest, response: &CleanResponse, ticket: &Ticket) -> Option<u64> {
        invalidate((self.store, self.target), request, response, ticket)
    }
}

/// An unsafe request on a route without a cache: another route may have stored what it changes (RFC 9111 §4.4).
pub(super) async fn without_cache(
    forward: &Forward<'_>,
    store: &Store,
    target: &Target,
    request: CleanRequest,
    ticket: &mut Ticket,
) -> Result<CleanResponse, Fault> {
    let head = request.without_body();
    let response = forward.run(request, ticket).await?;
    invalidate((store, target), &head, &response, ticket);
    Ok(response)
}

/// What an unsafe request that was done made invalid is gone. The number of that purge.
fn invalidate(
    (store, target): (&Store, &Target),
    request: &CleanRequest,
    response: &CleanResponse,
    ticket: &Ticket,
) -> Option<u64> {
    let authority = ticket.exchange.authority.as_str();
    let view = RequestView { authority, target, ..RequestView::of(request) };
    let answer = ResponseView { status: response.status(), headers: response.headers() };
    let invalid = policy::invalidated_by(&view, &answer);
    let invalidate = |address: &Address| store.invalidate(&address.url());
    // The first is that of the request.
    let numbers: Vec<_> = invalid.addresses.iter().map(invalidate).collect();
    for group in &invalid.groups {
        store.purge(fetch::group(view.scheme, view.authority, group), false);
    }
    numbers.first().copied()
}
