//! A second attempt beside the first one, where that is slow to answer.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use super::attempt::{Attempt, Plan};
use super::{Forward, outcome, source};
use crate::http::Response;
use crate::observe::{Cause, Try};
use crate::proxy::fault::Fault;
use crate::proxy::ticket::Ticket;
use crate::upstream::group::{Reach, Tried};
use crate::upstream::outlier::Outcome;
use crate::upstream::retry::Token;
use crate::upstream::{Pool, Upstream};

type Done = (Attempt, Result<Response, Fault>);
type Running<'a> = Pin<Box<dyn Future<Output = Done> + 'a>>;

/// The first attempt, and a second one where it is slow and there may be one. Gives back the one that counts. The other one is cancelled, which closes
/// its connection or resets its stream.
pub(super) async fn run(
    forward: &Forward<'_>,
    (upstream, plan, after): (&Upstream, &Plan<'_>, Duration),
    first: Attempt,
    tried: &mut Tried,
    ticket: &mut Ticket,
) -> Done {
    let due = first.begun + after;
    let mut first = Racer::begin(first, *forward, plan);
    let early = poll_fn(|cx| match first.poll(cx) {
        Poll::Ready(done) => Poll::Ready(Some(done)),
        Poll::Pending => forward.task.timer().poll(due, cx).map(|()| None),
    });
    if let Some(done) = early.await {
        return done;
    }
    let Some((second, _token)) = second(upstream, plan, tried, ticket) else {
        return poll_fn(|cx| first.poll(cx)).await;
    };
    // What the second one has to say before its answer would come to the client out of order.
    let task = forward.task.silent();
    let second = Racer::begin(second, Forward { task: &task, ..*forward }, plan);
    race(upstream, first, second, ticket).await
}

/// The attempt with its outcome.
async fn complete(mut attempt: Attempt, forward: Forward<'_>, plan: &Plan<'_>) -> Done {
    let outcome = attempt.run(&forward, plan).await;
    (attempt, outcome)
}

/// An attempt at another endpoint, with its place in the budget of retries: a hedge is load on top as they are.
fn second(upstream: &Upstream, plan: &Plan<'_>, tried: &mut Tried, ticket: &mut Ticket) -> Option<(Attempt, Token)> {
    if !plan.body.is_at_hand() {
        return None;
    }
    let token = upstream.take_budget()?;
    let taken = upstream.take(&source(&ticket.exchange, plan.request), tried, Reach::Usable)?;
    ticket.exchange.attempts += 1;
    ticket.exchange.retries.push(Cause::Hedge);
    Some((Attempt::at(taken, ticket.now()), token))
}

/// The first outcome that a client can be given; where there is none, the better one.
async fn race(upstream: &Upstream, first: Racer<'_>, second: Racer<'_>, ticket: &mut Ticket) -> Done {
    let mut racers = [Some(first), Some(second)];
    let mut poor: Option<Done> = None;
    let (winner, done) = poll_fn(|cx| {
        for (place, racer) in racers.iter_mut().enumerate() {
            let Some(Poll::Ready(done)) = racer.as_mut().map(|racer| racer.poll(cx)) else { continue };
            *racer = None;
            let good = done.1.as_ref().is_ok_and(|response| !response.status.is_server_error());
            match poor.take() {
                None if !good => poor = Some(done),
                None => return Poll::Ready((place, done)),
                Some(before) => {
                    let first_counts = !good && before.1.is_ok();
                    let (worse, place, better) =
                        if first_counts { (done, 1 - place, before) } else { (before, place, done) };
                    outcome::report(upstream, &worse.0, &worse.1, true, ticket.now());
                    outcome::note(&worse.0, &worse.1, true, ticket);
                    return Poll::Ready((place, better));
                }
            }
        }
        Poll::Pending
    })
    .await;
    let now = ticket.now();
    for Racer { pool, begun, span, .. } in racers.into_iter().flatten() {
        let (endpoint, took) = (pool.label().clone(), now.saturating_duration_since(begun));
        let (status, failure, reused) = (None, Some("outrun"), false);
        ticket.exchange.tries.push(Try { endpoint, begun, took, status, failure, reused, span });
        upstream.report(pool.endpoint(), Outcome::Outrun, (begun, now));
        upstream.pace().note(now.saturating_duration_since(begun));
    }
    ticket.exchange.hedge_won = winner == 1 && done.1.is_ok();
    done
}

/// An attempt under way.
struct Racer<'a> {
    running: Running<'a>,
    pool: Rc<Pool>,
    begun: Instant,
    span: u64,
}

impl<'a> Racer<'a> {
    fn begin(mut attempt: Attempt, forward: Forward<'a>, plan: &'a Plan<'_>) -> Self {
        let (pool, begun, span) = (attempt.pool.clone(), attempt.begun, plan.span());
        attempt.span = span;
        Self { running: Box::pin(complete(attempt, forward, plan)), pool, begun, span }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Done> {
        self.running.as_mut().poll(cx)
    }
}
