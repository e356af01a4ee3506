//! The admin address: health, metrics, state and reload, for operators and machines.
//!
//! It has an address of its own and runs on the control thread. It knows nothing of the inside of the server: what it shows
//! and what it can do is the [`Surface`] that the server gives it.

mod surface;

mod answer;
mod guard;
mod page;
mod serve;
mod view;

pub use serve::{Admin, BindError};
pub use surface::{EndpointState, Readiness, Refusal, ReloadOutcome, Surface, World};

#[cfg(test)]
mod tests;
