//! What an attempt says about its endpoint.

use std::time::Instant;

use super::attempt::Attempt;
use crate::http::Response;
use crate::proxy::fault::Fault;
use crate::upstream::outlier::Outcome;
use crate::upstream::{ConnectFailure, Upstream};
use crate::wire::h1::client::Failure;

/// Tells the upstream what an attempt came to.
pub(super) fn report(upstream: &Upstream, attempt: &Attempt, outcome: &Result<Response, Fault>) {
    if let Some(outcome) = meaning(outcome, attempt.reused) {
        upstream.report(attempt.pool.endpoint(), outcome, (attempt.begun, Instant::now()));
    }
}

/// `None` where it says nothing: what is the client's fault or ours, a connection that had gone stale, a stream that was refused unseen.
fn meaning(outcome: &Result<Response, Fault>, reused: bool) -> Option<Outcome> {
    match outcome {
        Ok(response) => Some(Outcome::Answered(response.status.as_u16())),
        Err(Fault::Connect(ConnectFailure::Full)) => None,
        Err(Fault::Upstream(Failure::Closed)) if reused => None,
        Err(Fault::Upstream(Failure::Unprocessed | Failure::Request(_))) => None,
        Err(Fault::Connect(_) | Fault::Upstream(_) | Fault::TryTimeout | Fault::ExchangeTimeout) => {
            Some(Outcome::Failed)
        }
        Err(_) => None,
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
        let cases: [(Result<Response, Fault>, bool, Option<Outcome>); 10] = [
            (answered(200), true, Some(Outcome::Answered(200))),
            (answered(503), false, Some(Outcome::Answered(503))),
            (Err(Fault::Connect(ConnectFailure::Refused)), false, Some(Outcome::Failed)),
            (Err(Fault::Connect(ConnectFailure::Full)), false, None),
            (failed(Failure::Closed), true, None),
            (failed(Failure::Closed), false, Some(Outcome::Failed)),
            (failed(Failure::ResponseTimeout), true, Some(Outcome::Failed)),
            (failed(Failure::Request(BodyError::Incomplete)), false, None),
            (Err(Fault::TryTimeout), true, Some(Outcome::Failed)),
            (Err(Fault::NoEndpoint), false, None),
        ];
        for (outcome, reused, expected) in cases {
            assert_eq!(meaning(&outcome, reused), expected, "{outcome:?}");
        }
    }
}
