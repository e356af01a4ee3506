//! The command line.

use std::path::PathBuf;

use clap::Parser;

use crate::peer::Peer;
use crate::work::{self, Work};

/// CPU time per request of Tidegate and its peers, on the same work, in turns.
#[derive(Parser)]
pub(crate) struct Args {
    /// How often every peer does every work; the median counts
    #[arg(long, default_value_t = 5)]
    pub(crate) rounds: usize,
    /// Seconds of one measurement
    #[arg(long, default_value_t = 5)]
    pub(crate) seconds: u64,
    /// What to measure, in this order [default: all]
    #[arg(long, value_delimiter = ',', value_parser = work::parse)]
    pub(crate) work: Vec<&'static Work>,
    /// Which proxies; nginx is always among them, as the measure of the others [default: all that are installed]
    #[arg(long, value_delimiter = ',')]
    pub(crate) peers: Vec<Peer>,
    /// Where to write the figures of every round
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
    /// The tidegate binary
    #[arg(long, default_value = env!("CARGO_BIN_EXE_tidegate"))]
    pub(crate) tidegate: PathBuf,
    /// The core of the proxy
    #[arg(long, default_value_t = 0)]
    pub(crate) proxy_core: usize,
    /// The core of the origin and the load generator
    #[arg(long, default_value_t = 1)]
    pub(crate) load_core: usize,
    /// `cargo bench` passes this
    #[arg(long, hide = true)]
    bench: bool,
}
