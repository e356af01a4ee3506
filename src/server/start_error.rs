//! Why the program could not start.

use std::fmt;
use std::io::{self, IsTerminal};

use crate::config::Problems;
use crate::observe::access_log::AccessLogError;

/// Why the program could not start. Each is one sentence, or the report of the config's problems.
#[derive(Debug)]
pub enum StartError {
    /// The config cannot be used.
    Config(Problems),
    /// The process before took this config back.
    Refused(String),
    /// Addresses that cannot be bound.
    Bind(Vec<String>),
    /// The access log cannot be opened.
    AccessLog(AccessLogError),
    /// The system gives no thread, no descriptor, no signal.
    System(io::Error),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Config(problems) => f.write_str(&problems.report(io::stderr().is_terminal(), "nothing was started")),
            Self::Refused(why) => f.write_str(why),
            Self::Bind(sentences) => f.write_str(&sentences.join("\n")),
            Self::AccessLog(error) => error.fmt(f),
            Self::System(error) => write!(f, "the system refuses: {error}"),
        }
    }
}
