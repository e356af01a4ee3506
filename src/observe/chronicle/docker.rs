//! What the labels of containers have come to.

use std::sync::Arc;
use std::time::SystemTime;

use serde::{Serialize, Serializer};

use super::event::time;

/// The engine and its containers, as they are now.
#[derive(Clone, Debug, Serialize)]
pub struct DockerState {
    /// `starting`, `answers` or `unreachable`
    pub engine: &'static str,
    /// When it answered last.
    #[serde(serialize_with = "perhaps")]
    pub answered: Option<SystemTime>,
    /// Why it does not.
    pub error: Option<String>,
    /// What is in force.
    pub endpoints: Vec<DockerEndpoint>,
    /// What is not done.
    pub unheard: Vec<DockerUnheard>,
}

impl Default for DockerState {
    fn default() -> Self {
        Self { engine: "starting", answered: None, error: None, endpoints: Vec::new(), unheard: Vec::new() }
    }
}

/// A container that takes requests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DockerEndpoint {
    /// Its name.
    pub container: String,
    /// Of which upstream.
    pub upstream: Arc<str>,
    /// Where.
    pub address: String,
}

/// A container that does not get what it asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct DockerUnheard {
    /// Its name.
    pub container: String,
    /// Which label.
    pub label: String,
    /// Why.
    pub message: String,
}

/// A label that is not heard, when that was found.
#[derive(Clone, Debug, Serialize)]
pub struct DockerEvent {
    /// When.
    #[serde(serialize_with = "time")]
    pub time: SystemTime,
    /// The container's name.
    pub container: String,
    /// Which label.
    pub label: String,
    /// Why.
    pub message: String,
}

fn perhaps<S: Serializer>(at: &Option<SystemTime>, out: S) -> Result<S::Ok, S::Error> {
    match at {
        Some(at) => time(at, out),
        None => out.serialize_none(),
    }
}
