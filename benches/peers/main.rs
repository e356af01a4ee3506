//! What a request costs, beside the proxies that people use today.
//!
//! ```text
//! cargo bench --bench peers -- --rounds 5 --work small,small-log --peers nginx,tidegate --json peers.json
//! cargo bench --bench peers -- --rounds 3 --seconds 2 --svg docs/performance.svg --markdown docs/performance.md
//! ```
//!
//! Every peer does the same work in turns within a round: the proxy with one worker pinned to one core, the origin (nginx) and
//! the load generator (wrk, h2load, or one of this program) on another. The figure that counts is the CPU time of the proxy's whole
//! process tree per request, as a ratio to nginx in the same round: it holds still where requests per second do not.
//! `docs/benchmarks.md` says how to read it.

mod args;
mod certificate;
mod check;
mod cpu;
mod figure;
mod load;
mod origin;
mod peer;
mod plan;
mod process;
mod report;
mod run;
#[allow(dead_code, reason = "the bench `compression` uses the rest of it")]
#[path = "../samples.rs"]
mod samples;
mod scratch;
mod work;

use std::path::Path;

use args::Args;
use clap::Parser;
use report::Report;

fn main() {
    let args = Args::parse();
    if let Err(problem) = run::all(&args).and_then(|report| write(&args, report.as_ref())) {
        eprintln!("peers: {problem}");
        std::process::exit(1);
    }
}

/// Everything that was asked for; nothing where only the plan was.
fn write(args: &Args, report: Option<&Report>) -> Result<(), String> {
    let Some(report) = report else { return Ok(()) };
    print!("{}", report.table());
    let write = |path: &Path, text: String| {
        std::fs::write(path, text).map_err(|error| format!("cannot write {}: {error}", path.display()))
    };
    if let Some(path) = &args.json {
        write(path, report.json())?;
    }
    if let Some(path) = &args.svg {
        write(path, report.svg())?;
    }
    if let Some(path) = &args.markdown {
        let page = std::fs::read_to_string(path).unwrap_or_default();
        write(path, report::placed(&page, &report.markdown(args)))?;
    }
    Ok(())
}
