//! What a config says about traffic on a bad day: retries, limits, hedges, mirrors, faults on purpose.

use std::time::Duration;

use http::HeaderName;

use super::compress::switched;
use crate::config::fields::Fields;
use crate::config::model::{Capacity, Hedge, HedgeAfter, Retry, RetryOn};
use crate::config::raw::Table;
use crate::config::scalar::{self, Read, Wrong};
use crate::config::words::Words;

/// `[upstreams.NAME.retry]`
pub(super) fn retry(upstream: &Fields<'_>) -> Retry {
    let nothing = Table::default();
    let at = upstream.section_or("retry", &nothing);
    let word = |text: &str| RetryOn::WORDS.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
    let on = match at.find("on") {
        Some(found) => found.items().iter().filter_map(|item| item.word()).collect(),
        None => at.list("on", |text| Ok(word(text))).into_iter().flatten().collect(),
    };
    let retry = Retry {
        max_attempts: at.count("max_attempts"),
        on,
        non_idempotent: at.boolean("retry_non_idempotent"),
        try_timeout: at.duration("try_timeout"),
        back_off: at.duration("back_off").unwrap_or_default(),
        budget: at.parsed("budget", scalar::percent).unwrap_or_default(),
        budget_min: at.count("budget_min"),
        replay_body: usize::try_from(at.size("replay_body")).unwrap_or(usize::MAX),
    };
    if let Some(found) = at.find("on").filter(|_| retry.max_attempts == 1) {
        found.no_effect("`on` has no effect: with max_attempts = 1 nothing is retried", "leave one of them out");
    }
    let ends = retry.try_timeout.is_some() && !retry.on.contains(&RetryOn::Timeout);
    if let Some(found) = at.find("try_timeout").filter(|_| ends && retry.max_attempts > 1) {
        found.no_effect("an attempt ends after this time, but is not retried", "add \"timeout\" to `on`");
    }
    retry
}

/// `max_requests`, `max_endpoint_requests`, `adaptive` and `queue`
pub(super) fn capacity(upstream: &Fields<'_>) -> Capacity {
    let nothing = Table::default();
    let queue = upstream.section_or("queue", &nothing);
    let capacity = Capacity {
        requests: upstream.count("max_requests"),
        endpoint_requests: upstream.count("max_endpoint_requests"),
        adaptive: upstream.boolean("adaptive"),
        queue: queue.count("size"),
        wait: queue.duration("timeout").unwrap_or_default(),
    };
    let limited = capacity.requests > 0 || capacity.endpoint_requests > 0 || capacity.adaptive;
    if let Some(found) = upstream.find("queue").filter(|_| !limited) {
        found.no_effect(
            "nobody ever waits: there is no limit to wait for",
            "set `max_requests`, `max_endpoint_requests` or `adaptive`",
        );
    }
    capacity
}

/// `hedge` of a route
pub(super) fn hedge(route: &Fields<'_>) -> Option<Hedge> {
    switched(route, "hedge", |at| {
        let after = at.parsed("after", hedge_after).unwrap_or(HedgeAfter::P95);
        if let (HedgeAfter::Time(_), Some(found)) = (after, at.find("min")) {
            found.no_effect("`min` has no effect: the second attempt is made after a fixed time", "leave it out");
        }
        Hedge { after, min: at.duration("min").unwrap_or(Duration::ZERO) }
    })
}

fn hedge_after(text: &str) -> Read<HedgeAfter> {
    if let Some((_, after)) = HedgeAfter::WORDS.iter().find(|(word, _)| *word == text) {
        return Ok(*after);
    }
    match scalar::duration(text)? {
        Some(time) => Ok(HedgeAfter::Time(time)),
        None => Err(Wrong::new("a second attempt with each request", "a time such as \"200ms\", or \"p95\"")),
    }
}

/// A field that nothing else is said with.
pub(super) fn deadline_header(text: &str) -> Read<HeaderName> {
    let name = scalar::rule_header_name(text)?;
    if [http::header::ACCEPT, http::header::AUTHORIZATION, http::header::COOKIE].contains(&name) {
        return Err(Wrong::new(format!("{name} says something else"), "a field of its own, such as \"x-deadline-ms\""));
    }
    Ok(name)
}
