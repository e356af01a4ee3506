//! What is stored: the one structure that all workers share.
//!
//! A hit is one look-up without a lock: the table is moka's, whose TinyLFU keeps what is asked for often rather than what came last. It is
//! bounded by the octets that keys, fields and bodies really take. Under a key are the variants that `Vary` makes, few and in a list.
//!
//! Writing happens on a miss. The table's own maintenance (the queues of what was read and written, evictions) is done by
//! [`Store::maintain`] on the control thread; a worker helps with a bounded part of it only when a queue is full.

use std::hash::BuildHasherDefault;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use moka::notification::RemovalCause;
use moka::ops::compute::Op;
use moka::sync::Cache;

use super::budget::Budget;
use super::content::Content;
use super::contents::{BodyId, Form};
use super::dictionaries::Dictionaries;
use super::disk::{DiskLimits, Tier};
use super::disk_forms::{self, DiskForms};
use super::entry::Entry;
use super::fill::Flow;
use super::flight::Flights;
use super::key::{self, Key, KeyRef};
use super::making::Makings;
use super::policy::{Millis, NotStored};
use super::purge::{Purges, Scope, Standing};
use super::searches::Searches;
use super::slot::Slot;
use super::table::{Asked, Pass, Stored};
use crate::http::Length;

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
    pub(super) limits: Limits,
    seed: u64,
    /// What was made invalid.
    pub purges: Purges,
    /// What is known of queries.
    pub searches: Searches,
    /// Fetches under way.
    pub flights: Arc<Flights>,
    /// Compressed forms that are being made.
    pub makings: Arc<Makings>,
    /// What was stored, for who has it.
    pub dictionaries: Dictionaries,
    /// Where it goes on, on the disk.
    pub(super) disk: Option<Arc<Tier>>,
    /// Compressed forms of what stays there.
    pub(super) disk_forms: Option<DiskForms>,
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
    /// Octets of bodies that are on their way into it.
    pub filling: u64,
    /// Purges, ever.
    pub purges: u64,
    /// Octets of dictionaries.
    pub dictionaries: u64,
}

/// A purge that was made.
#[derive(Clone, Debug)]
pub struct Purge {
    /// What it is about.
    pub scope: Scope,
    /// What was asked for later is not meant.
    number: u64,
    /// The same for what was stored for a query that means the same.
    alike: Option<(u64, Scope)>,
    /// How many responses on the disk it covers, in memory or not, where that is known; the outer `None`: there is no disk.
    pub on_disk: Option<Option<u64>>,
}

impl Purge {
    fn covers(&self, entry: &Entry) -> bool {
        let alike = |(number, tag): &(u64, Scope)| entry.mark.is_covered(tag, *number);
        entry.mark.is_covered(&self.scope, self.number) || self.alike.as_ref().is_some_and(alike)
    }
}

/// What is known of a URL.
#[derive(Clone, Debug, Default)]
pub struct Inspection {
    /// What is stored for it, and what purges left of that.
    pub entries: Vec<(Arc<Entry>, Standing)>,
    /// Why its response was not stored the last time, and until when nobody waits for it.
    pub passed: Vec<(NotStored, Millis)>,
}

impl Store {
    /// An empty store in memory.
    pub fn new(limits: Limits, seed: u64) -> Arc<Self> {
        Self::with_disk(limits, None, seed)
    }

