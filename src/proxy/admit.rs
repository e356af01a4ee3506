//! May it: how many at a time, and how large a body.

use super::client::Client;
use super::fault::Fault;
use super::ticket::Ticket;
use super::worker::World;
use crate::http::Length;
use crate::http::sanitize::CleanRequest;
use crate::snapshot::{Admitted, Listener, Route};

/// The places of an exchange among those that may run at once. It has them until the last byte of its response.
#[derive(Debug, Default)]
pub(super) struct Admissions {
    _process: Option<Admitted>,
    _client: Option<Admitted>,
    _route: Option<Admitted>,
}

/// The limits of the process, of the client and of the route; and whether there is room for work of that class.
pub(super) fn admit(
    client: &Client,
    (world, listener): (&World, &Listener),
    route: &Route,
    request: &mut CleanRequest,
    ticket: &mut Ticket,
) -> Result<(), Fault> {
    if !client.worker.pressure().serves(route.priority) {
        return Err(Fault::Overloaded);
    }
    let process = of_process(client, world.snapshot.model.server.max_requests)?;
    ticket.admitted = Admissions { _process: process, _client: of_client(client, listener)?, _route: of_route(route)? };
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

fn of_process(client: &Client, limit: usize) -> Result<Option<Admitted>, Fault> {
    if limit == 0 {
        return Ok(None);
    }
    client.worker.requests().admit(limit).map(Some).ok_or(Fault::ServerFull)
}

fn of_client(client: &Client, listener: &Listener) -> Result<Option<Admitted>, Fault> {
    match (&client.requests, listener.limits.max_requests_per_client) {
        (None, _) | (_, 0) => Ok(None),
        (Some(requests), limit) => requests.admit(limit).map(Some).ok_or(Fault::ClientFull),
    }
}

fn of_route(route: &Route) -> Result<Option<Admitted>, Fault> {
    if route.max_requests == 0 {
        return Ok(None);
    }
    route.admission.admit(route.max_requests).map(Some).ok_or(Fault::RouteFull)
}
