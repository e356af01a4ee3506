//! The admin address: health, metrics, state and reload, for operators and machines.
//!
//! It has an address of its own and runs on the control thread. It knows nothing of the inside of the server: what it shows
//! and what it can do is the [`Surface`] that the server gives it.

mod surface;

mod operations;

mod answer;
mod asked;
mod cache;
mod change;
mod guard;
mod page;
mod reply;
mod serve;
mod store;
mod view;

pub use serve::{Admin, BindError, SocketOwner};
pub use surface::{CertificateState, EndpointState, Readiness, Refusal, ReloadOutcome, Surface, Unknown, World};

#[cfg(test)]
mod tests;
