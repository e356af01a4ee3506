//! A snapshot that was in force and comes back.

use super::Snapshot;
use super::compile::store;

impl Snapshot {
    /// The same one, to be put in force in the place of `now`: with its endpoints and their state, under the next generation. A store
    /// that was closed meanwhile is replaced.
    pub fn again(&self, now: &Self) -> Self {
        Self { generation: now.generation + 1, cache: store(&self.model, &self.routes, Some(now)), ..self.clone() }
    }
}
