//! What the server shows to the admin address.

use std::collections::BTreeMap;
use std::fmt;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::time::SystemTime;

use bytes::Bytes;
use tokio::sync::mpsc::Receiver;

use crate::cache::Store;
use crate::config::model::Model;
use crate::observe::chronicle::Chronicle;
use crate::observe::lookout::Filter;
use crate::observe::metrics::{Exposition, Metrics};

/// What the admin address can see and do. The server implements it; the tests have one of their own.
pub trait Surface {
    /// Whether traffic should come here.
    fn readiness(&self) -> Readiness;

    /// The config in force.
    fn world(&self) -> World;

    /// An upstream's endpoints as they are now, by its name.
    fn endpoints(&self, upstream: &str) -> Vec<EndpointState>;

    /// Keeps an endpoint out, or takes it back in. What runs on it may finish.
    ///
    /// # Errors
    /// Where there is no such endpoint.
    fn drain(&self, upstream: &str, endpoint: &str, drained: bool) -> Result<(), Unknown>;

    /// The weights of a route's split that are in force, by upstream; `None` where it has none.
    fn weights(&self, route: &str) -> Option<Vec<(Arc<str>, u32)>>;

    /// Changes them, until a config has other weights for that route; `None` takes those of the config.
    ///
    /// # Errors
    /// Where there is no such split or arm, or nothing would be left.
    fn set_weights(&self, route: &str, weights: Option<&BTreeMap<String, u32>>) -> Result<(), Unknown>;

    /// The certificates of all listeners.
    fn certificates(&self) -> Vec<CertificateState>;

    /// What happened lately.
    fn chronicle(&self) -> Rc<Chronicle>;

    /// Exchanges that the filter takes, as they end: lines of the access log in JSON; `None` where too many look on already.
    fn tap(&self, filter: Filter) -> Option<Receiver<Bytes>>;

    /// Which route takes a request and why; the parameters are those of `tidegate explain`.
    ///
    /// # Errors
    /// One sentence, where it is no question.
    fn explain(&self, question: &[(String, String)]) -> Result<serde_json::Value, String>;

    /// The counters.
    fn metrics(&self) -> Arc<Metrics>;

    /// Adds families that are not counted by workers, such as the state of endpoints.
    fn expose(&self, _out: &mut Exposition) {}

    /// The store of the cache, where a route has one.
    fn cache(&self) -> Option<Arc<Store>> {
        None
    }

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

/// What was asked for and is not there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unknown {
    /// No upstream has that name.
    Upstream(String),
    /// The upstream has no such endpoint.
    Endpoint(String),
    /// No route has that name, or it has no split.
    Split(String),
    /// The weights cannot be: why.
    Weights(String),
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Upstream(name) => write!(f, "there is no upstream {name:?}"),
            Self::Endpoint(name) => write!(f, "that upstream has no endpoint {name:?}"),
            Self::Split(name) => write!(f, "there is no route {name:?} with a split"),
            Self::Weights(why) => f.write_str(why),
        }
    }
}

/// One endpoint as it is now.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EndpointState {
    /// The address.
    pub address: String,
    /// The name that has it, where it was looked up.
    pub name: Option<String>,
    /// Its share in relation to the others.
    pub weight: u32,
    /// Used only while no other can be.
    pub backup: bool,
    /// Where it is.
    pub zone: Option<Arc<str>>,
    /// One word: `up`, `down`, `ejected`, `draining`, or `unknown` where nothing says anything.
    pub state: &'static str,
    /// Why it is down or ejected, one word; empty where it is neither.
    pub reason: &'static str,
    /// For how many seconds it is still ejected.
    pub ejected_for: Option<f64>,
    /// How often it was ejected.
    pub ejections: u64,
    /// What the latest probe complained of.
    pub probe_failure: Option<String>,
    /// Exchanges that it works on, of all workers.
    pub in_flight: u64,
    /// Connections to it.
    pub connections: u64,
    /// How long it takes to the first byte, lately, in milliseconds; `None` where that was not measured.
    pub latency_ms: Option<f64>,
    /// Attempts that it answered, or not.
    pub attempts: u64,
    /// Of these, those that failed or were answered with 5xx.
    pub failures: u64,
}

/// One certificate of a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateState {
    /// The listener's name.
    pub listener: Arc<str>,
    /// What it is good for.
    pub names: Vec<String>,
    /// Where it is from: a file, or that it was made here.
    pub source: String,
    /// The end of its time.
    pub not_after: SystemTime,
}
