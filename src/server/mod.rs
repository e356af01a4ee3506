//! The running program: worker threads that serve, and a control thread that does everything else.
//!
//! The control thread reads configs, binds, resolves names, watches files and takes signals. It tells workers by orders; no worker waits for it.

mod connection;
mod control;
mod exposed;
mod listeners;
mod outliers;
mod stop;
mod surface;
mod worker;

pub use control::{Options, Ready, StartError, run};
