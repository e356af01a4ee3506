//! What a request costs, beside the proxies that people use today.
//!
//! ```text
//! cargo bench --bench peers -- --rounds 5 --work small,small-log --peers nginx,tidegate --json peers.json
//! ```
//!
//! Every peer does the same work in turns within a round: the proxy with one worker pinned to one core, the origin (nginx) and
//! the load generator (wrk, or h2load for HTTP/2) on another. The figure that counts is the CPU time of the proxy's whole
//! process tree per request, as a ratio to nginx in the same round: it holds still where requests per second do not.
//! `docs/benchmarks.md` says how to read it.

mod args;
mod certificate;
mod cpu;
mod load;
mod origin;
mod peer;
mod process;
mod report;
mod run;
mod scratch;
mod work;

use args::Args;
use clap::Parser;

fn main() {
    let args = Args::parse();
    match run::all(&args) {
        Ok(report) => {
            print!("{}", report.table());
            if let Some(path) = &args.json
                && let Err(error) = std::fs::write(path, report.json())
            {
                eprintln!("peers: cannot write {}: {error}", path.display());
                std::process::exit(1);
            }
        }
        Err(problem) => {
            eprintln!("peers: {problem}");
            std::process::exit(1);
        }
    }
}
