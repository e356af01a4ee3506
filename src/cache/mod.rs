//! The HTTP cache (RFC 9111): what may be stored, when it may be used again, under which key.
//!
//! Off unless a route asks for it. [`policy`], [`key`] and [`vary`] are pure: they take borrowed views of a request and a response, what
//! is stored, and the time, and give verdicts with a reason; they know nothing of where bodies live.

pub mod key;
pub mod policy;
pub mod status;
pub mod vary;

mod caching;

mod content;
mod entry;

pub mod purge;
pub mod store;

mod budget;
pub mod fill;
pub mod flight;

pub mod serve;

pub use caching::Caching;
pub use content::Content;
pub use entry::{Contents, Entry, Variant};
pub use store::{Limits, Size, Slot, Store};
