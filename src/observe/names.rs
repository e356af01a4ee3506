//! Small numbers for the names of the config, so that an exchange carries no shared text.
//!
//! A clone of an `Arc<str>` is a write to a line of memory that all workers share. A number is none; the access log
//! turns it back into text from a table that each worker keeps, and the metrics use it as an index.

/// The place of a listener's name in the tables; it stays the same over reloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ListenerId(pub(crate) u32);

/// The place of a route's name in the tables; it stays the same over reloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RouteId(pub(crate) u32);

/// The place of an upstream's name in the tables; it stays the same over reloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UpstreamId(pub(crate) u32);
