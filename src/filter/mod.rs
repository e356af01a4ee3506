//! What a route does to a request on its way in and to a response on its way out.
//!
//! Filters are an enum, one file each, in the order in which they run; they are compiled once for each snapshot, and a route
//! without rules has an empty list that costs one comparison. A filter decides and changes; it knows neither routes nor
//! upstreams, and it never waits: one that must (for a decision made elsewhere) becomes a variant whose answer the pipeline
//! awaits between two of these lists, so that this code stays as it is.
//!
//! [`Redirect`] and [`Respond`] are actions, not filters; they are here because they are made of the same templates. [`Inject`] decides only
//! what is to go wrong: the pipeline does it.

mod codings;
pub mod compress;
pub mod decompress;
mod error;
mod filters;
mod headers;
mod inject;
mod redirect;
mod respond;
mod rewrite;
mod template;

pub use codings::{Asked, Codings};
pub use error::FilterError;
pub use filters::{Filters, Verdict};
pub use headers::FieldRules;
pub use inject::{Inject, InjectCounts, Injection};
pub use redirect::Redirect;
pub use respond::Respond;
pub use rewrite::Rewrite;
pub use template::{Template, Values};
