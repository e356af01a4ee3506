//! What is seen of the traffic and of the program itself. It observes and never decides.
//!
//! The pipeline fills an [`Exchange`] while it is under way; the worker's [`Observer`] counts it and logs it when it is over.

mod exchange;
mod names;
mod observer;
mod retries;

pub mod access_log;
pub mod log;
pub mod metrics;

mod clock;
mod escape;

pub use clock::rfc3339;
pub use exchange::{CacheFacts, CacheVerdict, Exchange, Fault, Side, TlsFacts};
pub use names::{Ids, ListenerId, Names, RouteId, UpstreamId};
pub use observer::Observer;
pub use retries::{Cause, Causes, NotRetried};
