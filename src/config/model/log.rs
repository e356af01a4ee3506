//! `[log]`

use std::path::PathBuf;

use super::UpstreamTls;

/// `[log]`
#[derive(Clone, Debug, PartialEq)]
pub struct Log {
    /// `level`: off, error, warn, info, debug, trace
    pub level: LogLevel,
    /// `format` of the program's own log on stderr
    pub format: LogFormat,
    /// `access`
    pub access: AccessSink,
    /// `access_format`
    pub access_format: AccessFormat,
    /// `sample`, 0 to 1: the share of exchanges that did not fail which is written
    pub sample: f64,
    /// What is kept out
    pub redaction: LogRedaction,
}

impl Default for Log {
    fn default() -> Self {
        Self {
            level: LogLevel::Info,
            format: LogFormat::Text,
            access: AccessSink::Stdout,
            access_format: AccessFormat::Json,
            sample: 1.0,
            redaction: LogRedaction::default(),
        }
    }
}

/// What is kept out of the access log, of taps and traces.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogRedaction {
    /// `query`: of the target and of `Referer`
    pub query: LogQuery,
    /// `query_keep`: parameters whose values are logged all the same
    pub query_keep: Vec<String>,
    /// `client`: of the client's address
    pub client: LogClient,
    /// `omit`: names of fields, checked
    pub omit: Vec<String>,
}

/// `log.query`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogQuery {
    /// Names of parameters are logged, values are not (default).
    #[default]
    Redact,
    /// All of it is logged.
    Keep,
    /// Only that there was one.
    Drop,
}

/// `log.client`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LogClient {
    /// The address is logged (default).
    #[default]
    Keep,
    /// Its network is: 24 bits of IPv4, 48 of IPv6.
    Mask,
    /// Nothing is.
    Drop,
}

/// `[tracing]`
#[derive(Clone, Debug, PartialEq)]
pub struct Tracing {
    /// `protocol` that the collector speaks
    pub protocol: Otlp,
    /// `endpoint`: where the collector is; absent: exchanges have a place in a trace, and nobody is told
    pub endpoint: Option<Collector>,
    /// `sample`, 0 to 1: the share of traces that begin here which is told
    pub sample: f64,
    /// `follow_parent`: whoever began the trace decides
    pub follow_parent: bool,
    /// `service_name`
    pub service_name: String,
    /// `tls` to the collector, where its URL is of `https`
    pub tls: UpstreamTls,
    /// `headers` of the requests to the collector
    pub headers: Vec<(http::HeaderName, http::HeaderValue)>,
}

/// `tracing.protocol`
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Otlp {
    /// Requests of HTTP/1.1 with a body of protobuf (default).
    #[default]
    Http,
    /// Calls of gRPC.
    Grpc,
}

/// A URL of an OTLP collector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Collector {
    /// Whether it is `https`.
    pub tls: bool,
    /// Host and port.
    pub authority: String,
    /// The host alone.
    pub host: String,
    /// The port.
    pub port: u16,
    /// Path of the traces, such as `/v1/traces`; empty where none is said.
    pub path: String,
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

impl LogLevel {
    /// All of them, from nothing to everything.
    pub const ALL: [Self; 6] = [Self::Off, Self::Error, Self::Warn, Self::Info, Self::Debug, Self::Trace];

    /// The word.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        }
    }
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
