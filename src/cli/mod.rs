//! The command line: what is asked for, and what is answered on the terminal.
//!
//! Exit status: 0 done, 1 failed, 2 wrong usage. Results go to stdout, problems to stderr; colours only to a terminal.

mod args;
mod ask;
mod check;
mod deep;
mod demo;
mod diff;
mod expected;
pub mod explain;
mod find;
mod healthcheck;
mod tap;
mod terminal;
mod top;
mod upgrade;

use std::process::ExitCode;

use clap::Parser as _;

pub use args::{
    AdminArgs, Args, CheckArgs, Command, ConfigFile, DiffArgs, ExplainArgs, HealthcheckArgs, ProxyArgs, RunArgs,
    TapArgs, TopArgs, UpgradeArgs,
};
pub use ask::{AdminAddress, Unanswered};
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
            Ok(path) => server::run(Options { source: Source::File(path), ready: None, explain: explain::answer }),
            Err(error) => terminal::fail(&error.to_string()),
        },
        Command::Proxy(ProxyArgs { from, to }) => {
            server::run(Options { source: Source::Proxy { from, to }, ready: None, explain: explain::answer })
        }
        Command::Check(args) => check::check(&args),
        Command::Explain(args) => explain::run(&args),
        Command::Diff(args) => diff::run(&args),
        Command::Healthcheck(args) => healthcheck::run(&args),
        Command::Upgrade(args) => upgrade::run(&args),
        Command::Tap(args) => tap::run(&args),
        Command::Top(args) => top::run(&args),
        Command::Defaults => print(&config::reference::text()),
        Command::Schema => print(&format!("{:#}\n", config::schema::json())),
    }
}

/// An environment variable for `${NAME}` in the config; one that is not UTF-8 counts as not set.
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
