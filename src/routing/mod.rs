//! Which route takes a request.
//!
//! The rule: an exact host beats a wildcard, a longer wildcard beats a shorter one, and either beats "any host"; then an
//! exact path beats a prefix, a longer prefix beats a shorter one, either beats a regex, and all beat "any path", which is a
//! route without a path or with the prefix `/` (else no regex could stand beside a route for all the rest); then the route
//! with more predicates (methods, header fields, cookies and query parameters, each counts) wins; then the one that stands first in the
//! config. A route whose predicates fail, or that is not on the listener, is as good as absent: the next best is tried.
//!
//! [`Router`] decides that at a cost that does not grow with the number of routes: one hash of the host, at most one for
//! each label where there are wildcards, and one for each path segment as long as some route begins like that.
//! [`rank`] says the same slowly and readably over the config model, to explain it to people, and a property test
//! holds the router to it.
//!
//! Paths are compared in the normal form of [`normal`](crate::http::normal), so that `/%7c` is `/%7C`; `%2F` is never a
//! separator, and what goes upstream is not changed. Case counts in paths. Query parameters are compared decoded.
//! Absent on purpose: actions and policies; this module only finds the place.

pub mod cohort;
mod compared;
mod condition;
mod explain;
mod host;
pub mod rank;
mod router;
mod segment;
pub mod split;
mod table;
#[cfg(test)]
pub(crate) mod tests;

pub use compared::{Taken, compared};
pub use explain::{Explanation, Lost, Reason, explain};
pub use router::Router;

use http::Method;

use crate::http::Headers;

/// What the choice of a route looks at, borrowed from a sanitised request.
#[derive(Clone, Copy, Debug)]
pub struct Lookup<'a> {
    /// The place of the listener in the config that the router was compiled from.
    pub listener: usize,
    /// Host as the client named it; a port, a dot at the end and upper case do not matter. Empty where none was named.
    pub host: &'a str,
    /// Path, percent-encoded as the client sent it; or `*`.
    pub path: &'a str,
    /// What follows the `?`.
    pub query: Option<&'a str>,
    /// Method.
    pub method: &'a Method,
    /// Fields.
    pub headers: &'a Headers,
}

/// The place of a route in the list that the router was compiled from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RouteIndex(u32);

impl RouteIndex {
    /// As an index of that list.
    pub const fn place(self) -> usize {
        self.0 as usize
    }
}
