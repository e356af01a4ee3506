//! What the server shows to the admin address.

use std::pin::Pin;
use std::sync::Arc;
use std::time::SystemTime;

use crate::config::model::Model;
use crate::observe::metrics::{Exposition, Metrics};

/// What the admin address can see and do. The server implements it; the tests have one of their own.
pub trait Surface {
    /// Whether traffic should come here.
    fn readiness(&self) -> Readiness;

    /// The config in force.
    fn world(&self) -> World;

    /// The live state of an upstream's endpoints, by name. Endpoints that are missing here are shown as the config has them.
    fn endpoints(&self, upstream: &str) -> Vec<EndpointState>;

    /// The counters.
    fn metrics(&self) -> Arc<Metrics>;

    /// Adds families that are not counted by workers, such as the state of endpoints.
    fn expose(&self, _out: &mut Exposition) {}

    /// Reads the config again and puts it in force, or leaves everything as it is.
    fn reload(&self) -> ReloadOutcome;
}

/// The generation that is in force after a reload, or why nothing changed.
pub type ReloadOutcome = Pin<Box<dyn Future<Output = Result<u64, Refusal>>>>;

/// Why a reload changed nothing.
#[derive(Clone, Debug, PartialEq)]
pub struct Refusal {
    /// One sentence.
    pub message: String,
    /// The problems of the config as `check` gives them to machines; an empty array where the config is not the reason.
    pub problems: serde_json::Value,
}

/// Whether traffic should come here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Listeners are not open yet.
    Starting,
    /// Yes.
    Ready,
    /// No new traffic: what is under way is finished, then the program ends.
    Draining,
}

impl Readiness {
    /// The word in the answer of `/readyz`.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Starting => "starting",
            Self::Ready => "ready",
            Self::Draining => "draining",
        }
    }
}

/// The config in force.
#[derive(Clone, Debug)]
pub struct World {
    /// Its generation.
    pub generation: u64,
    /// When it came into force.
    pub loaded: SystemTime,
    /// What it means.
    pub model: Arc<Model>,
}

/// One endpoint as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointState {
    /// The address as the config has it.
    pub address: String,
    /// One word: `up`, `down`, `ejected`, `draining`, or `unknown` where nothing says anything.
    pub state: &'static str,
    /// Why it is down or ejected, one word; empty where it is neither.
    pub reason: &'static str,
    /// Exchanges that it works on, of all workers.
    pub in_flight: u64,
}
