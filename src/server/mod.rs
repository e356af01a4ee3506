//! The running program: worker threads that serve, and a control thread that does everything else.
//!
//! The control thread reads configs, binds, resolves names, watches files and takes signals. It tells workers by orders; no worker waits for it.

mod begin;
mod connection;
mod control;
mod descriptors;
mod discovery;
mod disk;
mod export;
mod exposed;
mod jwks;
mod listeners;
mod outliers;
mod pid_file;
mod pressure;
mod pulse;
mod refusals;
mod signals;
mod start_error;
mod stop;
mod supervisor;
mod surface;
mod sweeps;
mod tap;
mod upgrade;
mod worker;

pub use control::{Options, Ready, run};
pub use start_error::StartError;
pub use surface::Explain;
