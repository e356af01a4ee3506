//! The table of contents of a request. If a step is not in [`run`], it does not happen.
//!
//! Each step is a function with a name; what it knows comes in by its parameters, and a step that says no says it with a [`Fault`].

use std::time::SystemTime;

use super::action::Destination;
use super::client::Client;
use super::entry::{self, admit, check_authority, find_route, identify, sanitise};
use super::fault::Fault;
use super::ticket::Ticket;
use super::worker::World;
use super::{action, cached, respond};
use crate::filter::{Asked, Values, Verdict};
use crate::http::sanitize::{self, CleanRequest, CleanResponse};
use crate::http::{Request, Response};
use crate::observe::Exchange;
use crate::snapshot::Route;
use crate::wire::{Answer, Refused, Task};

/// Answers one request.
pub(super) async fn run(client: &Client, request: Request, task: Task) -> Answer {
    let world = client.worker.world_of(client.listener);
    let mut ticket =
        Ticket::new(entry::begin(client, &request), entry::accepts(&request), &client.worker, task.clone());
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
) -> Result<CleanResponse, Fault> {
    let (place, listener) = world.snapshot.listener(client.listener).ok_or(Fault::ListenerGone)?;
    let mut request = sanitise(request, listener)?;
    let identity = identify(client, listener, &mut request, ticket)?;
    check_authority(client, &request)?;
    if let Some(redirect) = &listener.redirect_to_https {
        return Ok(sanitize::own(redirect.respond(&values(&ticket.exchange)).map_err(Fault::Filter)?));
    }
    let route = find_route(world, place, &request, &identity, ticket)?;
    admit(route, &mut request, ticket)?;
    let asked = ask_codings(route, &mut request)?;
    let noted = cached::note(route, &request);
    let mut response = match filter_request(route, &mut request, &ticket.exchange)? {
        Some(response) => response,
        None => match action::find(client, world, route, &request, (ticket, task))? {
            Destination::Here => action::act(route, request, ticket).await?,
            Destination::Upstream(forward) => match noted {
                Some(target) => cached::run(forward, request, target, ticket).await?,
                None => forward.run(request, ticket).await?,
            },
        },
    };
    filter_response(route, &mut response, &ticket.exchange)?;
    settle_codings(client, route, asked, &mut response, ticket);
    Ok(response)
}

/// What the client takes, noted before the request goes; and its own coding taken off, where the route says so.
fn ask_codings(route: &Route, request: &mut CleanRequest) -> Result<Option<Asked>, Fault> {
    route.codings.as_ref().map(|codings| codings.on_request(request)).transpose().map_err(Fault::Filter)
}

/// The coding that suits the client, put on the response.
fn settle_codings(
    client: &Client,
    route: &Route,
    asked: Option<Asked>,
    response: &mut CleanResponse,
    ticket: &mut Ticket,
) {
    let (Some(codings), Some(asked)) = (&route.codings, asked) else { return };
    if ticket.exchange.upgraded {
        return;
    }
    match codings.on_response(&asked, response, &client.worker.kit) {
        Ok(packed) => ticket.packed = packed,
        Err(reason) => client.worker.observer.metrics().left_uncompressed(reason),
    }
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
fn finish(client: &Client, mut ticket: Box<Ticket>, answered: Result<CleanResponse, Fault>) -> Answer {
    let mut response: Response = match answered {
        Ok(response) => response.into_response(),
        Err(fault) => {
            ticket.fail(&fault);
            respond::fault(&fault, ticket.accept.as_ref(), ticket.exchange.request_id.as_ref())
        }
    };
    client.worker.date.fill(&mut response.headers, SystemTime::now());
    ticket.exchange.status = Some(response.status);
    Answer { response, receipt: Some(ticket) }
}

/// Answers what was no request.
pub(super) fn refuse(client: &Client, refused: Refused, task: Task) -> Answer {
    let exchange = entry::connected(client);
    let ticket = Ticket::new(exchange, None, &client.worker, task);
    finish(client, ticket, Err(Fault::Unreadable(refused)))
}
