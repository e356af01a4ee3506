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
mod contents;
pub mod dictionaries;
mod disk_forms;
mod entry;
mod parts;

pub mod purge;
pub mod purging;
pub mod searches;
mod slot;
pub mod store;
mod table;

pub mod disk;
mod piecing;
mod recall;

mod budget;
pub mod fill;
pub mod flight;
pub mod making;
pub mod mend;

pub mod serve;

pub use caching::Caching;
pub use content::Content;
pub use contents::{BodyId, Contents, Form};
pub use entry::{Entry, Variant};
pub use parts::Parts;
pub use slot::Slot;
pub use store::{Inspection, Limits, Purge, Size, Store};
