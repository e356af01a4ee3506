//! The table of contents of a request. If a step is not in [`run`], it does not happen.
//!
//! Each step is a function with a name; what it knows comes in by its parameters, and a step that says no says it with a [`Fault`].

use std::time::SystemTime;

use super::action::Destination;
use super::admit::admit;
use super::client::Client;
use super::entry::{self, check_authority, find_route, identify, sanitise};
use super::fault::Fault;
use super::ticket::Ticket;
use super::worker::World;
use super::{action, auth, cached, codings, edge, filtering, inject, respond, trace};
use crate::http::sanitize::{self, CleanResponse};
use crate::http::{Request, Response};
use crate::wire::{Answer, Refused, Task};

/// Answers one request.
pub(super) async fn run(client: &Client, request: Request, task: Task) -> Answer {
    let world = client.worker.world_of(client.listener);
    let mut ticket = Ticket::new(
        entry::begin(client, &request, task.timer().now()),
        entry::reader(&request),
        &client.worker,
        task.clone(),
    );
    let answered = steps(client, &world, request, &mut ticket, &task).await;
    finish(client, ticket, answered)
}

/// The steps, in their order. What few requests need waits in a box: it would make the task of every connection larger.
async fn steps(
    client: &Client,
    world: &World,
    request: Request,
    ticket: &mut Ticket,
    task: &Task,
) -> Result<CleanResponse, Fault> {
    let (place, listener) = world.snapshot.listener(client.listener).ok_or(Fault::ListenerGone)?;
    let mut request = sanitise(request, listener)?;
    trace::begin(client, world, &mut request, ticket);
    identify(client, listener, &mut request, ticket)?;
    check_authority(client, &request)?;
    if let Some(redirect) = &listener.redirect_to_https {
        return Ok(sanitize::own(redirect.respond(&filtering::values(&ticket.exchange)).map_err(Fault::Filter)?));
    }
    auth::strip_identity(world, &mut request);
    let route = find_route(world, place, &request, ticket)?;
    edge::begin(route, &request, ticket);
    edge::check_address(route, ticket)?;
    if let Some(preflight) = edge::preflight(route, &request)? {
        return Ok(preflight);
    }
    edge::check_rate(route, &request, ticket)?;
    admit(client, (world, listener), route, &mut request, ticket)?;
    if let Some(auth) = auth::of(route)
        && let Some(refusal) = Box::pin(auth::authenticate(client, world, (route, auth), &mut request, ticket)).await?
    {
        return Ok(refusal);
    }
    if let Some(inject) = &route.inject {
        Box::pin(inject::run(client, (route, inject), &request, ticket, task)).await?;
    }
    edge::pace_upload(client, route, &mut request);
    let asked = codings::ask((client, world), route, &mut request, ticket)?;
    let noted = cached::note(world, route, &request);
    let mut response = match filtering::on_request(route, &mut request, &ticket.exchange)? {
        Some(response) => response,
        None => match action::find(client, world, route, &request, (ticket, task))? {
            Destination::Here => Box::pin(action::act(route, request, ticket)).await?,
            Destination::Upstream(forward) => match noted {
                Some(target) => cached::run(forward, request, target, ticket).await?,
                // In a box, as an attempt is: a future is moved as a whole into the one that awaits it, and that into the next.
                None => Box::pin(forward.run(request, ticket)).await?,
            },
        },
    };
    edge::silence(route, &mut response);
    filtering::on_response(route, &mut response, &ticket.exchange)?;
    action::tell_place(route, &mut response, ticket);
    codings::settle((client, world), route, asked, &mut response, ticket);
    edge::pace_download(client, route, &mut response);
    Ok(response)
}

/// The response with what every response has, and the ticket that follows it out.
fn finish(client: &Client, mut ticket: Box<Ticket>, answered: Result<CleanResponse, Fault>) -> Answer {
    let mut response: Response = match answered {
        Ok(response) => response.into_response(),
        Err(fault) => {
            ticket.fail(&fault);
            respond::fault(&fault, &ticket.reader, ticket.exchange.request_id.as_ref())
        }
    };
    if let Some(dress) = &ticket.dress {
        dress.put(&mut response);
    }
    client.worker.date.fill(&mut response.headers, SystemTime::now);
    ticket.exchange.status = Some(response.status);
    Answer { response, receipt: Some(ticket) }
}

/// Answers what was no request.
pub(super) fn refuse(client: &Client, refused: Refused, task: Task) -> Answer {
    let exchange = entry::connected(client, task.timer().now());
    let ticket = Ticket::new(exchange, respond::Reader::Http(None), &client.worker, task);
    finish(client, ticket, Err(Fault::Unreadable(refused)))
}
