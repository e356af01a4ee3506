//! What happens after an attempt that failed: another one, where and when, or none and why. Pure: it knows neither sockets nor clocks.
//!
//! Three things bound what retries may do to an upstream that is in trouble. Attempts of one exchange are few. What may have been acted on
//! already is sent again only where that does no harm. And all retries that are under way at once are a share of the exchanges that are,
//! so that load grows by that share and not by a factor, however much fails.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use http::{Method, StatusCode};

use super::group::Reach;
use crate::config::model::{Retry, RetryOn};
use crate::observe::{Cause, NotRetried};

/// The longest back-off, as a multiple of the first one.
const MAX_BACK_OFF: u32 = 10;
/// How often an exchange that the budget has no room for asks again, a back-off later each time.
const MAX_WAITS: u8 = 4;

/// What may be tried again, as the config says.
#[derive(Clone, Debug)]
pub struct RetryPolicy {
    on: u16,
    max_attempts: u16,
    non_idempotent: bool,
    back_off: Duration,
    /// From the begin of an attempt to the head of its response.
    pub try_timeout: Option<Duration>,
    /// Octets of a request body that are kept to be sent again.
    pub replay_body: usize,
    budget: u32,
    budget_min: u32,
}

impl RetryPolicy {
    /// From the config.
    pub fn compile(retry: &Retry) -> Self {
        let Retry { max_attempts, on, non_idempotent, try_timeout, back_off, budget, budget_min, replay_body } = retry;
        let bits = |on: &RetryOn| match on {
            RetryOn::Connect => bit(Cause::Connect),
            RetryOn::Reset => bit(Cause::Reset) | bit(Cause::Unprocessed),
            RetryOn::Timeout => bit(Cause::Timeout),
            RetryOn::Status502 => bit(Cause::Status502),
            RetryOn::Status503 => bit(Cause::Status503),
            RetryOn::Status504 => bit(Cause::Status504),
        };
        Self {
            // A connection that has gone stale says nothing about the endpoint: it is replaced whatever the config says.
            on: on.iter().map(bits).fold(bit(Cause::Stale), |all, one| all | one),
            max_attempts: *max_attempts,
            non_idempotent: *non_idempotent,
            back_off: *back_off,
            try_timeout: *try_timeout,
            replay_body: *replay_body,
            budget: *budget,
            budget_min: *budget_min,
        }
    }

    /// Whether a request does no harm when an endpoint acts on it twice: by its method (RFC 9110 §9.2.2), by an `Idempotency-Key`, or because
    /// the operator says so.
    pub fn repeatable(&self, method: &Method, has_key: impl FnOnce() -> bool) -> bool {
        method.is_idempotent() || self.non_idempotent || has_key()
    }

    /// What that status is a cause for, where it is retried.
    pub fn status(&self, status: StatusCode) -> Option<Cause> {
        let cause = match status.as_u16() {
            502 => Cause::Status502,
            503 => Cause::Status503,
            504 => Cause::Status504,
            _ => return None,
        };
        self.covers(cause).then_some(cause)
    }

    fn covers(&self, cause: Cause) -> bool {
        self.on & bit(cause) != 0
    }

    /// How many retries may be under way while that many exchanges are.
    pub fn allowed(&self, under_way: usize) -> usize {
        let share = under_way.saturating_mul(self.budget as usize) / 100;
        share.max(self.budget_min as usize)
    }
}

const fn bit(cause: Cause) -> u16 {
    1 << cause as u16
}

/// What is known of an attempt that failed.
#[derive(Clone, Copy, Debug)]
pub struct Failed {
    /// For what.
    pub cause: Cause,
    /// Whether the request may be acted on twice.
    pub repeatable: bool,
    /// Whether all of the body is still at hand.
    pub whole: bool,
    /// Whether the attempt was on a fresh connection.
    pub fresh: bool,
}

/// Where the next attempt goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Where {
    /// The same endpoint, on a new connection.
    Same,
    /// An endpoint that was not tried yet; one that is down or ejected where no usable one is left.
    Untried,
    /// A usable one that was not tried yet; where none is left, one that was, and then one that is down or ejected.
    Any,
}

