//! The compiled matcher: host, then path, then predicates.

use std::cell::RefCell;
use std::collections::{BTreeMap, HashMap};

use rustc_hash::FxHashMap;

use super::host::{self, HostBuffer};
use super::table::{Candidate, Table};
use super::{Lookup, RouteIndex};
use crate::config::model::{HostPattern, Route};
use crate::http::normal;

thread_local! {
    /// For the few paths that are not in normal form, so that a lookup allocates nothing; it grows to the longest path.
    static ROOM: RefCell<String> = const { RefCell::new(String::new()) };
}

/// All routes of a config, ready to be searched. Immutable, and shared by all workers.
#[derive(Debug)]
pub struct Router {
    exact: FxHashMap<Box<[u8]>, u32>,
    /// By what follows the `*.`
    wildcard: FxHashMap<Box<[u8]>, u32>,
    /// Lengths of the shortest and the longest key of `wildcard`, so that most labels need no search.
    wildcard_lengths: (usize, usize),
    any: Option<u32>,
    tables: Vec<Table>,
}

/// For which hosts a route stands, in a config.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Exact(Box<[u8]>),
    Wildcard(Box<[u8]>),
    Any,
}

impl Router {
    /// Compiles the routes of a config with that many listeners.
    ///
    /// # Panics
    /// Never for a config that fits into memory: it has fewer than 2^32 routes.
    pub fn compile(routes: &[Route], listener_count: usize) -> Self {
        let index = |place: usize| u32::try_from(place).expect("a config has fewer than 2^32 routes");
        let mut by_host: BTreeMap<Key, Vec<u32>> = BTreeMap::new();
        let mut candidates = Vec::with_capacity(routes.len());
        for (place, route) in routes.iter().enumerate() {
            candidates.push(Candidate::compile(index(place), route, listener_count));
            for key in keys(route) {
                by_host.entry(key).or_default().push(index(place));
            }
        }
        let mut router = Self::empty();
        // Hosts with the same routes share a table.
        let mut known: HashMap<Vec<u32>, u32> = HashMap::new();
        for (key, places) in by_host {
            let next = index(router.tables.len());
            let table = *known.entry(places).or_insert_with_key(|places| {
                router.tables.push(Table::compile(places, routes, &candidates));
                next
            });
            router.insert(key, table);
        }
        router
    }

    /// The route that takes the request; none is a 404.
    pub fn find(&self, lookup: &Lookup<'_>) -> Option<RouteIndex> {
        if normal::is_normal(lookup.path) {
            return self.find_normal(lookup);
        }
        ROOM.with_borrow_mut(|room| self.find_normal(&Lookup { path: normal::normal(lookup.path, room), ..*lookup }))
    }

    fn find_normal(&self, lookup: &Lookup<'_>) -> Option<RouteIndex> {
        let search = |table: &u32| self.tables[*table as usize].find(lookup);
        if self.exact.is_empty() && self.wildcard.is_empty() {
            return self.any.as_ref().and_then(search);
        }
        let mut room = HostBuffer::new();
        let host = room.normal(lookup.host);
        if let Some(route) = self.exact.get(host).and_then(search) {
            return Some(route);
        }
        if !self.wildcard.is_empty()
            && let Some(route) = self.wildcards(host).find_map(|table| search(&table))
        {
            return Some(route);
        }
        self.any.as_ref().and_then(search)
    }

    /// Tables of the wildcards that cover the host, the longest first.
    fn wildcards(&self, host: &[u8]) -> impl Iterator<Item = u32> {
        let (shortest, longest) = self.wildcard_lengths;
        let suffixes = memchr::memchr_iter(b'.', host).filter(|dot| *dot > 0).map(|dot| &host[dot + 1..]);
        suffixes
            .filter(move |suffix| (shortest..=longest).contains(&suffix.len()))
            .filter_map(|suffix| self.wildcard.get(suffix).copied())
    }

    fn empty() -> Self {
        Self {
            exact: FxHashMap::default(),
            wildcard: FxHashMap::default(),
            wildcard_lengths: (usize::MAX, 0),
            any: None,
            tables: Vec::new(),
        }
    }

    fn insert(&mut self, key: Key, table: u32) {
        match key {
            Key::Exact(host) => drop(self.exact.insert(host, table)),
            Key::Wildcard(suffix) => {
                let (shortest, longest) = self.wildcard_lengths;
                self.wildcard_lengths = (shortest.min(suffix.len()), longest.max(suffix.len()));
                self.wildcard.insert(suffix, table);
            }
            Key::Any => self.any = Some(table),
        }
    }
}

/// Each once.
fn keys(route: &Route) -> Vec<Key> {
    let key = |pattern: &HostPattern| match pattern {
        HostPattern::Exact(host) => Key::Exact(host::normal(host)),
        HostPattern::Wildcard(suffix) => Key::Wildcard(host::normal(suffix)),
    };
    let mut keys: Vec<_> = route.hosts.iter().map(key).collect();
    if keys.is_empty() {
        keys.push(Key::Any);
    }
    keys.sort();
    keys.dedup();
    keys
}
