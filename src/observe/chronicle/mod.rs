//! What happened lately: a bounded memory of the control thread, for whoever looks at the admin address.
//!
//! Nothing here is written by a worker. Counters go on for ever; this forgets what is old.

mod docker;
mod event;
mod failure;
mod guard;
mod ring;
mod sample;
mod series;

pub use docker::{DockerEndpoint, DockerEvent, DockerState, DockerUnheard};
pub use event::{EndpointEvent, Event, Reloaded};
pub use failure::Failures;
pub use guard::{GuardCounts, GuardEvent, GuardGroup, GuardRefusal, GuardState, GuardVerdict, GuardWatch};
pub use ring::Ring;
pub use sample::{Classes, Sample, Served, UpstreamSample};
pub use series::{Resolution, Series};

use std::cell::RefCell;

/// Reloads that are remembered.
const RELOADS: usize = 100;
/// Changes of endpoints, and what the guard did, that are remembered.
const EVENTS: usize = 500;

/// All of it.
pub struct Chronicle {
    /// Configs that were put in force or refused, the oldest first.
    pub reloads: RefCell<Ring<Reloaded>>,
    /// What became of endpoints, and what the guard did, the oldest first.
    pub events: RefCell<Ring<Event>>,
    /// The engine and its containers as they are now; none where none is asked.
    pub docker: RefCell<Option<DockerState>>,
    /// The guard of reloads as it is now.
    pub guard: RefCell<GuardState>,
    /// Exchanges that failed.
    pub failures: RefCell<Failures>,
    /// How the traffic was.
    pub series: RefCell<Series>,
}

impl Default for Chronicle {
    fn default() -> Self {
        Self {
            reloads: RefCell::new(Ring::new(RELOADS)),
            events: RefCell::new(Ring::new(EVENTS)),
            docker: RefCell::default(),
            guard: RefCell::default(),
            failures: RefCell::default(),
            series: RefCell::default(),
        }
    }
}
