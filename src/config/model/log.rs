//! `[log]`

use std::path::PathBuf;

/// `[log]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    /// `level`: off, error, warn, info, debug, trace
    pub level: LogLevel,
    /// `format` of the program's own log on stderr
    pub format: LogFormat,
    /// `access`
    pub access: AccessSink,
    /// `access_format`
    pub access_format: AccessFormat,
}

/// `log.level`
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// Nothing.
    Off,
    /// What broke.
    Error,
    /// What will break.
    Warn,
    /// What changed (default).
    Info,
    /// For developers.
    Debug,
    /// Everything.
    Trace,
}

/// `log.format`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// One readable line an event (default).
    Text,
    /// One JSON object an event.
    Json,
}

/// `log.access`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessSink {
    /// `"off"`
    Off,
    /// `"stdout"` (default)
    Stdout,
    /// A file's path; reopened on SIGUSR1
    File(PathBuf),
}

/// `log.access_format`
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AccessFormat {
    /// `"json"` (default)
    Json,
    /// `"combined"`: the Apache format
    Combined,
    /// Anything with a `{field}` in it: a template, checked when the config is read
    Template(String),
}