impl Where {
    /// Which endpoints it may be, where it is to be chosen.
    pub fn reach(self) -> Option<Reach> {
        match self {
            Self::Same => None,
            Self::Untried => Some(Reach::Untried),
            Self::Any => Some(Reach::All),
        }
    }
}

/// What is to be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Another attempt.
    Again {
        /// Where.
        place: Where,
        /// After how long.
        after: Duration,
        /// Whether it needs a place in the budget.
        budget: bool,
    },
    /// None; the reason, where the cause is one that is retried at all.
    Stop(Option<NotRetried>),
}

/// The attempts of one exchange.
#[derive(Clone, Copy, Debug, Default)]
pub struct Course {
    /// Attempts that count: not those on a connection that had gone stale.
    attempts: u16,
    /// Waits so far, for the next one's length.
    back_offs: u32,
    replaced: bool,
    waits: u8,
}

impl Course {
    /// An attempt failed. `draw(n)` gives a number below `n`; `until` is the end of the exchange.
    pub fn after(
        &mut self,
        policy: &RetryPolicy,
        failed: Failed,
        (now, until): (Instant, Option<Instant>),
        draw: impl FnOnce(u64) -> u64,
    ) -> Next {
        let Failed { cause, repeatable, whole, fresh } = failed;
        if matches!(cause, Cause::Stale | Cause::Unprocessed) && !self.replaced && !fresh {
            // What the endpoint did not look at may be sent again whatever it is; a close only if it does no harm twice.
            return match (whole, repeatable || cause == Cause::Unprocessed) {
                (_, false) => Next::Stop(Some(NotRetried::Method)),
                (false, _) => Next::Stop(Some(NotRetried::Body)),
                (true, true) => {
                    self.replaced = true;
                    Next::Again { place: Where::Same, after: Duration::ZERO, budget: false }
                }
            };
        }
        // A second one in a row is no accident of the pool any more.
        let cause = if cause == Cause::Stale { Cause::Reset } else { cause };
        self.attempts += 1;
        if !policy.covers(cause) || policy.max_attempts == 1 {
            return Next::Stop(None);
        }
        let left = matches!(cause, Cause::Connect | Cause::Unprocessed);
        let no = match () {
            () if !left && !repeatable => Some(NotRetried::Method),
            () if !whole => Some(NotRetried::Body),
            () if self.attempts >= policy.max_attempts => Some(NotRetried::Attempts),
            () => None,
        };
        if no.is_some() {
            return Next::Stop(no);
        }
        // Elsewhere there is no reason to wait for somebody who was not there.
        let after =
            if cause == Cause::Connect && self.attempts == 1 { Duration::ZERO } else { self.wait(policy, draw) };
        if until.is_some_and(|until| now + after >= until) {
            return Next::Stop(Some(NotRetried::Deadline));
        }
        // A request that has not left is not sent twice: it is no load on top.
        let place = if cause == Cause::Connect { Where::Untried } else { Where::Any };
        Next::Again { place, after, budget: cause != Cause::Connect }
    }

    /// The budget has no room: how long to wait before it is asked again, or that it is not.
    ///
    /// Where an endpoint dies with many exchanges on it, all of them come at once, and room is there as soon as the first are answered. A
    /// status is an answer, and is not kept from the client.
    pub fn over_budget(
        &mut self,
        policy: &RetryPolicy,
        cause: Cause,
        (now, until): (Instant, Option<Instant>),
        draw: impl FnOnce(u64) -> u64,
    ) -> Result<Duration, NotRetried> {
        let answered = matches!(cause, Cause::Status502 | Cause::Status503 | Cause::Status504);
        if answered || self.waits == MAX_WAITS || policy.allowed(0) == 0 {
            return Err(NotRetried::Budget);
        }
        self.waits += 1;
        let after = self.wait(policy, draw);
        if until.is_some_and(|until| now + after >= until) { Err(NotRetried::Budget) } else { Ok(after) }
    }

