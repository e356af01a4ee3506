//! Where the cache and the upstream meet: what is stored answers; what is not is fetched, once for all who wait for it.

mod behind;
mod bypass;
mod fetch;
mod fill;
mod join;
mod look;
mod part;
mod purge;
mod recall;
mod source;
mod told;

use std::time::{SystemTime, UNIX_EPOCH};

use self::bypass::Past;
use self::fetch::Fetch;
use self::look::Found;
pub(super) use self::source::{Joined, Source};
use super::fault::Fault;
use super::forward::Forward;
use super::ticket::Ticket;
use super::worker::World;
use crate::cache::policy::{Millis, RequestVerdict, RequestView};
use crate::cache::{Caching, Form, Store, policy};
use crate::http::sanitize::{CleanRequest, CleanResponse};
use crate::http::{Target, Text, authority};
use crate::snapshot::Route;
use std::sync::Arc;

/// What must be remembered before filters change a request that the cache is asked for, or that may make invalid what it has: the target
/// that clients know it by.
pub(super) fn note(world: &World, route: &Route, request: &CleanRequest) -> Option<Target> {
    let invalidates = || world.snapshot.cache.is_some() && !policy::is_safe(request.method());
    (route.cache.is_some() || invalidates()).then(|| request.target().clone())
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
    /// The compressed form that the client is given of what is stored, where it can be compressed.
    pub(super) form: Option<Form>,
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
            paths: self.request.paths(),
            headers: &request.headers,
            has_body: !request.body.is_empty(),
            upgrades: request.upgrade.is_some(),
            authenticated: self.caching.authenticated,
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
    let Some(store) = &forward.world.snapshot.cache else {
        return Box::pin(forward.run(request, ticket)).await;
    };
    let Some(caching) = &forward.route.cache else {
        return Box::pin(bypass::without_cache(&forward, store, &target, request, ticket)).await;
    };
    let asked = Asked {
        store,
        caching,
        request: &request,
        target: &target,
        authority: ticket.exchange.authority.clone(),
        form: ticket.coded.form,
    };
    if caching.takes_purges() && request.method().as_str() == "PURGE" {
        return Ok(Box::pin(purge::by_method(&asked, &mut ticket.exchange)).await);
    }
    let lookup = match policy::request(&asked.view(), &caching.options) {
        RequestVerdict::Lookup(lookup) => lookup,
        RequestVerdict::Bypass(why) => {
            let past = Past { forward, store, caching, target: &target, why };
            return Box::pin(past.run(request, ticket)).await;
        }
    };
    let mut found = look::look(&asked, forward.place, &lookup, now());
    if let Found::Recall(need) = found {
        found = Box::pin(recall::recall(&asked, &lookup, need)).await;
    }
    match found {
        // Not twice.
        Found::Recall(_) => Box::pin(forward.run(request, ticket)).await,
        Found::Answer(answer) => Ok(answer.tell(ticket)),
        Found::Behind(answer, need) => {
            behind::validate(&forward, &asked, need, &ticket.exchange);
            Ok(answer.tell(ticket))
        }
        Found::Fetch(need) => {
            // A part of the exchange that may outlive it has a timer of its own.
            let task = forward.task.apart();
            let forward = Forward { task: &task, ..forward };
            Box::pin(Fetch { forward: &forward, asked: &asked, lookup: &lookup }.run(need, ticket)).await
        }
    }
}

/// Now, as the policy counts.
fn now() -> Millis {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Millis::try_from(since.as_millis()).unwrap_or(Millis::MAX)
}
