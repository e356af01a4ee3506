//! Whether one group of requests did worse after a reload than before, beyond what chance does.

use std::fmt;

use crate::config::model;
use crate::observe::metrics::histogram::quantile;
use crate::observe::metrics::{BUCKETS, RouteCounts, bound};

/// How often a reload that changed nothing may be found to do worse, by all looks at all its routes together.
const CHANCE: f64 = 0.01;
/// A share of failures that is not at least that many times the one before is no regression.
const FACTOR: f64 = 1.5;
/// Which of the durations is looked at: of 20 the slowest.
const SHARE: f64 = 0.95;
/// Microseconds. A quantile that has grown by less is no regression, whatever the factor.
const LEAST: f64 = 10_000.0;

/// What is found about one group.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Finding {
    /// It does as before, as far as can be told.
    Fine,
    /// Too few requests, before or after.
    TooFew,
    /// It does worse.
    Worse(Regression),
}

/// What has become worse.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Regression {
    /// What was looked at.
    pub(super) cause: Cause,
    /// A share of 1, or milliseconds.
    pub(super) before: f64,
    /// Likewise.
    pub(super) after: f64,
    /// Requests before.
    pub(super) of_before: u64,
    /// Requests after.
    pub(super) of_after: u64,
}

/// What was looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// More requests fail.
    ErrorRate,
    /// They take longer.
    Latency,
}

impl Cause {
    /// The word in logs and on the admin address.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::ErrorRate => "error_rate",
            Self::Latency => "latency",
        }
    }
}

impl fmt::Display for Regression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cause, before, after, of_before, of_after } = *self;
        match cause {
            Cause::ErrorRate => write!(
                f,
                "{:.1}% of {of_after} requests failed, and {:.1}% of {of_before} before",
                after * 100.0,
                before * 100.0
            ),
            Cause::Latency => write!(
                f,
                "of 20 requests the slowest took {after:.0} ms (of {of_after}), and {before:.0} ms before (of {of_before})"
            ),
        }
    }
}

/// Compares. `looks` is how often anything is compared because of this reload.
pub(super) fn judge(bounds: &model::Guard, looks: usize, before: &RouteCounts, after: &RouteCounts) -> Finding {
    if before.requests.min(after.requests) < bounds.min_requests {
        return Finding::TooFew;
    }
    let z = distance(looks);
    errors(bounds, z, before, after).or_else(|| latency(bounds, z, before, after)).map_or(Finding::Fine, Finding::Worse)
}

/// How many standard deviations must lie between two shares. With a normal distribution less than exp(-z²/2) is that far out (Chernoff's bound); with
/// so many looks that together is [`CHANCE`].
fn distance(looks: usize) -> f64 {
    (2.0 * (looks.max(1) as f64 / CHANCE).ln()).sqrt()
}

/// Two proportions: by points, by a factor, and significantly (the pooled z-test).
fn errors(bounds: &model::Guard, z: f64, before: &RouteCounts, after: &RouteCounts) -> Option<Regression> {
    let (of_before, of_after) = (before.requests as f64, after.requests as f64);
    let (was, is) = (before.server_errors as f64 / of_before, after.server_errors as f64 / of_after);
    let pooled = (before.server_errors + after.server_errors) as f64 / (of_before + of_after);
    let deviation = (pooled * (1.0 - pooled) * (1.0 / of_before + 1.0 / of_after)).sqrt();
    let worse = is - was >= bounds.error_rate && is >= was * FACTOR && is - was > z * deviation;
    worse.then_some(Regression {
        cause: Cause::ErrorRate,
        before: was,
        after: is,
        of_before: before.requests,
        of_after: after.requests,
    })
}

/// Whether significantly more than one of 20 took longer than what the slowest of 20 took before, and the bound on top of that.
fn latency(bounds: &model::Guard, z: f64, before: &RouteCounts, after: &RouteCounts) -> Option<Regression> {
    let more = bounds.latency?;
    // Of few requests the quantile is not known well: the highest that it may well have been counts.
    let unsure = z * (SHARE * (1.0 - SHARE) / before.requests as f64).sqrt();
    let was = quantile(&before.durations, (SHARE + unsure).min(1.0))?;
    let limit = (was * (1.0 + more)).max(was + LEAST);
    // Of a bucket that the limit lies in, nobody knows; it is left out.
    let slower = |bucket: &usize| *bucket > 0 && bound(bucket - 1).is_some_and(|bound| bound as f64 >= limit);
    let slow: u64 = (0..BUCKETS).filter(slower).map(|bucket| after.durations[bucket]).sum();
    let all: u64 = after.durations.iter().sum();
    let deviation = (SHARE * (1.0 - SHARE) / all.max(1) as f64).sqrt();
    let worse = slow as f64 / all.max(1) as f64 - (1.0 - SHARE) > z * deviation;
    let millis = |counts: &RouteCounts| quantile(&counts.durations, SHARE).unwrap_or_default() / 1000.0;
    worse.then(|| Regression {
        cause: Cause::Latency,
        before: millis(before),
        after: millis(after),
        of_before: before.requests,
        of_after: after.requests,
    })
}