    /// Full jitter: anything below a bound that doubles, so that those who failed together do not come back together.
    fn wait(&mut self, policy: &RetryPolicy, draw: impl FnOnce(u64) -> u64) -> Duration {
        let factor = 2u32.saturating_pow(self.back_offs).min(MAX_BACK_OFF);
        self.back_offs += 1;
        let bound = policy.back_off.saturating_mul(factor).as_micros() as u64;
        Duration::from_micros(if bound == 0 { 0 } else { draw(bound) })
    }
}

/// The retries that are under way at an upstream, in the whole process.
#[derive(Debug, Default)]
pub struct Budget(AtomicUsize);

/// A place in the budget, until the exchange is over.
#[derive(Debug)]
pub struct Token(Arc<Budget>);

impl Budget {
    /// A place, if fewer than `allowed` are taken.
    pub fn take(self: &Arc<Self>, allowed: usize) -> Option<Token> {
        let taken = self.0.fetch_add(1, Relaxed);
        let token = Token(self.clone());
        (taken < allowed).then_some(token)
    }

    /// How many are taken.
    pub fn taken(&self) -> usize {
        self.0.load(Relaxed)
    }
}

impl Drop for Token {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [RetryOn; 6] = [
        RetryOn::Connect,
        RetryOn::Reset,
        RetryOn::Timeout,
        RetryOn::Status502,
        RetryOn::Status503,
        RetryOn::Status504,
    ];

    fn policy(on: &[RetryOn]) -> RetryPolicy {
        RetryPolicy::compile(&Retry {
            max_attempts: 3,
            on: on.to_vec(),
            non_idempotent: false,
            try_timeout: None,
            back_off: Duration::from_millis(25),
            budget: 20,
            budget_min: 3,
            replay_body: 64 << 10,
        })
    }

    const FAILED: Failed = Failed { cause: Cause::Reset, repeatable: true, whole: true, fresh: true };

    fn after(course: &mut Course, policy: &RetryPolicy, failed: Failed) -> Next {
        course.after(policy, failed, (Instant::now(), None), |below| below - 1)
    }

    fn again(place: Where, micros: u64, budget: bool) -> Next {
        Next::Again { place, after: Duration::from_micros(micros), budget }
    }

    #[test]
    fn the_first_failure_by_cause() {
        let reset = again(Where::Any, 24_999, true);
        let stop = |why| Next::Stop(Some(why));
        let cases = [
            // cause, repeatable, whole, fresh, verdict
            (Cause::Connect, true, true, true, again(Where::Untried, 0, false)),
            (Cause::Connect, false, true, true, again(Where::Untried, 0, false)),
            (Cause::Reset, true, true, false, reset),
            (Cause::Reset, false, true, true, stop(NotRetried::Method)),
            (Cause::Reset, true, false, true, stop(NotRetried::Body)),
            (Cause::Timeout, true, true, false, reset),
            (Cause::Status503, true, true, false, reset),
            (Cause::Status503, false, true, false, stop(NotRetried::Method)),
            (Cause::Stale, true, true, false, again(Where::Same, 0, false)),
            (Cause::Stale, false, true, false, stop(NotRetried::Method)),
            (Cause::Stale, true, false, false, stop(NotRetried::Body)),
            (Cause::Unprocessed, false, true, false, again(Where::Same, 0, false)),
            (Cause::Unprocessed, false, true, true, reset),
            (Cause::Unprocessed, false, false, true, stop(NotRetried::Body)),
        ];
        for (cause, repeatable, whole, fresh, expected) in cases {
            let failed = Failed { cause, repeatable, whole, fresh };
            assert_eq!(after(&mut Course::default(), &policy(&ALL), failed), expected, "{failed:?}");
        }
    }

    #[test]
    fn what_may_be_acted_on_twice() {
        let cases = [(Method::GET, false, true), (Method::PUT, false, true), (Method::DELETE, false, true)];
        let unsafe_cases = [(Method::POST, false, false), (Method::PATCH, false, false), (Method::POST, true, true)];
        for (method, key, expected) in cases.into_iter().chain(unsafe_cases) {
            assert_eq!(policy(&ALL).repeatable(&method, || key), expected, "{method} {key}");
        }
        assert!(RetryPolicy { non_idempotent: true, ..policy(&ALL) }.repeatable(&Method::POST, || false));
    }

