//! Exchanges as they end, for whoever looks on: the memory of those that failed, and taps.
//!
//! A worker writes a line and puts it into a bounded queue; nobody is woken, the control thread comes by itself. Where the queue is full the
//! line is left out and counted. Without a tap an exchange that did not fail costs a look at one number.

mod filter;
mod taps;
mod worker;

pub use filter::{Filter, FilterError};
pub use taps::{Failed, Lookout, Watch};
pub use worker::WorkerLookout;

#[cfg(test)]
mod tests;
