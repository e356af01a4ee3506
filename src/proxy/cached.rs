//! Where the cache and the upstream meet: what is stored answers; what is not is fetched, once for all who wait for it.

mod behind;
mod fetch;
mod fill;
mod join;
mod look;
mod purge;
mod told;

use std::time::{SystemTime, UNIX_EPOCH};

use self::fetch::Fetch;
use self::look::Found;
use super::fault::Fault;
use super::forward::Forward;
use super::ticket::Ticket;
use crate::cache::policy::{Bypass, Millis, RequestVerdict, RequestView, ResponseView};
use crate::cache::status::{CacheStatus, Outcome};
use crate::cache::{Caching, Store, policy};
use crate::http::sanitize::{CleanRequest, CleanResponse};
use crate::http::{Target, Text, authority};
use crate::snapshot::Route;
use std::sync::Arc;

/// What a route with a cache must remember before filters change the request: the target that clients know it by.
pub(super) fn note(route: &Route, request: &CleanRequest) -> Option<Target> {
    route.cache.as_ref().map(|_| request.target().clone())
}

/// A request on a route that has a cache.
pub(super) struct Asked<'a> {
    pub(super) store: &'a Arc<Store>,
    pub(super) caching: &'a Caching,
    /// As it goes upstream.
    pub(super) request: &'a CleanRequest,
    /// As clients know it.
    pub(super) target: &'a Target,
    pub(super) authority: Text,
}

impl<'a> Asked<'a> {
    /// As the policy sees it.
    fn view(&'a self) -> RequestView<'a> {
        let request = self.request.request();
        RequestView {
            method: &request.method,
            scheme: request.scheme,
            authority: self.authority.as_str(),
            target: self.target,
            headers: &request.headers,
            has_body: !request.body.is_empty(),
            upgrades: request.upgrade.is_some(),
        }
    }

    /// The URL as clients know it, for purges.
    fn url(&self) -> Arc<str> {
        let scheme = self.request.scheme();
        let authority = authority::shortest(self.authority.as_str(), scheme);
        format!("{}://{authority}{}", scheme.as_str(), self.target.as_str()).into()
    }
}

/// Answers from the cache, or forwards and stores.
pub(super) async fn run(
    forward: Forward<'_>,
    request: CleanRequest,
    target: Target,
    ticket: &mut Ticket,
) -> Result<CleanResponse, Fault> {
    let (Some(store), Some(caching)) = (&forward.world.snapshot.cache, &forward.route.cache) else {
        return forward.run(request, ticket).await;
    };
    let asked =
        Asked { store, caching, request: &request, target: &target, authority: ticket.exchange.authority.clone() };
    if caching.takes_purges() && request.method().as_str() == "PURGE" {
        return Ok(purge::by_method(&asked, &mut ticket.exchange));
    }
    let lookup = match policy::request(&asked.view(), &caching.options) {
        RequestVerdict::Lookup(lookup) => lookup,
        RequestVerdict::Bypass(why) => return bypass(&forward, store, request, target, (why, ticket)).await,
    };
    match look::look(&asked, forward.place, &lookup, now()) {
        Found::Answer(answer) => Ok(answer.tell(&mut ticket.exchange)),
        Found::Behind(answer, key, entry) => {
            behind::validate(&forward, &asked, key, entry, &ticket.exchange);
            Ok(answer.tell(&mut ticket.exchange))
        }
        Found::Fetch(need) => {
            // A part of the exchange that may outlive it has a timer of its own.
            let task = forward.task.apart();
            let forward = Forward { task: &task, ..forward };
            Fetch { forward: &forward, asked: &asked, lookup: &lookup }.run(need, ticket).await
        }
    }
}

/// Forwards past the cache; what an unsafe request changed is no longer served.
async fn bypass(
    forward: &Forward<'_>,
    store: &Arc<Store>,
    request: CleanRequest,
    target: Target,
    (why, ticket): (Bypass, &mut Ticket),
) -> Result<CleanResponse, Fault> {
    let asked = request.without_body();
    let mut response = forward.run(request, ticket).await?;
    let view = RequestView {
        authority: ticket.exchange.authority.as_str(),
        target: &target,
        ..RequestView::of(asked.request())
    };
    let answer = ResponseView { status: response.status(), headers: response.headers() };
    let invalid = policy::invalidated_by(&view, &answer);
    for address in &invalid.addresses {
        let url = format!("{}://{}{}", address.scheme.as_str(), address.authority, address.target.as_str());
        store.purges.invalidate(&url);
    }
    for group in &invalid.groups {
        store.purges.purge(&fetch::group(view.scheme, view.authority, group), false);
    }
    CacheStatus::new(Outcome::Bypassed(why)).append(response.headers_mut(), told::IDENTITY);
    told::bypassed(&mut ticket.exchange, why);
    Ok(response)
}

/// Now, as the policy counts.
fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
}
