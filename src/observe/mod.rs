//! What is seen of the traffic and of the program itself. It observes and never decides.
//!
//! The pipeline fills an [`Exchange`] while it is under way; the worker's [`Observer`] counts it and logs it when it is over.

mod abuse;
mod exchange;
mod names;
mod observer;
mod retries;
mod tries;

pub mod access_log;
pub mod chronicle;
pub mod log;
pub mod lookout;
pub mod metrics;
pub mod redact;
pub mod tracing;

mod clock;
mod escape;

pub use abuse::Abuse;
pub use clock::rfc3339;
pub use exchange::{CacheFacts, CacheVerdict, EdgeFacts, Exchange, Fault, Injected, Side, TlsFacts};
pub use names::{Ids, ListenerId, Names, RouteId, UpstreamId};
pub use observer::Observer;
pub use retries::{Cause, Causes, NotRetried};
pub use tries::{Tries, Try};
