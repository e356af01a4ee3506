//! The command line: what is asked for, and what is answered on the terminal.
//!
//! Exit status: 0 done, 1 failed, 2 wrong usage. Results go to stdout, problems to stderr; colours only to a terminal.

mod args;
mod check;
mod deep;
mod demo;
pub mod explain;
mod find;
mod terminal;

use std::process::ExitCode;

use clap::Parser as _;

pub use args::{Args, CheckArgs, Command, ConfigFile, ExplainArgs, ProxyArgs, RunArgs};
pub use deep::deep_problems;
pub use find::{NoConfig, config_file};

use crate::config;
use crate::reload::Source;
use crate::server::{self, Options};
use terminal::print;

/// Does what the command line of this process asks for.
pub fn run() -> ExitCode {
    match Args::parse().command {
        Command::Demo => demo::demo(),
        Command::Run(args) => match config_file(&args.file) {
            Ok(path) => server::run(Options { source: Source::File(path), ready: None }),
            Err(error) => terminal::fail(&error.to_string()),
        },
        Command::Proxy(ProxyArgs { from, to }) => {
            server::run(Options { source: Source::Proxy { from, to }, ready: None })
        }
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
