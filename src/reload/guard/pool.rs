//! Which counts are compared with which.

use std::sync::Arc;

use super::scope::Scope;
use crate::observe::RouteId;
use crate::observe::metrics::{Counts, RouteCounts};

/// Requests that are compared with each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Group {
    /// `route "api"`, or all that the reload concerns.
    pub(super) name: String,
    /// Before the reload.
    pub(super) before: RouteCounts,
    /// Since.
    pub(super) after: RouteCounts,
}

/// Each changed route with itself; and, where requests change from one route to another one, all together.
pub(super) fn groups(scope: &Scope, before: &Counts, after: &Counts) -> Vec<Group> {
    let of = |counts: &Counts, id: &RouteId| counts.get(id).copied().unwrap_or_default();
    let single = |(name, id): &(Arc<str>, RouteId)| Group {
        name: format!("route {name:?}"),
        before: of(before, id),
        after: of(after, id),
    };
    let mut groups: Vec<_> = scope.changed.iter().map(single).collect();
    if scope.old.len().max(scope.new.len()) > 1 || scope.old != scope.new || scope.unrouted {
        let sum = |counts: &Counts, ids: &[RouteId]| {
            let whole = ids.iter().fold(RouteCounts::default(), |sum, id| sum.and(&of(counts, id)));
            if scope.unrouted { whole.and(&lost(&of(counts, &RouteId::NONE))) } else { whole }
        };
        let name = "what the reload changed".to_owned();
        groups.push(Group { name, before: sum(before, &scope.old), after: sum(after, &scope.new) });
    }
    groups
}

/// Where a route that is still there no longer takes its requests, those that no route takes have failed.
fn lost(unrouted: &RouteCounts) -> RouteCounts {
    RouteCounts { server_errors: unrouted.server_errors + unrouted.client_errors, ..*unrouted }
}
