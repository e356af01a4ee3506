//! To an endpoint and back: attempts, and what may be tried again.
//!
//! What happens after an attempt that failed is decided by `upstream::retry`; here it is done.

mod attempt;
mod counted;
mod deadline;
mod hedge;
mod mirror;
mod outcome;
mod upload;

use std::cell::Cell;
use std::future::poll_fn;
use std::time::{Duration, Instant};

use http::HeaderName;
use http::header::SET_COOKIE;

use self::attempt::{Attempt, Plan};
pub(super) use self::deadline::Deadline;
use self::upload::Upload;
use super::client::Client;
use super::fault::{Fault, cause};
use super::ticket::Ticket;
use super::upgrade::{self, Switch};
use super::worker::World;
use crate::http::key::KeySource;
use crate::http::sanitize::{self, CleanRequest, CleanResponse};
use crate::http::{Body, Length, Request, Response, Scheme};
use crate::observe::{Exchange, NotRetried};
use crate::snapshot::Route;
use crate::upstream::Upstream;
use crate::upstream::capacity::{Entrance, Full};
use crate::upstream::group::{Reach, Tried};
use crate::upstream::retry::{Course, Failed, Next, Where};
use crate::wire::Task;
use crate::wire::h1::client::{self as h1, Failure};
use crate::wire::h1::parse::HeadLimits;

/// One field of a response head, in octets.
const MAX_RESPONSE_FIELD: usize = 16 * 1024;
/// Fields of a response head.
const MAX_RESPONSE_FIELDS: usize = 256;

/// The client's word that a request may be acted on twice (draft-ietf-httpapi-idempotency-key-header).
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// Where a request goes.
#[derive(Clone, Copy)]
pub(super) struct Forward<'a> {
    pub(super) client: &'a Client,
    pub(super) world: &'a World,
    pub(super) route: &'a Route,
    /// Of the upstream.
    pub(super) place: usize,
    pub(super) task: &'a Task,
    /// When it is to be over.
    pub(super) deadline: Deadline,
}

