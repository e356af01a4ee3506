//! Forward authentication: a subrequest decides.

use std::time::Instant;

use http::{HeaderName, HeaderValue, Method};

use crate::edge::auth::forward::ForwardAuth;
use crate::edge::auth::{Auth, AuthFault, Identity, Remembered};
use crate::http::sanitize::{CleanRequest, CleanResponse};
use crate::http::{Headers, Target, Text};
use crate::observe::Exchange;
use crate::proxy::client::Client;
use crate::proxy::fault::Fault;
use crate::proxy::forward::{Deadline, Forward};
use crate::proxy::ticket::Ticket;
use crate::proxy::worker::World;
use crate::snapshot::Route;
use crate::wire::Task;
use crate::wire::timer::Timer;

const METHOD: HeaderName = HeaderName::from_static("x-forwarded-method");
const URI: HeaderName = HeaderName::from_static("x-forwarded-uri");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What the edge itself says of the client, and so of the subrequest too.
const OURS: [HeaderName; 6] = [
    HeaderName::from_static("x-forwarded-for"),
    HeaderName::from_static("x-forwarded-proto"),
    HeaderName::from_static("x-forwarded-host"),
    HeaderName::from_static("forwarded"),
    HeaderName::from_static("via"),
    REQUEST_ID,
];

/// What the service says.
pub(super) enum Answer {
    /// Let it pass.
    Yes(Identity),
    /// This is for the client.
    No(CleanResponse),
}

/// Asks. Where there is no answer in time nobody is let in.
pub(super) async fn ask(
    (client, world, route): (&Client, &World, &Route),
    (auth, policy): (&Auth, &ForwardAuth),
    request: &CleanRequest,
    ticket: &mut Ticket,
) -> Result<Answer, Fault> {
    let asked = subrequest(policy, request).ok_or(Fault::Auth(AuthFault::Malformed))?;
    let memo = &client.worker.memo;
    let place = policy.remember.map(|_| {
        // All that the service sees but the request's own number, and who it is: what it could decide by.
        let fields = asked.headers().iter().filter(|(name, _)| **name != REQUEST_ID);
        let fields: Vec<_> = fields.flat_map(|(name, value)| [name.as_str().as_bytes(), value.as_bytes()]).collect();
        let service = policy.upstream.to_be_bytes();
        let asks = [&b"forward"[..], &route.id.0.to_be_bytes(), &service, asked.authority().as_bytes()];
        memo.place(&[&asks[..], &fields[..]].concat())
    });
    if let Some(identity) = place.as_ref().and_then(|place| memo.find(place, Instant::now())) {
        return Ok(Answer::Yes(identity));
    }
    let answered = send((client, world, route), policy, asked, ticket).await;
    let response = answered.map_err(|()| Fault::Auth(AuthFault::Unavailable))?;
    if !response.status().is_success() {
        return Ok(Answer::No(response));
    }
    let identity = policy.identity(response.headers(), auth.user_header.as_ref());
    let now = Instant::now();
    if let (Some(place), Some(remember)) = (place, policy.remember.filter(|_| may_be_kept(response.headers()))) {
        memo.keep(place, Remembered { identity: identity.clone(), until: now + remember }, now);
    }
    Ok(Answer::Yes(identity))
}

/// The request that is asked with; none where the config's path is none, which is checked before.
fn subrequest(policy: &ForwardAuth, request: &CleanRequest) -> Option<CleanRequest> {
    let mut asked = request.without_body();
    *asked.method_mut() = Method::GET;
    asked.set_target(Target::parse(Text::visible(policy.path.to_string().into())?)?).ok()?;
    let carried = |name: &HeaderName| policy.request_headers.contains(name) || OURS.contains(name);
    let mut headers: Headers = request
        .headers()
        .iter()
        .filter(|(name, _)| carried(name))
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    headers.append(METHOD, HeaderValue::from_str(request.method().as_str()).ok()?);
    headers.append(URI, HeaderValue::from_str(request.target().as_str()).ok()?);
    *asked.headers_mut() = headers;
    Some(asked)
}

async fn send(
    (client, world, route): (&Client, &World, &Route),
    policy: &ForwardAuth,
    asked: CleanRequest,
    ticket: &mut Ticket,
) -> Result<CleanResponse, ()> {
    let mut exchange = Exchange::begin(client.listener, Instant::now());
    exchange.client = ticket.exchange.client;
    exchange.scheme = ticket.exchange.scheme;
    exchange.authority = ticket.exchange.authority.clone();
    exchange.target = asked.target().text().clone();
    // Its 1xx responses are not the client's, and its deadlines are its own.
    let task = Task::new(Timer::new());
    let deadline = Deadline::of(route, &asked, &exchange);
    let mut seen = Ticket::unseen(exchange, &client.worker, task.clone());
    let forward = Forward { client, world, route, place: policy.upstream, task: &task, deadline };
    let answered = tokio::time::timeout(policy.timeout, forward.run(asked, &mut seen)).await;
    // Until its answer has gone out to the client, where it does.
    ticket.in_flight = seen.in_flight.take();
    ticket.stay = seen.stay.take();
    answered.map_err(|_| ())?.map_err(|_| ())
}

/// Whether the service lets its answer be kept.
fn may_be_kept(headers: &Headers) -> bool {
    let control = headers.all(&http::header::CACHE_CONTROL);
    !control.filter_map(|value| value.to_str().ok()).any(|value| {
        let value = value.to_ascii_lowercase();
        value.contains("no-store") || value.contains("no-cache")
    })
}