    #[test]
    fn what_is_not_asked_for_is_not_retried() {
        for cause in [Cause::Connect, Cause::Reset, Cause::Timeout, Cause::Status503] {
            let verdict = after(&mut Course::default(), &policy(&[]), Failed { cause, ..FAILED });
            assert_eq!(verdict, Next::Stop(None), "{cause:?}");
        }
        assert!(policy(&[]).status(StatusCode::SERVICE_UNAVAILABLE).is_none());
        assert_eq!(policy(&ALL).status(StatusCode::SERVICE_UNAVAILABLE), Some(Cause::Status503));
        assert_eq!(policy(&ALL).status(StatusCode::INTERNAL_SERVER_ERROR), None);
    }

    #[test]
    fn attempts_end_and_waits_grow() {
        let policy = RetryPolicy { max_attempts: 8, ..policy(&ALL) };
        let mut course = Course::default();
        let waits = std::iter::from_fn(|| match after(&mut course, &policy, FAILED) {
            Next::Again { after, .. } => Some(after.as_micros() as u64 + 1),
            Next::Stop(why) => {
                assert_eq!(why, Some(NotRetried::Attempts));
                None
            }
        });
        assert_eq!(waits.collect::<Vec<_>>(), [25_000, 50_000, 100_000, 200_000, 250_000, 250_000, 250_000]);
    }

    #[test]
    fn a_stale_connection_is_replaced_once_and_counts_not() {
        let (policy, mut course) = (policy(&ALL), Course::default());
        let stale = Failed { cause: Cause::Stale, fresh: false, ..FAILED };
        assert_eq!(after(&mut course, &policy, stale), again(Where::Same, 0, false));
        assert_eq!(after(&mut course, &policy, stale), again(Where::Any, 24_999, true), "as a reset");
        assert_eq!(after(&mut course, &policy, FAILED), again(Where::Any, 49_999, true));
        assert_eq!(after(&mut course, &policy, FAILED), Next::Stop(Some(NotRetried::Attempts)));
        let off = RetryPolicy { max_attempts: 1, ..policy };
        assert_eq!(
            after(&mut Course::default(), &off, stale),
            again(Where::Same, 0, false),
            "even where retries are off"
        );
    }

    #[test]
    fn no_retry_begins_that_cannot_end_in_time() {
        let (policy, now) = (policy(&ALL), Instant::now());
        let verdict = |left: u64| {
            let until = now + Duration::from_millis(left);
            Course::default().after(&policy, FAILED, (now, Some(until)), |below| below - 1)
        };
        assert_eq!(verdict(24), Next::Stop(Some(NotRetried::Deadline)));
        assert_eq!(verdict(26), again(Where::Any, 24_999, true));
    }

    #[test]
    fn the_budget_is_a_share_and_a_minimum() {
        let policy = policy(&ALL);
        let cases = [(0, 3), (15, 3), (20, 4), (100, 20), (1000, 200)];
        for (under_way, allowed) in cases {
            assert_eq!(policy.allowed(under_way), allowed, "{under_way}");
        }
        let budget = Arc::new(Budget::default());
        let tokens: Vec<_> = (0..5).filter_map(|_| budget.take(3)).collect();
        assert_eq!((tokens.len(), budget.taken()), (3, 3));
        drop(tokens);
        assert_eq!(budget.taken(), 0);
        assert!(budget.take(0).is_none());
    }

    #[test]
    fn who_finds_the_budget_full_asks_again_but_not_for_ever() {
        let (policy, now) = (policy(&ALL), Instant::now());
        let mut course = Course::default();
        let mut ask = |cause| course.over_budget(&policy, cause, (now, None), |below| below - 1);
        assert_eq!(ask(Cause::Status503), Err(NotRetried::Budget), "there is an answer");
        let waits: Vec<_> = std::iter::from_fn(|| ask(Cause::Reset).ok()).collect();
        assert_eq!(waits.len(), usize::from(MAX_WAITS));
        let none = RetryPolicy { budget_min: 0, ..policy };
        let asked = Course::default().over_budget(&none, Cause::Reset, (now, None), |_| 0);
        assert_eq!(asked, Err(NotRetried::Budget), "an upstream without a budget");
    }
}
