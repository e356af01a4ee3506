//! What is stored: the one structure that all workers share.
//!
//! A hit is one look-up without a lock: the table is moka's, whose TinyLFU keeps what is asked for often rather than what came last. It is
//! bounded by the octets that keys, fields and bodies really take. Under a key are the variants that `Vary` makes, few and in a list.
//!
//! Writing happens on a miss. The table's own maintenance (the queues of what was read and written, evictions) is done by
//! [`Store::maintain`] on the control thread; a worker helps with a bounded part of it only when a queue is full.

use std::hash::{BuildHasherDefault, Hash, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use moka::Equivalent;
use moka::notification::RemovalCause;
use moka::ops::compute::Op;
use moka::sync::Cache;

use super::budget::Budget;
use super::entry::Entry;
use super::fill::Flow;
use super::flight::Flights;
use super::key::{Key, KeyRef};
use super::policy::Millis;
use super::purge::{Purges, Scope, Standing};
use crate::http::{Headers, Length};

/// Octets that the table itself takes for a key: its node, its place in two queues, two reference counts.
const NODE: usize = 256;
/// Bodies that are being filled may take this part of the memory, beside what is stored.
const FILLING_PART: u64 = 4;

/// What bounds a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Octets.
    pub memory: u64,
    /// Variants of a key.
    pub variants: usize,
}

/// Stored responses.
#[derive(Debug)]
pub struct Store {
    table: Cache<Stored, Arc<Slot>, BuildHasherDefault<Pass>>,
    limits: Limits,
    seed: u64,
    /// What was made invalid.
    pub purges: Purges,
    /// Fetches under way.
    pub flights: Arc<Flights>,
    /// Room for bodies that are being filled.
    budget: Arc<Budget>,
    evicted: Arc<AtomicU64>,
}

/// How full a store is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Keys.
    pub keys: u64,
    /// Octets.
    pub octets: u64,
    /// Octets that there may be.
    pub limit: u64,
    /// Keys that had to go for others, ever.
    pub evicted: u64,
    /// Fetches under way.
    pub flights: u64,
}

/// What is stored under one key.
#[derive(Debug, Default)]
pub struct Slot {
    /// The newest first.
    variants: Box<[Arc<Entry>]>,
    /// Until then nobody waits for the fetch of another one: what came last was not to be stored.
    pass_until: Millis,
}

/// A key in the table.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stored(Key);

/// The key's own hash is good enough for the table.
impl Hash for Stored {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.hash as u64);
    }
}

/// A borrowed key, for the look-up.
struct Asked<'a>(KeyRef<'a>);

impl Hash for Asked<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.hash as u64);
    }
}

impl Equivalent<Stored> for Asked<'_> {
    fn equivalent(&self, key: &Stored) -> bool {
        self.0.hash == key.0.hash && self.0.bytes == key.0.bytes
    }
}

/// Hands a hash through.
#[derive(Debug, Default)]
struct Pass(u64);

impl Hasher for Pass {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

impl Store {
    /// An empty store.
    pub fn new(limits: Limits, seed: u64) -> Arc<Self> {
        let evicted = Arc::new(AtomicU64::new(0));
        let counts = evicted.clone();
        let table = Cache::builder()
            .max_capacity(limits.memory)
            .weigher(|key: &Stored, slot: &Arc<Slot>| u32::try_from(slot.weight(key)).unwrap_or(u32::MAX))
            .eviction_listener(move |_, _, cause| {
                if cause == RemovalCause::Size {
                    counts.fetch_add(1, Relaxed);
                }
            })
            .build_with_hasher(BuildHasherDefault::default());
        Arc::new(Self {
            table,
            limits,
            seed,
            purges: Purges::default(),
            flights: Arc::default(),
            budget: Budget::new(limits.memory / FILLING_PART),
            evicted,
        })
    }

    /// What bounds it.
    pub const fn limits(&self) -> Limits {
        self.limits
    }

