//! Freshness and age (§4.2).

use http::HeaderValue;
use http::header::{AGE, DATE, EXPIRES, LAST_MODIFIED};

use crate::http::{Headers, date};

use super::{Heuristic, ResponseDirectives};

/// A moment in milliseconds since 1970, or a length of time in milliseconds.
pub type Millis = u64;

/// A second.
pub const SECOND: Millis = 1000;
/// A minute.
pub const MINUTE: Millis = 60 * SECOND;
/// An hour.
pub const HOUR: Millis = 60 * MINUTE;
/// A day.
pub const DAY: Millis = 24 * HOUR;

/// The largest number of seconds that a field can mean (§1.2.2).
const MAX_SECONDS: u64 = 1 << 31;

/// Whole seconds of a length of time, as `Age` and `ttl` give it.
pub const fn seconds(time: Millis) -> u64 {
    time / SECOND
}

/// When the request went to the upstream, and when the head of its response came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// When the request went.
    pub asked: Millis,
    /// When the response came.
    pub received: Millis,
}

impl Times {
    /// Asked and answered at once, for tests and for responses without a wait.
    pub const fn at(now: Millis) -> Self {
        Self { asked: now, received: now }
    }
}

/// Seconds as digits; too many are the largest number, anything else is `None` (§1.2.2).
pub(super) fn delta_seconds(text: &[u8]) -> Option<u64> {
    if text.is_empty() || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = text.iter().fold(0_u64, |sum, digit| sum.saturating_mul(10).saturating_add(u64::from(digit - b'0')));
    Some(number.min(MAX_SECONDS))
}

/// How old the response was when it came (`corrected_initial_age`, §4.2.3).
pub(super) fn initial_age(headers: &Headers, times: Times) -> Millis {
    let apparent = date_of(headers).map_or(0, |date| times.received.saturating_sub(date));
    // A date has whole seconds: what is younger than one of them has no age.
    let apparent = if apparent < SECOND { 0 } else { apparent };
    let delay = times.received.saturating_sub(times.asked);
    apparent.max(age_field(headers).saturating_add(delay))
}

/// `Age`: the first member of the first line counts, what is no number is ignored (§5.1).
fn age_field(headers: &Headers) -> Millis {
    let Some(value) = headers.first(&AGE) else { return 0 };
    let first = value.as_bytes().split(|byte| *byte == b',').next().unwrap_or_default();
    delta_seconds(first.trim_ascii()).unwrap_or(0) * SECOND
}

/// `Date` in milliseconds, where it is a date.
pub(super) fn date_of(headers: &Headers) -> Option<Millis> {
    headers.first(&DATE).and_then(date::parse_loosely).map(|second| second * SECOND)
}

/// What the response says about its freshness; `None` where it says nothing (§4.2.1). What cannot be understood is stale.
pub(super) fn explicit(headers: &Headers, directives: &ResponseDirectives, received: Millis) -> Option<Millis> {
    if let Some(age) = directives.s_maxage.or(directives.max_age) {
        return Some(age.unwrap_or(0) * SECOND);
    }
    if directives.targeted {
        return None;
    }
    let expires = expires(headers)?;
    let date = date_of(headers).unwrap_or(received);
    Some(expires.map_or(0, |expires| expires.saturating_sub(date)))
}

/// `Expires` in milliseconds; the inner `None` is one that is no date, or that is said in two ways: then the response is stale (§5.3).
fn expires(headers: &Headers) -> Option<Option<Millis>> {
    let mut values = headers.all(&EXPIRES);
    let first = values.next()?;
    let alike = values.all(|other: &HeaderValue| other == first);
    Some(date::parse_loosely(first).filter(|_| alike).map(|second| second * SECOND))
}

/// Freshness estimated from `Last-Modified` (§4.2.2).
pub(super) fn estimate(headers: &Headers, heuristic: Heuristic, received: Millis) -> Option<Millis> {
    let modified = headers.first(&LAST_MODIFIED).and_then(date::parse_loosely)? * SECOND;
    let unchanged = date_of(headers).unwrap_or(received).saturating_sub(modified);
    let part = unchanged / 100 * u64::from(heuristic.percent.min(100));
    (part > 0).then(|| part.min(heuristic.max))
}
