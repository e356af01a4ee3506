//! Where a client stands, as response fields (draft-ietf-httpapi-ratelimit-headers-11).

use std::fmt::Write;

use http::{HeaderName, HeaderValue};

use super::{LimitRule, Outcome};
use crate::http::Headers;

const RATELIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATELIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// Puts `RateLimit-Policy` and `RateLimit` on a response: an item for each limit that says where it stands.
///
/// The quota is what may come at once, and the window the time in which that comes back: the two numbers that are true of a bucket at any
/// time. The effective window is the time until all of it is back; where nothing is left, until the next request may come, as `Retry-After`.
pub fn tell<'a>(standings: impl Iterator<Item = (&'a LimitRule, Outcome)>, headers: &mut Headers) {
    let (mut policies, mut standing) = (String::new(), String::new());
    for (rule, outcome) in standings.filter(|(rule, _)| rule.fields && !rule.dry_run) {
        let (quota, window) = rule.limit.policy();
        let comma = if policies.is_empty() { "" } else { ", " };
        let (label, remaining, seconds) = (&rule.label, outcome.remaining, outcome.seconds);
        // A name is made of letters, digits and a few signs, none of which a string escapes; writing to a String cannot fail.
        let _ = write!(policies, "{comma}\"{label}\";q={quota};w={window}");
        let _ = write!(standing, "{comma}\"{label}\";r={remaining};t={seconds}");
    }
    for (name, value) in [(RATELIMIT_POLICY, policies), (RATELIMIT, standing)] {
        if let Some(value) = HeaderValue::try_from(value).ok().filter(|value| !value.is_empty()) {
            headers.append(name, value);
        }
    }
}
