//! What is told of the cache's part: to the client in fields, to logs and metrics in the facts of the exchange.

use http::StatusCode;

use super::source::Source;
use crate::cache::policy::{Bypass, Forward as Why, Millis, NotStored, Terms, seconds};
use crate::cache::serve;
use crate::cache::status::{CacheStatus, Outcome};
use crate::http::Response;
use crate::http::sanitize::{self, CleanResponse};
use crate::observe::{CacheFacts, CacheVerdict, Exchange};
use crate::proxy::ticket::Ticket;

/// This cache in `Cache-Status`.
pub(super) const IDENTITY: &str = "tidegate";

/// A response, and what is to be told of it.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) response: Response,
    pub(super) verdict: CacheVerdict,
    /// The word for why.
    pub(super) reason: Option<&'static str>,
    pub(super) outcome: Outcome,
    /// Status of the upstream's answer, where that is another.
    pub(super) fwd_status: Option<StatusCode>,
    pub(super) stored: bool,
    pub(super) collapsed: bool,
    /// Age and what is left of the freshness, in seconds, of what comes from the store.
    pub(super) times: Option<(u64, i64)>,
    /// The stored body that it is of.
    pub(super) source: Option<Box<Source>>,
}

impl Answer {
    /// From the store, fresh.
    pub(super) const fn hit(response: Response) -> Self {
        Self::new(response, CacheVerdict::Hit, Outcome::Hit)
    }

    /// From the store, stale.
    pub(super) const fn stale(response: Response, reason: &'static str, outcome: Outcome) -> Self {
        let mut answer = Self::new(response, CacheVerdict::Stale, outcome);
        answer.reason = Some(reason);
        answer
    }

    /// From the upstream.
    pub(super) const fn fetched(response: Response, why: Why) -> Self {
        let mut answer = Self::new(response, CacheVerdict::Miss, Outcome::Forwarded(why));
        answer.reason = Some(why.label());
        answer
    }

    pub(super) const fn new(response: Response, verdict: CacheVerdict, outcome: Outcome) -> Self {
        Self {
            response,
            verdict,
            reason: None,
            outcome,
            fwd_status: None,
            stored: false,
            collapsed: false,
            times: None,
            source: None,
        }
    }

    /// With the age of what is stored.
    pub(super) fn aged(mut self, terms: &Terms, now: Millis) -> Self {
        let age = terms.age(now);
        let left = i64::try_from(terms.lifetime / 1000).unwrap_or(i64::MAX);
        let age = seconds(age);
        self.times = Some((age, left.saturating_sub(i64::try_from(age).unwrap_or(i64::MAX))));
        self
    }

    pub(super) fn stored(mut self, stored: bool) -> Self {
        self.stored = stored;
        self
    }

    /// With the stored body behind it.
    pub(super) fn of(mut self, source: Option<Box<Source>>) -> Self {
        self.source = source;
        self
    }

    pub(super) fn collapsed(mut self, collapsed: bool) -> Self {
        self.collapsed = collapsed;
        self
    }

    pub(super) fn not_stored(mut self, why: NotStored) -> Self {
        self.reason = Some(why.label());
        self
    }

    /// Tells it, and gives back the response as it goes on.
    pub(super) fn tell(self, ticket: &mut Ticket) -> CleanResponse {
        let Self { mut response, verdict, reason, outcome, fwd_status, stored, collapsed, times, source } = self;
        ticket.coded.source = source;
        if let Some((age, _)) = times {
            serve::tell_age(&mut response.headers, age);
        }
        let ttl = times.map(|(_, ttl)| ttl);
        let detail = CacheStatus::new(outcome).detail.and(reason);
        CacheStatus { fwd_status, stored, collapsed, ttl, detail, ..CacheStatus::new(outcome) }
            .append(&mut response.headers, IDENTITY);
        let age = times.map(|(age, _)| u32::try_from(age).unwrap_or(u32::MAX));
        ticket.exchange.cache = Some(CacheFacts { verdict, reason, age, collapsed });
        sanitize::stored(response)
    }
}

/// Notes a request that the cache was not asked for.
pub(super) fn bypassed(exchange: &mut Exchange, why: Bypass) {
    let reason = Some(why.label());
    exchange.cache = Some(CacheFacts { verdict: CacheVerdict::Bypass, reason, age: None, collapsed: false });
}
