//! The access log: one line for each exchange, written off the workers.
//!
//! A worker formats lines into a buffer of its own and hands whole batches to one writer thread through a bounded queue.
//! The writer has a thread to itself, because a write to a full pipe blocks for as long as nobody reads, and nothing else
//! may wait for that. When the queue is full, or the sink refuses, lines are dropped and counted; a request is never delayed.

mod control;
mod worker;
mod writer;

mod fields;
mod format;

pub use control::{AccessLog, AccessLogError, Prepared};
pub use fields::Field;
pub use format::{Format, Template, TemplateError};
pub use worker::WorkerAccessLog;

pub(crate) use control::Destination;
pub(crate) use fields::{Facts, Value};
pub(crate) use format::json_line;

#[cfg(test)]
mod tests;
