//! A config becomes the running world as a transaction: prepare (can fail, changes nothing) -> publish (cannot fail) -> retire.
//!
//! Here is the first part, and the watch over the files. What is bound and told to workers is the server's.

pub mod guard;
mod prepare;
mod watch;

pub use prepare::{Prepared, Source, prepare, prepare_again, read_endpoints, read_files};
pub use watch::Watch;
