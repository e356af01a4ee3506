//! What happened to the config and to endpoints.

use std::sync::Arc;
use std::time::SystemTime;

use serde::{Serialize, Serializer};

use super::docker::DockerEvent;
use super::guard::GuardEvent;
use crate::observe::rfc3339;

/// A config that was put in force or refused.
#[derive(Clone, Debug, Serialize)]
pub struct Reloaded {
    /// When.
    #[serde(serialize_with = "time")]
    pub time: SystemTime,
    /// Who asked: `start`, `signal`, `file change`, `admin`; or `guard`, `docker`.
    pub cause: &'static str,
    /// `published`, `refused` or `rolled_back`.
    pub result: &'static str,
    /// The generation that is in force since.
    pub generation: u64,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
    /// Why it was refused or taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub message: Option<String>,
    /// The problems of the config as `check` gives them to machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problems: Option<serde_json::Value>,
}

/// Something that happened; `kind` says what it is of.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Event {
    /// An endpoint.
    Endpoint(EndpointEvent),
    /// The guard of reloads.
    Guard(GuardEvent),
    /// A container that is not heard.
    Docker(DockerEvent),
}

/// An endpoint's state became another one.
#[derive(Clone, Debug, Serialize)]
pub struct EndpointEvent {
    /// When it was seen.
    #[serde(serialize_with = "time")]
    pub time: SystemTime,
    /// Of which upstream.
    pub upstream: Arc<str>,
    /// Which.
    pub endpoint: Arc<str>,
    /// The word of its state before; none where it is new.
    pub before: Option<&'static str>,
    /// The word of its state now; none where it has left.
    pub after: Option<&'static str>,
    /// Why, one word, where it is down or ejected.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub reason: &'static str,
}

pub(super) fn time<S: Serializer>(time: &SystemTime, out: S) -> Result<S::Ok, S::Error> {
    out.serialize_str(&rfc3339(*time))
}
