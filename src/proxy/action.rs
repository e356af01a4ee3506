//! What a route does with a request that was admitted.

use std::time::SystemTime;

use super::client::Client;
use super::fault::Fault;
use super::forward::Forward;
use super::pipeline::values;
use super::ticket::Ticket;
use super::worker::World;
use crate::files::Files;
use crate::http::key::KeySource;
use crate::http::sanitize::{self, CleanRequest, CleanResponse};
use crate::http::{Response, Target};
use crate::snapshot::{Action, Route};
use crate::wire::Task;

/// Where a request is answered.
pub(super) enum Destination<'a> {
    /// By this program: [`act`].
    Here,
    /// By an upstream.
    Upstream(Forward<'a>),
}

/// Where the route's action has it answered.
pub(super) fn find<'a>(
    client: &'a Client,
    world: &'a World,
    route: &'a Route,
    request: &CleanRequest,
    (ticket, task): (&Ticket, &'a Task),
) -> Result<Destination<'a>, Fault> {
    let place = match &route.action {
        Action::Upstream(place) => *place,
        Action::Split(split) => {
            let target = ticket.exchange.target.as_str();
            let source = KeySource { client: ticket.exchange.client, target, headers: request.headers() };
            split.choose(&source, client.worker.random()).ok_or(Fault::NoEndpoint)?
        }
        Action::Redirect(_) | Action::Respond(_) | Action::Files(_) => return Ok(Destination::Here),
    };
    Ok(Destination::Upstream(Forward { client, world, route, place, task }))
}

/// Answers without an upstream.
pub(super) async fn act(route: &Route, request: CleanRequest, ticket: &mut Ticket) -> Result<CleanResponse, Fault> {
    match &route.action {
        Action::Redirect(redirect) => {
            Ok(sanitize::own(redirect.respond(&values(&ticket.exchange)).map_err(Fault::Filter)?))
        }
        Action::Respond(respond) => Ok(sanitize::own(respond.respond())),
        Action::Files(files) => serve_file(files, request, ticket).await,
        Action::Upstream(_) | Action::Split(_) => Err(Fault::NoEndpoint),
    }
}

/// A file by the rewritten path; redirects that the folder makes are by the target that the client knows.
async fn serve_file(files: &Files, request: CleanRequest, ticket: &Ticket) -> Result<CleanResponse, Fault> {
    let asked = Target::parse(ticket.exchange.target.clone());
    let asked = asked.as_ref().unwrap_or(request.target());
    match files.serve(&request, asked, SystemTime::now()).await {
        Ok(response) => Ok(sanitize::own(response)),
        Err(fault) => match fault.allow() {
            Some(allow) => {
                let mut response = Response::new(fault.status());
                response.headers.append(http::header::ALLOW, allow);
                Ok(sanitize::own(response))
            }
            None => Err(Fault::File(fault)),
        },
    }
}
