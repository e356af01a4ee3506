//! Counters: each worker writes its own cells, the control thread adds them up when somebody asks.
//!
//! Series are made when names are: [`Metrics::assign`] turns the names of a config into numbers (control thread, while a
//! config is compiled), and the request path only uses the numbers. So the count of series is bounded by the config.

mod registry;
mod worker;

mod cells;
pub(crate) mod compression;
mod totals;

mod exposition;
mod process;
mod render;

pub use compression::Uncompressed;
pub use exposition::{Exposition, Family, Kind, Label, Seconds};
pub use process::Process;
pub use registry::{LogCounts, Metrics};
pub use totals::{RouteTotals, Totals, UpstreamTotals};
pub use worker::{Handshake, Refused, WorkerMetrics};

#[cfg(test)]
mod tests;
