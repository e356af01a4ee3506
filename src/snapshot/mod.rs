//! The config in force, as requests read it: immutable, shared by all workers, replaced as a whole.

mod admission;
mod cell;
mod compile;
mod listener;
mod route;
mod whole;

pub use admission::{Admission, Admitted};
pub use cell::Cell;
pub use compile::{CompileProblem, compile};
pub use listener::Listener;
pub use route::{Action, Route};
pub use whole::Snapshot;