    /// An empty store, with a disk tier that is not open yet: [`Store::open`].
    pub fn with_disk(limits: Limits, disk: Option<DiskLimits>, seed: u64) -> Arc<Self> {
        let evicted = Arc::new(AtomicU64::new(0));
        let counts = evicted.clone();
        // With a disk, a part of the memory is for forms of what stays there.
        let part = limits.memory / disk_forms::PART;
        let disk_forms = disk.as_ref().map(|_| DiskForms::new(part));
        let table = Cache::builder()
            .max_capacity(limits.memory - disk_forms.as_ref().map_or(0, |_| part))
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
            searches: Searches::new(limits.memory, seed),
            flights: Arc::default(),
            makings: Arc::default(),
            disk_forms,
            dictionaries: Dictionaries::beside(limits.memory, seed),
            disk: disk.map(|disk| Tier::new(disk, limits.variants, limits.memory)),
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

    /// Whether something is in memory for that key.
    pub(super) fn holds(&self, key: &[u8]) -> bool {
        self.table.contains_key(&Asked(self.key(key)))
    }

    /// Stores a response, in place of the one for the same requests. What was purged since it was asked for is not stored.
    pub fn put(&self, key: &Key, entry: &Arc<Entry>) -> bool {
        let stored = match &entry.contents.identity {
            // A body that stays on the disk is not for the memory.
            Content::OnDisk(_) => self.purges.standing(&entry.mark) != Standing::Gone,
            // Parts are for the memory alone.
            Content::Parts(_) => return self.put_in_memory(key, entry),
            _ => self.put_in_memory(key, entry),
        };
        if let Some(disk) = self.disk.as_ref().filter(|_| stored) {
            disk.keep(key, entry, entry.terms.received);
        }
        stored
    }

    pub(super) fn put_in_memory(&self, key: &Key, entry: &Arc<Entry>) -> bool {
        let most = self.limits.variants.max(1);
        let mut stored = false;
        self.change(key, |slot| {
            stored = self.purges.standing(&entry.mark) != Standing::Gone;
            if !stored {
                return None;
            }
            let variants = slot.map_or(&[][..], |slot| &slot.variants);
            let before = variants.iter().find(|other| other.chosen_by == entry.chosen_by);
            let others = variants.iter().filter(|other| other.chosen_by != entry.chosen_by).cloned();
            // What was made of the body since the response was looked at stays with it.
            let entry = before.map_or_else(|| entry.clone(), |before| entry.joined(before));
            let variants = std::iter::once(entry).chain(others).take(most).collect();
            Some(Slot { variants, ..Slot::default() })
        });
        stored
    }

    /// Adds a response that comes back from the disk, unless there is a newer one for the same requests.
    pub(super) fn add(&self, key: &Key, entry: &Arc<Entry>) {
        let most = self.limits.variants.max(1);
        self.change(key, |slot| {
            let known = slot.map_or(&[][..], |slot| &slot.variants);
            let welcome = known.len() < most && known.iter().all(|other| other.chosen_by != entry.chosen_by);
            let pass_until = slot.map_or(0, |slot| slot.pass_until);
            welcome.then(|| Slot {
                variants: known.iter().chain([entry]).cloned().collect(),
                pass_until,
                pass_why: slot.and_then(|slot| slot.pass_why),
            })
        });
    }

    /// Adds a form of a body that is stored; false where it is not stored any more. `place` is where it is on the disk, if it is in memory
    /// no longer.
    pub fn add_form(&self, (key, place): (&Key, Option<u64>), body: &BodyId, form: Form, content: &Content) -> bool {
        if let (Some(place), Some(forms)) = (place, &self.disk_forms) {
            return forms.add(place, body, form, content);
        }
        let mut added = false;
        self.change(key, |slot| {
            let slot = slot?;
            let place = slot.variants.iter().position(|entry| entry.contents.body() == body)?;
            let mut variants = slot.variants.clone();
            let entry = &variants[place];
            variants[place] = Arc::new(entry.with_contents(entry.contents.clone().with(form, content.clone())));
            added = true;
            Some(Slot { variants, pass_until: slot.pass_until, pass_why: slot.pass_why })
        });
        added
    }

    /// Puts an entry in the place of another one, if that is still there.
    pub fn replace(&self, key: &Key, before: &Arc<Entry>, after: &Arc<Entry>) {
        self.change(key, |slot| {
            let slot = slot?;
            let place = slot.variants.iter().position(|one| Arc::ptr_eq(one, before))?;
            let mut variants = slot.variants.clone();
            variants[place] = after.clone();
            Some(Slot { variants, pass_until: slot.pass_until, pass_why: slot.pass_why })
        });
    }

    /// Takes an entry out, if it is still there.
    pub fn remove(&self, key: &Key, entry: &Arc<Entry>) {
        if let Some(disk) = &self.disk {
            disk.forget(key, &entry.chosen_by);
        }
        self.change(key, |slot| {
            let slot = slot?;
            let variants = slot.variants.iter().filter(|one| !Arc::ptr_eq(one, entry)).cloned().collect();
            Some(Slot { variants, pass_until: slot.pass_until, pass_why: slot.pass_why })
        });
    }

    /// Notes that what a key brings is not to be stored, until then, and why.
    pub fn pass(&self, key: &Key, until: Millis, why: NotStored) {
        self.change(key, |slot| {
            let variants = slot.map(|slot| slot.variants.clone()).unwrap_or_default();
            Some(Slot { variants, pass_until: until, pass_why: Some(why) })
        });
    }

    /// Changes what is under a key, while nobody else does; `None` leaves it as it is, an empty slot takes the key out.
    pub(super) fn change(&self, key: &Key, change: impl FnOnce(Option<&Slot>) -> Option<Slot>) {
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

    /// Purges what was asked for until now; it holds at once. What it covers is taken out by [`Store::sweep`].
    pub fn purge(&self, scope: Scope, soft: bool) -> Purge {
        // What was stored for a query that means the same goes with it.
        let alike = match &scope {
            Scope::Url(url) => self.searches.tag_of(url).map(Scope::Tag),
            _ => None,
        };
        let on_disk = self.disk.as_ref().map(|disk| disk.covered(&scope).filter(|_| alike.is_none()));
        let number = self.purge_one(&scope, soft);
        let alike = alike.map(|tag| (self.purge_one(&tag, soft), tag));
        Purge { scope, number, alike, on_disk }
    }

    /// The memory first: what the disk is given from then on is compared with it.
    fn purge_one(&self, scope: &Scope, soft: bool) -> u64 {
        let number = self.purges.purge(scope, soft);
        if let Some(disk) = &self.disk {
            disk.purge(scope, soft);
        }
        number
    }

    /// Makes what is stored for an address invalid, on every route and in every variant, and what was stored for a query that means the
    /// same. The number of that purge.
    pub fn invalidate(&self, url: &str) -> u64 {
        if let Some(tag) = self.searches.tag_of(url) {
            self.purge_one(&Scope::Tag(tag), false);
        }
        let number = self.purges.invalidate(url);
        if let Some(disk) = &self.disk {
            disk.invalidate(url);
        }
        number
    }

    /// Looks at every entry, takes out those that were purged, and gives back how many each of these purges covers. It takes long: never on
    /// a worker.
    pub fn sweep(&self, now: Millis, purges: &[Purge]) -> Vec<usize> {
        let mut covered = vec![0; purges.len()];
        for (key, slot) in &self.table {
            for entry in &slot.variants {
                purges.iter().zip(&mut covered).for_each(|(purge, count)| *count += usize::from(purge.covers(entry)));
            }
            let gone = |entry: &Arc<Entry>| self.purges.standing(&entry.mark) == Standing::Gone;
            let expired = slot.pass_until != 0 && slot.pass_until <= now;
            if slot.variants.iter().any(gone) || (slot.variants.is_empty() && expired) {
                self.change(&key.0, |slot| {
                    let slot = slot?;
                    let variants: Box<[_]> = slot.variants.iter().filter(|entry| !gone(entry)).cloned().collect();
                    let pass_until = if slot.pass_until <= now { 0 } else { slot.pass_until };
                    Some(Slot { variants, pass_until, pass_why: slot.pass_why })
                });
            }
        }
        covered
    }

    /// What is known of a URL, in all keys and variants. It takes long: never on a worker.
    pub fn inspect(&self, url: &str, now: Millis) -> Inspection {
        let tag = self.searches.tag_of(url).map(Scope::Tag);
        let (mut found, exact) = (Inspection::default(), Scope::Url(url.into()));
        for (key, slot) in &self.table {
            let about = |entry: &&Arc<Entry>| {
                let is = |scope: &Scope| entry.mark.is_covered(scope, u64::MAX);
                is(&exact) || tag.as_ref().is_some_and(is)
            };
            let standing = |entry: &Arc<Entry>| (entry.clone(), self.purges.standing(&entry.mark));
            found.entries.extend(slot.variants.iter().filter(about).map(standing));
            if slot.passes(now) && key.0.bytes[key::address_of(&key.0.bytes)] == *url.as_bytes() {
                found.passed.extend(slot.pass_why.map(|why| (why, slot.pass_until)));
            }
        }
        found
    }

    /// Does what the table has put off.
    pub fn maintain(&self) {
        self.table.run_pending_tasks();
        self.searches.maintain();
        self.disk_forms.iter().for_each(DiskForms::maintain);
        self.dictionaries.maintain();
    }

    /// How full it is; exact after [`Store::maintain`].
    pub fn size(&self) -> Size {
        Size {
            keys: self.table.entry_count(),
            octets: self.table.weighted_size(),
            limit: self.limits.memory,
            evicted: self.evicted.load(Relaxed),
            flights: self.flights.len() as u64,
            filling: self.budget.used(),
            // The first number is that of no purge.
            purges: self.purges.now().saturating_sub(1),
            dictionaries: self.dictionaries.octets(),
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.close();
    }
}
