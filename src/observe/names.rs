//! Small numbers for the names of the config, so that an exchange carries no shared text.
//!
//! A clone of an `Arc<str>` is a write to a line of memory that all workers share. A number is none; the access log
//! turns it back into text from a table that each worker keeps, and the metrics use it as an index.
//!
//! A name keeps its number over reloads. A name that is in no config any more is retired; its number is given to a new
//! name only after [`KEPT`] others were retired behind it, so that memory stays flat however often names change.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// How many retired names of a kind keep their numbers, and so their counters.
pub(crate) const KEPT: usize = 256;

/// The place of a listener's name in the tables; it stays the same over reloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ListenerId(pub(crate) u32);

/// The place of a route's name in the tables; it stays the same over reloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RouteId(pub(crate) u32);

/// The place of an upstream's name in the tables; it stays the same over reloads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UpstreamId(pub(crate) u32);

impl RouteId {
    /// Stands for no route: no name matched, or the request was not understood. Its name is empty.
    pub const NONE: Self = Self(0);
}

/// The numbers of a config's names, each list in the order in which the names were given.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ids {
    /// Of `[listeners.*]`
    pub listeners: Vec<ListenerId>,
    /// Of `[[routes]]`
    pub routes: Vec<RouteId>,
    /// Of `[upstreams.*]`
    pub upstreams: Vec<UpstreamId>,
}

/// The names behind the numbers, at one moment.
#[derive(Clone, Debug, Default)]
pub struct Names {
    pub(crate) listeners: Vec<Arc<str>>,
    pub(crate) routes: Vec<Arc<str>>,
    pub(crate) upstreams: Vec<Arc<str>>,
}

impl Names {
    /// The names of upstreams by their numbers.
    pub(crate) fn upstreams(&self) -> &[Arc<str>] {
        &self.upstreams
    }

    /// The name of a listener; empty where the number is unknown.
    pub fn listener(&self, id: ListenerId) -> &str {
        self.listeners.get(id.0 as usize).map_or("", |name| name)
    }

    /// The name of a route; empty where there is none.
    pub fn route(&self, id: RouteId) -> &str {
        self.routes.get(id.0 as usize).map_or("", |name| name)
    }

    /// The name of an upstream; empty where the number is unknown.
    pub fn upstream(&self, id: UpstreamId) -> &str {
        self.upstreams.get(id.0 as usize).map_or("", |name| name)
    }
}

/// The numbers given out for one kind of name.
#[derive(Debug, Default)]
pub(crate) struct Numbers {
    names: Vec<Arc<str>>,
    by_name: HashMap<Arc<str>, u32>,
    /// For each number the turn at which it was retired.
    retired_at: Vec<Option<u64>>,
    retired: BTreeMap<u64, u32>,
    turn: u64,
}

/// A number and whether it belonged to another name before.
pub(crate) struct Assigned {
    pub(crate) id: u32,
    pub(crate) reused: bool,
}

impl Numbers {
    /// The number of that name: the one it has, or a retired one, or a new one.
    pub(crate) fn assign(&mut self, name: &Arc<str>) -> Assigned {
        if let Some(&id) = self.by_name.get(name) {
            if let Some(turn) = self.retired_at[id as usize].take() {
                self.retired.remove(&turn);
            }
            return Assigned { id, reused: false };
        }
        let oldest = (self.retired.len() > KEPT).then(|| self.retired.pop_first()).flatten();
        let id = oldest.map_or(self.names.len() as u32, |(_, id)| id);
        if oldest.is_some() {
            self.by_name.remove(&self.names[id as usize]);
            self.names[id as usize] = name.clone();
            self.retired_at[id as usize] = None;
        } else {
            self.names.push(name.clone());
            self.retired_at.push(None);
        }
        self.by_name.insert(name.clone(), id);
        Assigned { id, reused: oldest.is_some() }
    }

    /// Retires every name but these.
    pub(crate) fn keep(&mut self, in_use: impl Iterator<Item = u32>) {
        let mut used = vec![false; self.names.len()];
        in_use.for_each(|id| used[id as usize] = true);
        for (id, used) in used.into_iter().enumerate() {
            if !used && self.retired_at[id].is_none() {
                self.retired_at[id] = Some(self.turn);
                self.retired.insert(self.turn, id as u32);
                self.turn += 1;
            }
        }
    }

    pub(crate) fn names(&self) -> &[Arc<str>] {
        &self.names
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_number_and_numbers_stay_few() {
        let mut numbers = Numbers::default();
        let stays: Arc<str> = "stays".into();
        let first = numbers.assign(&stays).id;
        for round in 0..5_000 {
            let passing: Arc<str> = format!("r{round}").into();
            let passing = numbers.assign(&passing).id;
            assert_eq!(numbers.assign(&stays).id, first);
            numbers.keep([first, passing].into_iter());
        }
        assert!(numbers.names().len() <= KEPT + 4, "{}", numbers.names().len());
        assert_eq!(numbers.by_name.len(), numbers.names().len());
    }

    #[test]
    fn a_retired_name_that_returns_has_its_number_again() {
        let mut numbers = Numbers::default();
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        let a_id = numbers.assign(&a).id;
        numbers.keep(std::iter::empty());
        let b_id = numbers.assign(&b).id;
        assert_ne!(a_id, b_id);
        let again = numbers.assign(&a);
        assert_eq!((again.id, again.reused), (a_id, false));
        assert!(numbers.retired.is_empty());
    }
}
