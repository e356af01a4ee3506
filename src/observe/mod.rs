//! What is seen of the traffic and of the program itself. It observes and never decides.

mod exchange;
mod names;

pub use exchange::{Exchange, Fault, Side, TlsFacts};
pub use names::{ListenerId, RouteId, UpstreamId};
