//! The command line: what is asked for, and what is answered on the terminal.
//!
//! Exit status: 0 done, 1 failed, 2 wrong usage. Results go to stdout, problems to stderr; colours only to a terminal.

mod args;
mod check;
mod deep;
pub mod explain;
mod find;
mod terminal;

use std::process::ExitCode;

use clap::Parser as _;

pub use args::{Args, CheckArgs, Command, ConfigFile, ExplainArgs, ProxyArgs, RunArgs};
pub use deep::deep_problems;
pub use find::{NoConfig, config_file};

use crate::config;
use terminal::print;

/// Does what the command line of this process asks for.
pub fn run() -> ExitCode {
    match Args::parse().command {
        Command::Check(args) => check::check(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Defaults => print(&config::reference::text()),
        Command::Schema => print(&format!("{:#}\n", config::schema::json())),
    }
}

/// An environment variable for `${NAME}` in the config; one that is not UTF-8 counts as not set.
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
