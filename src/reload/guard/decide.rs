//! What follows from all that was counted until now.

use std::time::Duration;

use super::judge::{Finding, Regression, judge};
use super::pool::Group;
use crate::config::model;

/// Whether to go back.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Verdict {
    /// It is too early to tell.
    Undecided,
    /// The config stays.
    Keep(Kept),
    /// It is taken back: what does worse, and how.
    GoBack(String, Regression),
}

/// Why a config stays.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kept {
    /// Nothing does worse.
    Fine,
    /// There were too few requests to tell.
    TooFew,
}

impl Kept {
    /// The word in logs and on the admin address.
    pub(super) const fn label(self) -> &'static str {
        match self {
            Self::Fine => "kept",
            Self::TooFew => "undecided",
        }
    }
}

/// Decides. Each group has what was counted in `before` and in the time that has passed since; what does worse is found as soon as it is sure, and what is fine at
/// the end of the window. Where requests have become far fewer than they were, they may hang: the window lasts twice as long then.
pub(super) fn decide(bounds: &model::Guard, groups: &[Group], before: Duration, passed: Duration) -> Verdict {
    // A look a second, and the window may be doubled.
    let looks = groups.len().max(1) * (2 * bounds.window.as_secs() as usize).max(1);
    let mut fine = false;
    for group in groups {
        match judge(bounds, looks, &group.before, &group.after) {
            Finding::Worse(regression) => return Verdict::GoBack(group.name.clone(), regression),
            Finding::Fine => fine = true,
            Finding::TooFew => {}
        }
    }
    if passed < bounds.window || passed < bounds.window * 2 && are_missing(bounds, groups, before, passed) {
        return Verdict::Undecided;
    }
    Verdict::Keep(if fine { Kept::Fine } else { Kept::TooFew })
}

/// Whether some group that was busy enough has less than half of its requests now.
fn are_missing(bounds: &model::Guard, groups: &[Group], before: Duration, passed: Duration) -> bool {
    let rate = |requests: u64, time: Duration| requests as f64 / time.as_secs_f64().max(0.001);
    let missing = |group: &Group| {
        group.before.requests >= 2 * bounds.min_requests
            && rate(group.after.requests, passed) < rate(group.before.requests, before) / 2.0
    };
    groups.iter().any(missing)
}