impl Forward<'_> {
    /// Sends the request to an endpoint of the upstream, and gives back what it answers.
    pub(super) async fn run(&self, mut request: CleanRequest, ticket: &mut Ticket) -> Result<CleanResponse, Fault> {
        let upstream = self.world.upstreams.at(self.place).ok_or(Fault::NoEndpoint)?;
        ticket.exchange.upstream = self.world.snapshot.upstream_id(self.place);
        let switch = upgrade::take(&mut request, &self.route.upgrades, || self.client.worker.random())?;
        let mut request = request.into_request();
        self.deadline.take_fields(self.route, &mut request.headers);
        if let Some(mirror) = &self.route.mirror {
            mirror::copy(self, mirror, &mut request, switch.is_some(), &ticket.exchange);
        }
        let asked = request.method.clone();
        if let Some(switch) = &switch {
            request.method = switch.method();
        }
        let mut response = self.attempts(upstream, &mut request, switch.as_ref(), ticket).await?;
        if upstream.is_sticky() {
            stick(upstream, &request, &mut response, ticket);
        }
        if let Some(switch) = &switch {
            let switched = switch.settle(&mut response).map_err(|error| Fault::Upstream(Failure::Malformed(error)))?;
            ticket.exchange.upgraded = switched;
        }
        sanitize::response(response, &asked).map_err(Fault::BadResponse)
    }

    /// Tries endpoints until one answers, or no other may be tried.
    async fn attempts(
        &self,
        upstream: &Upstream,
        request: &mut Request,
        switch: Option<&Switch>,
        ticket: &mut Ticket,
    ) -> Result<Response, Fault> {
        let body = std::mem::take(&mut request.body);
        let has_key = || request.headers.contains(&IDEMPOTENCY_KEY);
        let repeatable = upstream.retry().repeatable(&request.method, has_key);
        let plan = Plan {
            body: upload(body, upstream, switch, repeatable),
            request,
            switch,
            settings: self.settings(upstream),
            try_timeout: upstream.retry().try_timeout,
            upstream: ticket.exchange.upstream,
            hedged: self.hedged(request, switch),
            trace: ticket.exchange.trace.clone(),
            spans: Cell::new(0),
        };
        if let Some(entrance) = upstream.entrance() {
            Box::pin(self.enter((upstream, entrance), &plan, ticket)).await?;
        }
        let mut course = Course::default();
        let mut tried = Tried::default();
        let mut attempt = self.first(upstream, &plan, &mut tried, ticket)?;
        loop {
            ticket.exchange.attempts += 1;
            ticket.exchange.endpoint = Some(attempt.pool.label().clone());
            let outcome;
            (attempt, outcome) = self.attempt((upstream, &plan), attempt, &mut tried, ticket).await;
            let now = self.task.timer().now();
            outcome::report(upstream, &attempt, &outcome, plan.body.has_ended(), now);
            if plan.hedged && outcome.is_ok() {
                upstream.pace().note(now.saturating_duration_since(attempt.begun));
            }
            ticket.exchange.reused = attempt.reused;
            ticket.exchange.connected = attempt.connected.or(ticket.exchange.connected);
            let failed = match &outcome {
                Ok(response) => upstream.retry().status(response.status),
                Err(fault) => cause(fault, attempt.reused),
            };
            outcome::note(&attempt, &outcome, failed.is_some(), ticket);
            let Some(cause) = failed else { return answered(ticket, attempt, outcome, now) };
            let failed = Failed { cause, repeatable, whole: plan.body.is_whole(), fresh: attempt.fresh };
            let next = Box::pin(self.again(upstream, &mut course, failed, &plan, ticket)).await;
            let source = source(&ticket.exchange, plan.request);
            let next = next.and_then(|place| match place.reach() {
                None => Ok(Attempt::fresh(attempt.pool.clone(), self.task.timer().now())),
                Some(reach) => {
                    // Its own place may be the one that is free now.
                    attempt.in_flight = None;
                    let taken = upstream.take(&source, &mut tried, reach);
                    taken.map(|taken| Attempt::at(taken, self.task.timer().now())).ok_or(Some(NotRetried::Endpoint))
                }
            });
            match next {
                // A response that is not passed on goes now, with its connection, unless all of it had come already.
                Ok(next) => attempt = next,
                Err(why) => {
                    ticket.exchange.not_retried = why;
                    return answered(ticket, attempt, outcome, self.task.timer().now());
                }
            }
            ticket.exchange.retries.push(cause);
        }
    }

    /// One attempt, or two beside each other where the first is slow; the one that counts.
    async fn attempt(
        &self,
        (upstream, plan): (&Upstream, &Plan<'_>),
        mut attempt: Attempt,
        tried: &mut Tried,
        ticket: &mut Ticket,
    ) -> (Attempt, Result<Response, Fault>) {
        let Some(after) = self.hedge_after(upstream, plan, ticket) else {
            let outcome = Box::pin(attempt.run(self, plan)).await;
            return (attempt, outcome);
        };
        let hedged = Box::pin(hedge::run(self, (upstream, plan, after), attempt, tried, ticket));
        let (counts, outcome) = hedged.await;
        ticket.exchange.endpoint = Some(counts.pool.label().clone());
        (counts, outcome)
    }

    /// Waits for room at the upstream, where its exchanges are bounded.
    async fn enter(
        &self,
        (upstream, entrance): (&Upstream, &Entrance),
        plan: &Plan<'_>,
        ticket: &mut Ticket,
    ) -> Result<(), Fault> {
        let until = plan.settings.until;
        let (stay, waited) = match entrance.enter(self.task.timer(), until, || upstream.has_room()).await {
            Ok(entered) => entered,
            Err(Full::Late) if self.deadline.is_over() => return Err(self.deadline.fault()),
            Err(full) => return Err(full.into()),
        };
        ticket.exchange.queued_micros = u32::try_from(waited.as_micros()).unwrap_or(u32::MAX);
        ticket.stay = Some(stay);
        Ok(())
    }

    fn first(
        &self,
        upstream: &Upstream,
        plan: &Plan<'_>,
        tried: &mut Tried,
        ticket: &Ticket,
    ) -> Result<Attempt, Fault> {
        let taken = upstream.take(&source(&ticket.exchange, plan.request), tried, Reach::Usable);
        let none = || if upstream.has_room() { Fault::NoEndpoint } else { Fault::UpstreamFull };
        taken.map(|taken| Attempt::at(taken, self.task.timer().now())).ok_or_else(none)
    }

    /// Waits for the next attempt, where there may be one: where it goes, or why there is none.
    async fn again(
        &self,
        upstream: &Upstream,
        course: &mut Course,
        failed: Failed,
        plan: &Plan<'_>,
        ticket: &mut Ticket,
    ) -> Result<Where, Option<NotRetried>> {
        let policy = upstream.retry();
        let draw = |below| self.client.worker.below(below);
        let until = plan.settings.until;
        let (place, after, budget) = match course.after(policy, failed, (Instant::now(), until), draw) {
            Next::Again { place, after, budget } => (place, after, budget),
            Next::Stop(why) => return Err(why),
        };
        while budget && ticket.token.is_none() {
            ticket.token = upstream.take_budget();
            if ticket.token.is_none() {
                let wait = course.over_budget(policy, failed.cause, (Instant::now(), until), draw).map_err(Some)?;
                self.pause(wait).await;
            }
        }
        if !after.is_zero() {
            self.pause(after).await;
        }
        Ok(place)
    }

    async fn pause(&self, time: Duration) {
        let until = Instant::now() + time;
        poll_fn(|cx| self.task.timer().poll(until, cx)).await;
    }

    /// Whether a second endpoint may be asked too: only where asking twice changes nothing (RFC 9110 §9.2.1).
    fn hedged(&self, request: &Request, switch: Option<&Switch>) -> bool {
        self.route.hedge.is_some() && switch.is_none() && request.method.is_safe()
    }

    /// How long the first attempt has before there is a second one beside it; `None`: there is none.
    fn hedge_after(&self, upstream: &Upstream, plan: &Plan<'_>, ticket: &Ticket) -> Option<Duration> {
        let hedge = self.route.hedge.filter(|_| plan.hedged && ticket.exchange.attempts == 1)?;
        hedge.after(upstream.pace())
    }

    fn settings(&self, upstream: &Upstream) -> h1::Settings {
        let times = upstream.times();
        h1::Settings {
            head: HeadLimits {
                head: times.max_head,
                field: MAX_RESPONSE_FIELD.min(times.max_head),
                fields: MAX_RESPONSE_FIELDS,
                target: usize::MAX,
            },
            codings: times.codings,
            response_timeout: times.response,
            body_timeout: times.response_body,
            write_timeout: times.write,
            until: self.deadline.until,
        }
    }
}