    /// The key that these bytes are in this store.
    pub fn key<'a>(&self, bytes: &'a [u8]) -> KeyRef<'a> {
        KeyRef::of(bytes, self.seed)
    }

    /// What is stored under a key.
    pub fn find(&self, key: KeyRef<'_>) -> Option<Arc<Slot>> {
        self.table.get(&Asked(key))
    }

    /// Stores a response, in place of the one for the same requests. What was purged since it was asked for is not stored.
    pub fn put(&self, key: &Key, entry: &Arc<Entry>) -> bool {
        let most = self.limits.variants.max(1);
        let mut stored = false;
        self.change(key, |slot| {
            stored = self.purges.standing(&entry.mark) != Standing::Gone;
            if !stored {
                return None;
            }
            let others = slot.iter().flat_map(|slot| &*slot.variants);
            let others = others.filter(|other| other.chosen_by != entry.chosen_by).cloned();
            Some(Slot { variants: std::iter::once(entry.clone()).chain(others).take(most).collect(), pass_until: 0 })
        });
        stored
    }

    /// Puts an entry in the place of another one, if that is still there.
    pub fn replace(&self, key: &Key, before: &Arc<Entry>, after: &Arc<Entry>) {
        self.change(key, |slot| {
            let slot = slot?;
            let place = slot.variants.iter().position(|one| Arc::ptr_eq(one, before))?;
            let mut variants = slot.variants.clone();
            variants[place] = after.clone();
            Some(Slot { variants, pass_until: slot.pass_until })
        });
    }

    /// Takes an entry out, if it is still there.
    pub fn remove(&self, key: &Key, entry: &Arc<Entry>) {
        self.change(key, |slot| {
            let slot = slot?;
            let variants = slot.variants.iter().filter(|one| !Arc::ptr_eq(one, entry)).cloned().collect();
            Some(Slot { variants, pass_until: slot.pass_until })
        });
    }

    /// Notes that what a key brings is not to be stored, until then.
    pub fn pass(&self, key: &Key, until: Millis) {
        self.change(key, |slot| {
            let variants = slot.map(|slot| slot.variants.clone()).unwrap_or_default();
            Some(Slot { variants, pass_until: until })
        });
    }

    /// Changes what is under a key, while nobody else does; `None` leaves it as it is, an empty slot takes the key out.
    fn change(&self, key: &Key, change: impl FnOnce(Option<&Slot>) -> Option<Slot>) {
        self.table.entry(Stored(key.clone())).and_compute_with(|before| {
            let before = before.map(|entry| entry.into_value());
            match change(before.as_deref()) {
                None => Op::Nop,
                Some(slot) if slot.variants.is_empty() && slot.pass_until == 0 => Op::Remove,
                Some(slot) => Op::Put(Arc::new(slot)),
            }
        });
    }

    /// A body on its way into the store, up to `max` octets.
    pub fn flow(&self, length: Length, max: u64) -> Arc<Flow> {
        Flow::new(length, max, self.budget.clone())
    }

    /// Purges. It holds from now on; what it covers is taken out by [`Store::sweep`]. The number of entries, where that is known at once.
    pub fn purge(&self, scope: &Scope, soft: bool) -> Option<usize> {
        let covered = self.purges.purge(scope, soft);
        if *scope == Scope::All && !soft {
            self.table.invalidate_all();
        }
        covered
    }

    /// Looks at every entry, takes out those that were purged, and gives back how many `counts` says yes to. It takes long: never on a
    /// worker.
    pub fn sweep(&self, now: Millis, counts: impl Fn(&Entry) -> bool) -> usize {
        let mut counted = 0;
        for (key, slot) in &self.table {
            let gone = |entry: &Arc<Entry>| self.purges.standing(&entry.mark) == Standing::Gone;
            counted += slot.variants.iter().filter(|entry| counts(entry)).count();
            let expired = slot.pass_until != 0 && slot.pass_until <= now;
            if slot.variants.iter().any(gone) || (slot.variants.is_empty() && expired) {
                self.change(&key.0, |slot| {
                    let slot = slot?;
                    let variants: Box<[_]> = slot.variants.iter().filter(|entry| !gone(entry)).cloned().collect();
                    let pass_until = if slot.pass_until <= now { 0 } else { slot.pass_until };
                    Some(Slot { variants, pass_until })
                });
            }
        }
        counted
    }

    /// What is stored for a URL, in all keys and variants. It takes long: never on a worker.
    pub fn stored_for(&self, url: &str) -> Vec<Arc<Entry>> {
        let slots = self.table.iter().flat_map(|(_, slot)| slot.variants.to_vec());
        slots.filter(|entry| entry.mark.url() == url).collect()
    }

    /// Does what the table has put off.
    pub fn maintain(&self) {
        self.table.run_pending_tasks();
    }

    /// How full it is; exact after [`Store::maintain`].
    pub fn size(&self) -> Size {
        Size {
            keys: self.table.entry_count(),
            octets: self.table.weighted_size(),
            limit: self.limits.memory,
            evicted: self.evicted.load(Relaxed),
            flights: self.flights.len() as u64,
        }
    }
}

impl Slot {
    /// The variant that a request asks for, if it was not purged. `said` is room to write in; `by_language` lets one in the language that
    /// the client wants most stand for one that is not there.
    pub fn select<'a>(
        &'a self,
        purges: &Purges,
        request: &Headers,
        said: &mut Vec<u8>,
        by_language: bool,
    ) -> Option<(&'a Arc<Entry>, Standing)> {
        let good = |entry: &'a Arc<Entry>| {
            let standing = purges.standing(&entry.mark);
            (standing != Standing::Gone).then_some((entry, standing))
        };
        let mut exact = self.variants.iter().filter(|entry| entry.chosen_by.is_asked_by(request, said));
        exact.find_map(good).or_else(|| {
            let mut near = self.variants.iter().filter(|entry| by_language && entry.speaks_for(request));
            near.find_map(good)
        })
    }

    /// The variants, the newest first.
    pub fn variants(&self) -> &[Arc<Entry>] {
        &self.variants
    }

    /// Whether nobody is to wait for the fetch of another one.
    pub const fn passes(&self, now: Millis) -> bool {
        now < self.pass_until
    }

    fn weight(&self, key: &Stored) -> usize {
        let variants = self.variants.iter().map(|entry| entry.weight() + size_of::<Arc<Entry>>());
        NODE + key.0.bytes.len() + size_of::<Self>() + variants.sum::<usize>()
    }
}
