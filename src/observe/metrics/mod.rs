//! Counters: each worker writes its own cells, the control thread adds them up when somebody asks.
//!
//! Series are made when names are: [`Metrics::assign`] turns the names of a config into numbers (control thread, while a
//! config is compiled), and the request path only uses the numbers. So the count of series is bounded by the config.

mod registry;
mod worker;

mod cells;
mod routes;
mod sums;

pub(crate) mod histogram;

pub(crate) mod compression;
mod totals;

mod cached;
mod dialect;
mod exposition;
mod process;
mod render;

pub use cached::REASONS as CACHE_REASONS;
pub(crate) use cells::{BUCKETS, Cells, HISTOGRAM as CELLS_OF_HISTOGRAM, bound};
pub use compression::{Compressed, Decoded, Uncompressed, Undecoded};
pub use dialect::Dialect;
pub use exposition::{Exposition, Family, Kind, Label, Seconds};
pub use process::Process;
pub use registry::{LogCounts, Metrics};
pub use routes::{Counts, RouteCounts, since};
pub(crate) use sums::Sums;
#[cfg(test)]
pub(crate) use sums::UpstreamSums;
pub use totals::{RouteTotals, Totals, UpstreamTotals};
pub use worker::{Handshake, Refused, WorkerMetrics};

#[cfg(test)]
mod tests;
