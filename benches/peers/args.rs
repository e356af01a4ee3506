//! The command line.

use std::path::PathBuf;

use clap::Parser;

use crate::peer::Peer;
use crate::work::{self, Work};

/// CPU time per request of Tidegate and its peers, on the same work, in turns.
#[derive(Parser)]
pub(crate) struct Args {
    /// How often every peer does every work; the least CPU time counts, and the median of everything else
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
    /// The access log is on in every work
    #[arg(long)]
    pub(crate) log: bool,
    /// Workers of every proxy, each with a core, from `--proxy-core` on [default: as the work says]
    #[arg(long)]
    pub(crate) workers: Option<usize>,
    /// Where to write the figures of every round
    #[arg(long)]
    pub(crate) json: Option<PathBuf>,
    /// Where to draw the ratios to nginx
    #[arg(long)]
    pub(crate) svg: Option<PathBuf>,
    /// Where to write tables in Markdown: between the lines `<!-- table -->` and `<!-- /table -->` where the file has them
    #[arg(long)]
    pub(crate) markdown: Option<PathBuf>,
    /// Say what would be measured and how long it takes, and end
    #[arg(long)]
    pub(crate) plan: bool,
    /// A folder with programs of peers, looked into before PATH; may be given several times
    #[arg(long = "bin")]
    pub(crate) folders: Vec<PathBuf>,
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