/// The body as attempts send it: kept where another attempt could need it.
fn upload(body: Body, upstream: &Upstream, switch: Option<&Switch>, repeatable: bool) -> Upload {
    let limit = upstream.retry().replay_body;
    let keep = match body.length() {
        // No byte of what follows a switch is sent before there is one; until then it can be asked for elsewhere.
        _ if switch.is_some() => Some(0),
        Length::Known(length) if length > limit as u64 => None,
        // HTTP/2 endpoints say of requests that they did not look at them; that is safe to send again, whatever it is.
        _ => (repeatable || upstream.may_speak_http2()).then_some(limit),
    };
    Upload::new(body, keep)
}

/// What the choice of an endpoint may look at.
fn source<'a>(exchange: &'a Exchange, request: &'a Request) -> KeySource<'a> {
    KeySource { client: exchange.client, target: exchange.asked().as_str(), headers: &request.headers }
}

/// Sets the cookie of the endpoint that answered, where the request did not come with it.
fn stick(upstream: &Upstream, request: &Request, response: &mut Response, ticket: &Ticket) {
    let Some(in_flight) = &ticket.in_flight else { return };
    let tls = ticket.exchange.scheme == Scheme::Https;
    if let Some(cookie) = upstream.sticky_cookie(&source(&ticket.exchange, request), in_flight.endpoint(), tls) {
        response.headers.append(SET_COOKIE, cookie);
    }
}

/// The last attempt is over: the exchange stays on its endpoint to its last byte.
fn answered(
    ticket: &mut Ticket,
    attempt: Attempt,
    outcome: Result<Response, Fault>,
    now: Instant,
) -> Result<Response, Fault> {
    if outcome.is_ok() {
        ticket.exchange.first_byte = Some(now);
    }
    ticket.in_flight = attempt.in_flight;
    outcome
}
