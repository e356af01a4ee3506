//! Named groups of endpoints: which endpoint takes an exchange, and the connections to it.
//!
//! What the process shares of an endpoint is [`Endpoint`]: its identity, its addresses and its numbers. It outlives reloads as long as it stays the
//! same. What a worker has of it is a [`Pool`]: connections are used by the thread that opened them.

pub mod balance;
pub mod candidates;
pub mod capacity;
pub mod choice;
pub mod connect;
pub mod discovery;
pub mod endpoint;
pub mod gradient;
pub mod group;
pub mod grpc_health;
pub mod health;
pub mod hedge;
pub mod line;
pub mod mirror;
pub mod moment;
pub mod outlier;
pub mod plan;
pub mod pool;
pub mod probe;
pub mod probes;
pub mod record;
pub mod retry;
pub mod standing;
pub mod sticky;
pub mod tally;

#[cfg(test)]
mod tests;

pub use connect::ConnectFailure;
pub use endpoint::{Endpoint, EndpointIdentity, InFlight};
pub use group::{Seed, Upstream, Upstreams};
pub use moment::Moment;
pub use pool::Pool;
pub use probes::Probes;
pub use standing::{Standing, State, Verdict};
