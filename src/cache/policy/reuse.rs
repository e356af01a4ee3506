//! Whether a stored response may be used now (§4, §4.2.4, RFC 5861).

use http::StatusCode;

use super::{Forward, Lookup, Millis, Options, Rules, SECOND, StoredView, seconds};

/// What a stored response is good for. Ages are whole seconds, for `Age`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hit {
    /// It is the answer.
    Fresh {
        /// `Age`
        age: u64,
    },
    /// It is the answer although it is stale, and is validated in the background (RFC 5861 §3, or a soft purge).
    StaleWhileRevalidate {
        /// `Age`
        age: u64,
    },
    /// It is the answer although it is stale, because the client said so (`max-stale`, §5.2.1.2).
    AllowedStale {
        /// `Age`
        age: u64,
    },
    /// The upstream is asked first, with [`super::conditions`] where it has validators.
    Revalidate(Forward),
    /// The client wants no upstream to be asked, and this is not usable without: 504 (§5.2.1.7).
    OnlyIfCached,
}

/// Decides on a hit. `stored` is what the key and the variant selected.
pub fn on_hit(lookup: &Lookup, stored: &StoredView<'_>, now: Millis) -> Hit {
    let terms = stored.terms;
    let age = seconds(terms.age(now));
    let Some(why) = obstacle(lookup, stored, now) else { return Hit::Fresh { age } };
    let stale_enough = |window: Millis| terms.staleness(now).is_some_and(|staleness| staleness < window);
    // Staleness that the origin itself allowed; a client that wants something fresher is not given it.
    let in_background = match why {
        Forward::Stale => stale_enough(terms.stale_while_revalidate) && !demands_fresh(lookup),
        Forward::Purged => !demands_fresh(lookup),
        _ => false,
    };
    if in_background && !terms.rules.has(Rules::MUST_REVALIDATE) {
        return Hit::StaleWhileRevalidate { age };
    }
    let allowed = lookup.directives.max_stale.map_or(0, |limit| limit.saturating_mul(SECOND).saturating_add(1));
    if why == Forward::Stale && stale_enough(allowed) && !forbids_stale(terms.rules) && !exceeds(lookup, terms.age(now))
    {
        return Hit::AllowedStale { age };
    }
    if lookup.directives.only_if_cached { Hit::OnlyIfCached } else { Hit::Revalidate(why) }
}

/// Why the stored response is not simply the answer.
fn obstacle(lookup: &Lookup, stored: &StoredView<'_>, now: Millis) -> Option<Forward> {
    let terms = stored.terms;
    let demands = &lookup.directives;
    if terms.rules.has(Rules::VALIDATE) {
        return Some(Forward::ResponseNoCache);
    }
    if demands.no_cache {
        return Some(Forward::RequestNoCache);
    }
    if terms.remaining(now) == 0 {
        return Some(Forward::Stale);
    }
    if stored.soft_purged {
        return Some(Forward::Purged);
    }
    if exceeds(lookup, terms.age(now)) {
        return Some(Forward::RequestMaxAge);
    }
    let lasting = demands.min_fresh.unwrap_or(0).saturating_mul(SECOND);
    (terms.remaining(now) < lasting).then_some(Forward::RequestMinFresh)
}

/// Whether it is older than the client wants (§5.2.1.1).
fn exceeds(lookup: &Lookup, age: Millis) -> bool {
    lookup.directives.max_age.is_some_and(|limit| age > limit.saturating_mul(SECOND))
}

/// Whether the client named a freshness of its own, so that nothing stale is meant for it.
fn demands_fresh(lookup: &Lookup) -> bool {
    lookup.directives.max_age.is_some() || lookup.directives.min_fresh.is_some()
}

/// Whether the origin forbids to serve it stale but where it says itself how long (§4.2.4, §5.2.2.10).
fn forbids_stale(rules: Rules) -> bool {
    rules.has(Rules::MUST_REVALIDATE) || rules.has(Rules::VALIDATE) || rules.has(Rules::SHARED_MAX_AGE)
}

/// How an upstream failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Failure {
    /// There is no response: no connection, a reset, a timeout.
    Unreachable,
    /// A response of this status.
    Status(StatusCode),
}

impl Failure {
    /// Whether a stale response may stand in for it (RFC 5861 §4: 500, 502, 503, 504).
    pub fn counts(self) -> bool {
        match self {
            Self::Unreachable => true,
            Self::Status(status) => matches!(status.as_u16(), 500 | 502 | 503 | 504),
        }
    }
}

/// Whether the stored response stands in for a failed upstream: its `Age`, or `None` where the failure goes to the client.
pub fn on_failure(
    lookup: &Lookup,
    stored: &StoredView<'_>,
    options: &Options,
    failure: Failure,
    now: Millis,
) -> Option<u64> {
    let terms = stored.terms;
    let barred = terms.rules.has(Rules::MUST_REVALIDATE) || terms.rules.has(Rules::VALIDATE);
    if !failure.counts() || barred || lookup.directives.no_cache {
        return None;
    }
    // The client's own number counts like the origin's, but not against `s-maxage`.
    let asked = lookup.directives.stale_if_error.filter(|_| !forbids_stale(terms.rules));
    let window = terms.stale_if_error.max(asked.unwrap_or(0).saturating_mul(SECOND)).min(options.max_stale_if_error);
    let usable = terms.staleness(now).is_none_or(|staleness| staleness < window);
    usable.then(|| seconds(terms.age(now)))
}
