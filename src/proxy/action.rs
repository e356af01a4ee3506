//! What a route does with a request that was admitted.

use std::time::SystemTime;

use http::HeaderValue;
use http::header::{CACHE_CONTROL, SET_COOKIE};

use super::client::Client;
use super::fault::Fault;
use super::filtering::values;
use super::forward::{Deadline, Forward};
use super::ticket::Ticket;
use super::worker::World;
use crate::files::Files;
use crate::http::key::KeySource;
use crate::http::sanitize::{self, CleanRequest, CleanResponse};
use crate::http::{Response, Scheme, Target};
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
    (ticket, task): (&mut Ticket, &'a Task),
) -> Result<Destination<'a>, Fault> {
    let place = match &route.action {
        Action::Upstream(place) => *place,
        Action::Split(split) => {
            let target = ticket.exchange.asked().as_str();
            let source = KeySource { client: ticket.exchange.client, target, headers: request.headers() };
            let way = split.choose(&source, client.worker.random()).ok_or(Fault::NoEndpoint)?;
            ticket.newcomer = way.newcomer;
            way.upstream
        }
        Action::Redirect(_) | Action::Respond(_) | Action::Files(_) => return Ok(Destination::Here),
    };
    let deadline = Deadline::of(route, request, &ticket.exchange);
    Ok(Destination::Upstream(Forward { client, world, route, place, task, deadline }))
}

/// Tells a client the place in a split that it was given. The cookie is its own: no cache on the way may give it to others.
pub(super) fn tell_place(route: &Route, response: &mut CleanResponse, ticket: &Ticket) {
    let (Some(place), Action::Split(split)) = (ticket.newcomer, &route.action) else { return };
    let tls = ticket.exchange.scheme == Scheme::Https;
    let Some(cookie) = split.cohorts().and_then(|cohorts| cohorts.set(place, tls)) else { return };
    let headers = response.headers_mut();
    headers.append(SET_COOKIE, cookie);
    let said = |value: &HeaderValue| {
        let mut words = value.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii);
        words.any(|word| word.eq_ignore_ascii_case(b"private") || word.eq_ignore_ascii_case(b"no-store"))
    };
    if !headers.all(&CACHE_CONTROL).any(said) {
        headers.append(CACHE_CONTROL, HeaderValue::from_static("private"));
    }
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
    let asked = Target::parse(ticket.exchange.asked().clone());
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
