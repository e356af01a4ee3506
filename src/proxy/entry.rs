//! The first steps of a request: what is it, who asks, where does it go, and may it.

use std::time::Instant;

use http::Version;

use super::client::Client;
use super::fault::Fault;
use super::respond::Reader;
use super::ticket::Ticket;
use super::worker::World;
use crate::edge::auth::identity::is_like;
use crate::http::sanitize::{self, CleanRequest};
use crate::http::{Request, grpc};
use crate::observe::Exchange;
use crate::routing::Lookup;
use crate::snapshot::{Listener, Route};

/// How often a request may come back to this program before it is called a loop.
const MAX_PASSES: usize = 8;

/// The facts that are known from the first line.
pub(super) fn begin(client: &Client, request: &Request, now: Instant) -> Exchange {
    let mut exchange = connected(client, now);
    exchange.method = request.method.clone();
    exchange.scheme = request.scheme;
    exchange.target = request.target.text().clone();
    exchange.version = request.version;
    exchange.referer = request.headers.first(&http::header::REFERER).cloned();
    exchange.user_agent = request.headers.first(&http::header::USER_AGENT).cloned();
    exchange
}

/// The facts of the connection.
pub(super) fn connected(client: &Client, now: Instant) -> Exchange {
    let mut exchange = Exchange::begin(client.listener, now);
    exchange.peer = client.peer;
    exchange.client = client.peer.map(|peer| peer.ip());
    exchange.tls = client.tls.as_ref().map(|tls| tls.facts());
    exchange
}

/// Who reads an error. Calls come by HTTP/2 alone.
pub(super) fn reader(request: &Request) -> Reader {
    if request.version == Version::HTTP_2 && grpc::is_call(&request.headers) {
        return Reader::Grpc;
    }
    Reader::Http(request.headers.first(&http::header::ACCEPT).cloned())
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
    sanitize::request(request, limits, listener.paths).map_err(|refused| Fault::Refused(refused.refusal))
}

/// Who asks, by the socket and by trusted proxies; and the fields that tell the upstream.
pub(super) fn identify(
    client: &Client,
    listener: &Listener,
    request: &mut CleanRequest,
    ticket: &mut Ticket,
) -> Result<(), Fault> {
    let identity = client.forwarding.apply(request, &listener.trusted, &client.worker.ids);
    ticket.exchange.set_asked(request.target().text());
    ticket.exchange.client = identity.address;
    ticket.exchange.scheme = identity.scheme;
    ticket.exchange.authority = identity.authority;
    ticket.exchange.request_id = Some(identity.request_id);
    if let Some(name) = &listener.subject_header {
        // Under no name that many programs read as this one.
        request.headers_mut().retain(|sent, _| !is_like(sent.as_str(), name.as_str()));
        if let Some(subject) = client.tls.as_ref().and_then(|tls| tls.client_subject()) {
            request.headers_mut().append(name.clone(), subject.clone());
        }
    }
    if identity.passes > MAX_PASSES { Err(Fault::Loop) } else { Ok(()) }
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
    ticket: &mut Ticket,
) -> Result<&'a Route, Fault> {
    let target = request.target();
    let lookup = Lookup {
        listener,
        host: ticket.exchange.authority.as_str(),
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
