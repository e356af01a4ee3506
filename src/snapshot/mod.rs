//! The config in force, as requests read it: immutable, shared by all workers, replaced as a whole.

mod admission;
mod again;
mod cell;
mod compile;
mod edge;
mod listener;
mod pressure;
mod route;
mod upstreams;
mod whole;

pub use admission::{Admission, Admitted};
pub use cell::Cell;
pub use compile::{CompileProblem, compile};
pub use listener::Listener;
pub use pressure::{Lateness, Pressure};
pub use route::{Action, Route};
pub use upstreams::Change;
pub use whole::Snapshot;
