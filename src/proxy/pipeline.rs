//! The table of contents of a request. If a step is not in [`run`], it does not happen.
//!
//! Each step is a function with a name; what it knows comes in by its parameters, and a step that says no says it with a [`Fault`].

use std::time::{Instant, SystemTime};

use super::client::Client;
use super::fault::Fault;
use super::ticket::Ticket;
use super::worker::World;
use super::{action, respond};
use crate::filter::{Values, Verdict};
use crate::http::forwarded::Client as Identity;
use crate::http::sanitize::{self, CleanRequest, CleanResponse};
use crate::http::{Length, Request, Response};
use crate::observe::Exchange;
use crate::routing::Lookup;
use crate::snapshot::{Listener, Route};
use crate::wire::{Answer, Refused, Task};

/// How often a request may come back to this program before it is called a loop.
const MAX_PASSES: usize = 8;

/// Answers one request.
pub(super) async fn run(client: &Client, request: Request, task: Task) -> Answer {
    let world = client.worker.world();
    let mut ticket = Ticket::new(begin(client, &request), &client.worker, task.clone());
    let answered = steps(client, &world, request, &mut ticket, &task).await;
    finish(client, ticket, answered)
}

/// The steps, in their order.
async fn steps(
    client: &Client,
    world: &World,
    request: Request,
    ticket: &mut Ticket,
    task: &Task,
) -> Result<CleanResponse, Refusal> {
    let (place, listener) = world.snapshot.listener(client.listener).ok_or(Fault::ListenerGone)?;
    let mut request = sanitise(request, listener)?;
    let identity = identify(client, listener, &mut request, ticket)?;
    check_authority(client, &request, &identity)?;
    if let Some(redirect) = &listener.redirect_to_https {
        return Ok(sanitize::own(redirect.respond(&values(&ticket.exchange)).map_err(Fault::Filter)?));
    }
    let route = find_route(world, place, &request, &identity, ticket)?;
    admit(route, &mut request, ticket)?;
    let mut response = match filter_request(route, &mut request, &ticket.exchange)? {
        Some(response) => response,
        None => action::act(client, world, route, request, ticket, task).await?,
    };
    filter_response(route, &mut response, &ticket.exchange)?;
    Ok(response)
}

/// A fault, and the request that it happened to where that says how to answer.
pub(super) struct Refusal {
    pub(super) fault: Fault,
    pub(super) asked: Option<Box<crate::http::Headers>>,
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        Self { fault, asked: None }
    }
}

/// The facts that are known from the first line.
fn begin(client: &Client, request: &Request) -> Exchange {
    let mut exchange = Exchange::begin(client.listener, Instant::now());
    exchange.peer = client.peer;
    exchange.client = client.peer.map(|peer| peer.ip());
    exchange.tls = client.tls.as_ref().map(|tls| tls.facts());
    exchange.method = request.method.clone();
    exchange.scheme = request.scheme;
    exchange.target = request.target.text().clone();
    exchange.version = request.version;
    exchange.referer = request.headers.first(&http::header::REFERER).cloned();
    exchange.user_agent = request.headers.first(&http::header::USER_AGENT).cloned();
    exchange
}

/// What two readers could take in two ways ends here.
fn sanitise(request: Request, listener: &Listener) -> Result<CleanRequest, Refusal> {
    let limits = &listener.limits;
    let limits = sanitize::Limits {
        max_fields: limits.max_fields,
        max_field_size: limits.max_field_size,
        max_target_size: limits.max_target_size,
        max_head_size: limits.max_head_size,
    };
    sanitize::request(request, limits).map_err(|refused| {
        let asked = Some(Box::new(refused.request.headers));
        Refusal { fault: Fault::Refused(refused.refusal), asked }
    })
}

/// Who asks, by the socket and by trusted proxies; and the fields that tell the upstream.
fn identify(
    client: &Client,
    listener: &Listener,
    request: &mut CleanRequest,
    ticket: &mut Ticket,
) -> Result<Identity, Fault> {
    let identity = client.forwarding.apply(request, &listener.trusted, &client.worker.ids);
    ticket.exchange.client = identity.address;
    ticket.exchange.scheme = identity.scheme;
    ticket.exchange.authority = identity.authority.clone();
    ticket.exchange.request_id = Some(identity.request_id.clone());
    if let Some(name) = &listener.subject_header {
        request.headers_mut().remove(name);
        if let Some(subject) = client.tls.as_ref().and_then(|tls| tls.client_subject()) {
            request.headers_mut().append(name.clone(), subject.clone());
        }
    }
    if identity.passes > MAX_PASSES { Err(Fault::Loop) } else { Ok(identity) }
}

