//! One fetch for a key at a time: who comes second waits for what the first one gets, on whatever thread.
//!
//! The first request leads. Until the head of its response is here the others wait (with a deadline of their own); then they read the
//! body as it arrives ([`super::fill`]), or learn that there is nothing to share and go to the upstream each by itself, at the same time.
//! A leader that is gone before there was a head is followed by one of those that wait.
//!
//! The table is behind a few mutexes, taken on a miss and never on a hit, and never held across a wait.

use std::collections::HashMap;
use std::future::poll_fn;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use slab::Slab;

use super::entry::Entry;
use super::fill::Flow;
use super::key::Key;
use crate::http::range::Span;

/// Mutexes of the table.
const SHARDS: usize = 16;

/// What is fetched: a key, and which of its variants, as far as the variants are known.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FlightKey {
    /// Of the store.
    pub key: Key,
    /// Of the request fields by which variants of the key are chosen.
    pub variant: u64,
}

/// The fetches under way in the process.
#[derive(Debug, Default)]
pub struct Flights {
    shards: [Mutex<HashMap<FlightKey, Arc<Flight>>>; SHARDS],
    hasher: RandomState,
}

/// One fetch.
#[derive(Debug)]
pub struct Flight {
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    Waiting(Slab<Waker>),
    Settled(Settled),
}

/// What a fetch came to, for those that waited.
#[derive(Clone, Debug)]
pub enum Settled {
    /// A response that is being stored: its head, and its body as it arrives.
    Flowing(Arc<Flowing>),
    /// A response that is whole: stored, or the stored one validated.
    Whole(Arc<Entry>),
    /// Nothing that could be shared: each goes to the upstream by itself, and waits for nobody.
    Alone,
    /// Whoever fetched it is gone, and nobody knows why: somebody else leads.
    Left,
}

/// A response on its way into the store.
#[derive(Debug)]
pub struct Flowing {
    /// Its head; its content is empty, or the parts that are here.
    pub head: Entry,
    /// Its body.
    pub flow: Arc<Flow>,
    /// Which octets of the whole that body has, where it is a part.
    pub part: Option<Span>,
}

/// How a request takes part.
#[derive(Debug)]
pub enum Join {
    /// It fetches.
    Lead(Lead),
    /// It waits.
    Follow(Arc<Flight>),
}

/// The duty to settle a flight. Dropped, it leaves it to somebody else.
#[derive(Debug)]
pub struct Lead {
    flights: Arc<Flights>,
    key: FlightKey,
    flight: Arc<Flight>,
}

impl Flights {
    fn shard(&self, key: &FlightKey) -> MutexGuard<'_, HashMap<FlightKey, Arc<Flight>>> {
        let place = self.hasher.hash_one(key) as usize % SHARDS;
        // What the lock guards is whole at every step.
        self.shards[place].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Joins the fetch of that key, or begins it.
    pub fn join(self: &Arc<Self>, key: FlightKey) -> Join {
        let mut shard = self.shard(&key);
        if let Some(flight) = shard.get(&key) {
            return Join::Follow(flight.clone());
        }
        let flight = Arc::new(Flight { state: Mutex::new(State::Waiting(Slab::new())) });
        shard.insert(key.clone(), flight.clone());
        drop(shard);
        Join::Lead(Lead { flights: self.clone(), key, flight })
    }

    /// Leads, unless somebody does.
    pub fn lead(self: &Arc<Self>, key: FlightKey) -> Option<Lead> {
        match self.join(key) {
            Join::Lead(lead) => Some(lead),
            Join::Follow(_) => None,
        }
    }

    /// Nobody joins the fetch of that key any more: what it gets was asked for before the key was made invalid.
    pub fn forget(&self, key: &FlightKey) {
        self.shard(key).remove(key);
    }

    /// How many fetches there are.
    pub fn len(&self) -> usize {
        self.shards.iter().map(|shard| shard.lock().unwrap_or_else(PoisonError::into_inner).len()).sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Flight {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn settle(&self, settled: Settled) {
        let mut state = self.lock();
        if let State::Waiting(waiting) = std::mem::replace(&mut *state, State::Settled(settled)) {
            drop(state);
            waiting.into_iter().for_each(|(_, waker)| waker.wake());
        }
    }

    /// Waits until it is settled.
    pub async fn settled(&self) -> Settled {
        let mut place = Place { flight: self, key: None };
        poll_fn(|cx| match &mut *self.lock() {
            State::Settled(settled) => Poll::Ready(settled.clone()),
            State::Waiting(waiting) => {
                match place.key {
                    Some(key) => waiting[key].clone_from(cx.waker()),
                    None => place.key = Some(waiting.insert(cx.waker().clone())),
                }
                Poll::Pending
            }
        })
        .await
    }
}

/// A place among those that wait; given up when its request is.
struct Place<'a> {
    flight: &'a Flight,
    key: Option<usize>,
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if let (Some(key), State::Waiting(waiting)) = (self.key, &mut *self.flight.lock()) {
            waiting.try_remove(key);
        }
    }
}

impl Lead {
    /// Tells those that wait, and those that come while the flight is in the table.
    pub fn settle(&self, settled: Settled) {
        self.flight.settle(settled);
    }

    /// Takes it out of the table: what it fetched is in the store, or will never be.
    pub fn finish(self) {}

    /// Takes it out of the table already now; the body still flows to those that have joined.
    pub fn leave_table(&self) {
        let mut shard = self.flights.shard(&self.key);
        // Another one may have begun meanwhile.
        if shard.get(&self.key).is_some_and(|flight| Arc::ptr_eq(flight, &self.flight)) {
            shard.remove(&self.key);
        }
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        self.leave_table();
        if matches!(&*self.flight.lock(), State::Waiting(_)) {
            self.flight.settle(Settled::Left);
        }
    }
}
