//! The first steps of a request: what is it, who asks, where does it go, and may it.

use std::time::Instant;

use http::HeaderValue;

use super::client::Client;
use super::fault::Fault;
use super::ticket::Ticket;
use super::worker::World;
use crate::http::forwarded::Client as Identity;
use crate::http::sanitize::{self, CleanRequest};
use crate::http::{Length, Request};
use crate::observe::Exchange;
use crate::routing::Lookup;
use crate::snapshot::{Listener, Route};

/// How often a request may come back to this program before it is called a loop.
const MAX_PASSES: usize = 8;

/// The facts that are known from the first line.
pub(super) fn begin(client: &Client, request: &Request) -> Exchange {
    let mut exchange = connected(client);
    exchange.method = request.method.clone();
    exchange.scheme = request.scheme;
    exchange.target = request.target.text().clone();
    exchange.version = request.version;
    exchange.referer = request.headers.first(&http::header::REFERER).cloned();
    exchange.user_agent = request.headers.first(&http::header::USER_AGENT).cloned();
    exchange
}

/// The facts of the connection.
pub(super) fn connected(client: &Client) -> Exchange {
    let mut exchange = Exchange::begin(client.listener, Instant::now());
    exchange.peer = client.peer;
    exchange.client = client.peer.map(|peer| peer.ip());
    exchange.tls = client.tls.as_ref().map(|tls| tls.facts());
    exchange
}

/// What the client takes, for an error's body.
pub(super) fn accepts(request: &Request) -> Option<HeaderValue> {
    request.headers.first(&http::header::ACCEPT).cloned()
}

/// What two readers could take in two ways ends here.
pub(super) fn sanitise(request: Request, listener: &Listener) -> Result<CleanRequest, Fault> {
    let limits = &listener.limits;
    let limits = sanitize::Limits {
        max_fields: limits.max_fields,
        max_field_size: limits.max_field_size,
        max_target_size: limits.max_target_size,
        max_head_size: limits.max_head_size,
    };
    sanitize::request(request, limits).map_err(|refused| Fault::Refused(refused.refusal))
}

/// Who asks, by the socket and by trusted proxies; and the fields that tell the upstream.
pub(super) fn identify(
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
        // Under no name that many programs read as this one.
        request.headers_mut().retain(|sent, _| !is_like(sent.as_str(), name.as_str()));
        if let Some(subject) = client.tls.as_ref().and_then(|tls| tls.client_subject()) {
            request.headers_mut().append(name.clone(), subject.clone());
        }
    }
    if identity.passes > MAX_PASSES { Err(Fault::Loop) } else { Ok(identity) }
}

/// Whether two names are the same where `_` is read as `-`.
fn is_like(sent: &str, name: &str) -> bool {
    let fold = |byte: u8| if byte == b'_' { b'-' } else { byte };
    sent.len() == name.len() && sent.bytes().map(fold).eq(name.bytes().map(fold))
}

/// The host against the certificate that this connection was served.
pub(super) fn check_authority(client: &Client, request: &CleanRequest) -> Result<(), Fault> {
    match &client.tls {
        Some(tls) if !tls.covers(request.authority().as_str()) => Err(Fault::Misdirected),
        _ => Ok(()),
    }
}

/// The route that takes the request.
pub(super) fn find_route<'a>(
    world: &'a World,
    listener: usize,
    request: &CleanRequest,
    identity: &Identity,
    ticket: &mut Ticket,
) -> Result<&'a Route, Fault> {
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
    let route = found.ok_or(Fault::NoRoute)?;
    ticket.exchange.route = Some(route.id);
    Ok(route)
}

/// The limits of the route: how many at a time, and how large a body. The place is held until the last byte of the response.
pub(super) fn admit(route: &Route, request: &mut CleanRequest, ticket: &mut Ticket) -> Result<(), Fault> {
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