/// The host against the certificate that this connection was served.
fn check_authority(client: &Client, request: &CleanRequest, _: &Identity) -> Result<(), Fault> {
    match &client.tls {
        Some(tls) if !tls.covers(request.authority().as_str()) => Err(Fault::Misdirected),
        _ => Ok(()),
    }
}

fn find_route<'a>(
    world: &'a World,
    listener: usize,
    request: &CleanRequest,
    identity: &Identity,
    ticket: &mut Ticket,
) -> Result<&'a Route, Refusal> {
    let target = request.target();
    let lookup = Lookup {
        listener,
        host: identity.authority.as_str(),
        path: target.path(),
        query: target.query(),
        method: request.method(),
        headers: request.headers(),
    };
    let found = world.snapshot.router.find(&lookup).and_then(|found| world.snapshot.routes.get(found.place()));
    let Some(route) = found else {
        let asked = Some(Box::new(request.headers().clone()));
        return Err(Refusal { fault: Fault::NoRoute, asked });
    };
    ticket.exchange.route = Some(route.id);
    Ok(route)
}

/// The limits of the route: how many at a time, and how large a body. The place is held until the last byte of the response.
fn admit(route: &Route, request: &mut CleanRequest, ticket: &mut Ticket) -> Result<(), Fault> {
    if route.max_requests > 0 {
        ticket.admitted = Some(route.admission.admit(route.max_requests).ok_or(Fault::RouteFull)?);
    }
    if route.max_body > 0 && request.request().upgrade.is_none() {
        if let Length::Known(length) = request.request().body.length()
            && length > route.max_body
        {
            return Err(Fault::BodyTooLarge);
        }
        request.body_mut().set_limit(route.max_body);
    }
    Ok(())
}

fn filter_request(
    route: &Route,
    request: &mut CleanRequest,
    exchange: &Exchange,
) -> Result<Option<CleanResponse>, Fault> {
    match route.filters.on_request(request, &values(exchange)).map_err(Fault::Filter)? {
        Verdict::Continue => Ok(None),
        Verdict::Respond(response) => Ok(Some(sanitize::own(*response))),
    }
}

fn filter_response(route: &Route, response: &mut CleanResponse, exchange: &Exchange) -> Result<(), Fault> {
    if route.filters.leaves_responses() {
        return Ok(());
    }
    route.filters.on_response(response, &values(exchange)).map_err(Fault::Filter)
}

/// What templates may speak of: the request as it came.
pub(super) fn values(exchange: &Exchange) -> Values<'_> {
    Values {
        scheme: exchange.scheme,
        authority: exchange.authority.as_str(),
        target: exchange.target.as_str(),
        client: exchange.client,
        request_id: exchange.request_id.as_ref(),
    }
}

/// The response with what every response has, and the ticket that follows it out.
fn finish(client: &Client, mut ticket: Box<Ticket>, answered: Result<CleanResponse, Refusal>) -> Answer {
    let mut response: Response = match answered {
        Ok(response) => response.into_response(),
        Err(Refusal { fault, asked }) => {
            ticket.fail(&fault);
            respond::fault(&fault, asked.as_deref(), ticket.exchange.request_id.as_ref())
        }
    };
    client.worker.date.fill(&mut response.headers, SystemTime::now());
    ticket.exchange.status = Some(response.status);
    Answer { response, receipt: Some(ticket) }
}

/// Answers what was no request.
pub(super) fn refuse(client: &Client, refused: Refused, task: Task) -> Answer {
    let mut exchange = Exchange::begin(client.listener, Instant::now());
    exchange.peer = client.peer;
    exchange.client = client.peer.map(|peer| peer.ip());
    exchange.tls = client.tls.as_ref().map(|tls| tls.facts());
    let ticket = Ticket::new(exchange, &client.worker, task);
    finish(client, ticket, Err(Fault::Unreadable(refused).into()))
}
