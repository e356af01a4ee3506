//! What the guard of reloads does.

use std::sync::Arc;
use std::time::SystemTime;

use serde::Serialize;

use super::event::time;

/// The guard as it is now.
#[derive(Clone, Debug, Serialize)]
pub struct GuardState {
    /// `off`, `ready`, or `watching`
    pub state: &'static str,
    /// What it watches.
    pub watch: Option<GuardWatch>,
    /// How it decided the last time.
    pub last: Option<GuardVerdict>,
    /// The config that it does not take again.
    pub refused: Option<GuardRefusal>,
}

impl Default for GuardState {
    fn default() -> Self {
        Self { state: "off", watch: None, last: None, refused: None }
    }
}

/// A config that is being watched.
#[derive(Clone, Debug, Serialize)]
pub struct GuardWatch {
    /// Of the config that is tried.
    pub generation: u64,
    /// Of the one to go back to.
    pub back_to: u64,
    /// When it was put in force.
    #[serde(serialize_with = "time")]
    pub since: SystemTime,
    /// When that is decided at the latest, unless requests are missing.
    #[serde(serialize_with = "time")]
    pub until: SystemTime,
    /// What is compared; of many, the first ones.
    pub groups: Vec<GuardGroup>,
}

/// Requests that are compared.
#[derive(Clone, Debug, Serialize)]
pub struct GuardGroup {
    /// Which.
    pub name: String,
    /// Before the reload.
    pub before: GuardCounts,
    /// Since.
    pub after: GuardCounts,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct GuardCounts {
    /// Exchanges that ended.
    pub requests: u64,
    /// Those that failed.
    pub errors: u64,
    /// Of 20 the slowest; none where there was no request.
    pub p95_ms: Option<f64>,
}

/// How it was decided.
#[derive(Clone, Debug, Serialize)]
pub struct GuardVerdict {
    /// When.
    #[serde(serialize_with = "time")]
    pub time: SystemTime,
    /// The config that was tried.
    pub generation: u64,
    /// `kept`, `undecided`, `rolled_back`, `replaced` or `stuck`
    pub verdict: &'static str,
    /// `error_rate` or `latency`, where it was taken back.
    pub cause: Option<&'static str>,
    /// One sentence.
    pub message: Arc<str>,
}

/// A config that is not taken again.
#[derive(Clone, Debug, Serialize)]
pub struct GuardRefusal {
    /// Since when.
    #[serde(serialize_with = "time")]
    pub since: SystemTime,
    /// Why.
    pub message: Arc<str>,
}

/// Something that the guard did.
#[derive(Clone, Debug, Serialize)]
pub struct GuardEvent {
    /// When.
    #[serde(serialize_with = "time")]
    pub time: SystemTime,
    /// `watching`, or a verdict.
    pub event: &'static str,
    /// The config that is tried.
    pub generation: u64,
    /// One sentence.
    pub message: Arc<str>,
}
