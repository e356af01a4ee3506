//! What is seen of the traffic and of the program itself. It observes and never decides.

mod exchange;
mod names;

pub mod metrics;

pub use exchange::{Exchange, Fault, Side, TlsFacts};
pub use names::{Ids, ListenerId, Names, RouteId, UpstreamId};
