//! RFC 9111 as pure functions of (request, stored, now) to a verdict with a reason.
//!
//! In the order of an exchange:
//!
//! 1. [`request()`]: whether the cache is asked at all, and what the client demands of it ([`Lookup`]).
//! 2. [`on_hit`]: what a stored response is good for now ([`Hit`]): fresh, stale but allowed, to be validated.
//! 3. [`conditions`]: the preconditions that validate it; [`prepare_fill`] makes a request that fetches the whole.
//! 4. [`may_store`]: whether a response is stored and on which [`Terms`]; [`on_validated`], [`on_head`]: what 304 and HEAD change.
//! 5. [`on_failure`]: whether a stale response stands in for an upstream that failed.
//! 6. [`may_store_part`], [`is_same`]: parts of a response, and which belong together.
//! 7. [`invalidated_by`]: what an unsafe request makes invalid (§4.4).
//!
//! Nothing here reads a clock. What a hit needs was computed when the response was stored, so a hit parses no field of it.

mod directives;
mod fields;
mod freshness;
mod invalidate;
mod options;
mod partial;
mod reason;
mod request;
mod reuse;
mod search;
mod storing;
mod tags;
mod targeted;
mod terms;
mod update;
mod view;

#[cfg(test)]
pub(in crate::cache) mod tests;

pub use directives::{RequestDirectives, ResponseDirectives, Seconds};
pub use fields::{Conditions, conditions, leaves_the_edge, prepare_fill};
pub use freshness::{DAY, HOUR, MINUTE, Millis, SECOND, Times, seconds};
pub use invalidate::{Address, Invalidation, invalidated_by, is_safe};
pub use options::{Heuristic, Options, Ranges, SetCookie};
pub use partial::{Part, combined, is_same, may_store_part, strong_validator};
pub use reason::{Bypass, Forward, NotStored};
pub use request::{Lookup, RequestVerdict, request};
pub use reuse::{Failure, Hit, on_failure, on_hit};
pub use search::SearchVariance;
pub use storing::{Storable, may_store};
pub use tags::Tags;
pub use terms::{Rules, Terms};
pub use update::{HeadVerdict, Validated, on_head, on_validated};
pub use view::{RequestView, ResponseView, StoredView};
