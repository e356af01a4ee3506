//! What an attempt says about its endpoint.

use std::time::Instant;

use super::attempt::Attempt;
use crate::http::Response;
use crate::observe::Try;
use crate::proxy::fault::Fault;
use crate::proxy::ticket::Ticket;
use crate::upstream::outlier::Outcome;
use crate::upstream::{ConnectFailure, Upstream};
use crate::wire::h1::client::Failure;

/// Tells the upstream what an attempt came to. `sent` says that all of the request's body had come from the client.
pub(super) fn report(
    upstream: &Upstream,
    attempt: &Attempt,
    outcome: &Result<Response, Fault>,
    sent: bool,
    now: Instant,
) {
    if let Some(outcome) = meaning(outcome, attempt.reused, sent) {
        attempt.pool.tally().count(&outcome, now.saturating_duration_since(attempt.begun));
        upstream.report(attempt.pool.endpoint(), outcome, (attempt.begun, now));
    }
}

/// `None` where it says nothing: what is the client's fault or ours, a connection that had gone stale, a stream that was refused unseen; and a time
/// that was over while the client still sent, or that the client made short. Or clients could have endpoints ejected.
fn meaning(outcome: &Result<Response, Fault>, reused: bool, sent: bool) -> Option<Outcome> {
    match outcome {
        Ok(response) => Some(Outcome::Answered(response.status.as_u16())),
        Err(Fault::Connect(ConnectFailure::Full)) => None,
        Err(Fault::Upstream(Failure::Closed)) if reused => None,
        Err(Fault::Upstream(Failure::Unprocessed | Failure::Request(_))) => None,
        Err(Fault::TryTimeout | Fault::ExchangeTimeout) if !sent => None,
        Err(Fault::Connect(_) | Fault::Upstream(_) | Fault::TryTimeout | Fault::ExchangeTimeout) => {
            Some(Outcome::Failed)
        }
        Err(_) => None,
    }
}

/// Notes an attempt, where there is more to say of the exchange's attempts than what it says of the last one: another one follows or was made, or
/// it is traced.
pub(super) fn note(attempt: &Attempt, outcome: &Result<Response, Fault>, failed: bool, ticket: &mut Ticket) {
    let now = ticket.now();
    let exchange = &mut ticket.exchange;
    let traced = exchange.trace.as_ref().is_some_and(|trace| trace.sampled);
    if traced || failed || !exchange.tries.list().is_empty() {
        let (endpoint, took) = (attempt.pool.label().clone(), now.saturating_duration_since(attempt.begun));
        let status = outcome.as_ref().ok().map(|response| response.status);
        let failure = outcome.as_ref().err().map(Fault::label);
        let (begun, reused, span) = (attempt.begun, attempt.reused, attempt.span);
        exchange.tries.push(Try { endpoint, begun, took, status, failure, reused, span });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::BodyError;

    #[test]
    fn whose_fault_it_is() {
        let answered = |status: u16| Ok(Response::new(http::StatusCode::from_u16(status).expect("a status")));
        let failed = |failure| Err(Fault::Upstream(failure));
        let cases: [(Result<Response, Fault>, bool, Option<Outcome>); 12] = [
            (answered(200), true, Some(Outcome::Answered(200))),
            (answered(503), false, Some(Outcome::Answered(503))),
            (Err(Fault::Connect(ConnectFailure::Refused)), false, Some(Outcome::Failed)),
            (Err(Fault::Connect(ConnectFailure::Full)), false, None),
            (failed(Failure::Closed), true, None),
            (failed(Failure::Closed), false, Some(Outcome::Failed)),
            (failed(Failure::ResponseTimeout), true, Some(Outcome::Failed)),
            (failed(Failure::Request(BodyError::Incomplete)), false, None),
            (Err(Fault::TryTimeout), true, Some(Outcome::Failed)),
            (Err(Fault::ExchangeTimeout), false, Some(Outcome::Failed)),
            (Err(Fault::ClientDeadline), false, None),
            (Err(Fault::NoEndpoint), false, None),
        ];
        for (outcome, reused, expected) in cases {
            assert_eq!(meaning(&outcome, reused, true), expected, "{outcome:?}");
        }
        for fault in [Fault::TryTimeout, Fault::ExchangeTimeout] {
            assert_eq!(meaning(&Err(fault), false, false), None, "the client was slow");
        }
        assert_eq!(meaning(&failed(Failure::ResponseTimeout), false, false), Some(Outcome::Failed));
    }
}
