//! Where each response is. In memory, bounded, and with no more in it than finding one takes.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::AcqRel, Ordering::Acquire, Ordering::Relaxed};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::record::{Name, Place, Record};

/// Mutexes of the index; one is held for a look-up.
const SHARDS: usize = 64;
/// Generations of addresses, each with the number of responses in it.
const SLOTS: usize = 1 << 16;
/// Octets that a response takes in the index, with the room that a hash table keeps free.
pub(super) const ENTRY: usize = 128;

/// One response on the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Spot {
    pub(super) place: Place,
    pub(super) name: Name,
    /// Octets of the body, in KiB, rounded up.
    pub(super) body_kib: u32,
    pub(super) slot: u16,
    /// How often it was read, up to 255.
    pub(super) hits: u8,
}

/// The index. Its keys are hashes that nobody outside can aim at.
#[derive(Debug)]
pub(super) struct Index {
    shards: [Mutex<Shard>; SHARDS],
    entries: AtomicUsize,
    /// Responses by slot, those that are about to be written among them.
    slots: Box<[AtomicU32]>,
    rebuilding: AtomicBool,
}

#[derive(Debug, Default)]
struct Shard {
    spots: HashMap<u64, Spots, BuildHasherDefault<Pass>>,
    /// What is about to be written, with its number.
    pending: HashMap<Name, u64>,
    /// While the index is built: what no older record may bring back.
    gone: HashSet<Name>,
}

/// The responses of a key, the newest first.
#[derive(Debug)]
enum Spots {
    One(Spot),
    Several(Vec<Spot>),
}

/// Hands a hash through.
#[derive(Debug, Default)]
struct Pass(u64);

impl Hasher for Pass {
    fn finish(&self) -> u64 {
        // The low bits have chosen the shard.
        self.0.rotate_left(29)
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

impl Spot {
    /// Of a record at that place.
    pub(super) fn of(record: &Record, place: Place) -> Self {
        let body_kib = u32::try_from(record.body.div_ceil(1024)).unwrap_or(u32::MAX);
        Self { place, name: record.name, body_kib, slot: record.slot, hits: 0 }
    }
}

impl Spots {
    fn all(&self) -> &[Spot] {
        match self {
            Self::One(spot) => std::slice::from_ref(spot),
            Self::Several(spots) => spots,
        }
    }

    fn of(spots: Vec<Spot>) -> Option<Self> {
        match &*spots {
            [] => None,
            [one] => Some(Self::One(*one)),
            _ => Some(Self::Several(spots)),
        }
    }
}

impl Default for Index {
    fn default() -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::default()),
            entries: AtomicUsize::new(0),
            slots: (0..SLOTS).map(|_| AtomicU32::new(0)).collect(),
            rebuilding: AtomicBool::new(true),
        }
    }
}

impl Index {
    fn shard(&self, key: u64) -> MutexGuard<'_, Shard> {
        // What the lock guards is whole at every step.
        self.shards[key as usize % SHARDS].lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The responses of a key, the newest first.
    pub(super) fn find(&self, key: u64) -> Vec<Spot> {
        self.shard(key).spots.get(&key).map(|spots| spots.all().to_vec()).unwrap_or_default()
    }

    /// Whether there is any for a key.
    pub(super) fn has(&self, key: u64) -> bool {
        self.shard(key).spots.contains_key(&key)
    }

    /// Whether a record is the one in force.
    pub(super) fn is_at(&self, name: Name, place: Place) -> Option<Spot> {
        let shard = self.shard(name.key);
        let spots = shard.spots.get(&name.key)?;
        spots.all().iter().find(|spot| spot.name == name && spot.place == place).copied()
    }

    /// Notes that one was read.
    pub(super) fn touch(&self, spot: &Spot) {
        let mut shard = self.shard(spot.name.key);
        let spots = match shard.spots.get_mut(&spot.name.key) {
            None => return,
            Some(Spots::One(one)) => std::slice::from_mut(one),
            Some(Spots::Several(spots)) => spots,
        };
        if let Some(known) = spots.iter_mut().find(|known| known.place == spot.place) {
            known.hits = known.hits.saturating_add(1);
        }
    }

    /// Something new is about to be written in the place of what is there. Whether something was, or may be found yet.
    pub(super) fn expect(&self, name: Name, slot: u16, number: u64) -> bool {
        let mut shard = self.shard(name.key);
        self.slots[slot as usize].fetch_add(1, AcqRel);
        shard.pending.insert(name, number);
        self.drop_name(&mut shard, name)
    }

    /// It is not written, or it was: it is no longer expected. Whether it was still wanted.
    pub(super) fn settle(&self, name: Name, slot: u16, number: u64) -> bool {
        let mut shard = self.shard(name.key);
        self.slots[slot as usize].fetch_sub(1, AcqRel);
        let wanted = shard.pending.get(&name) == Some(&number);
        if wanted {
            shard.pending.remove(&name);
        }
        wanted
    }

    /// Whether what is about to be written is still wanted.
    pub(super) fn wants(&self, name: Name, number: u64) -> bool {
        self.shard(name.key).pending.get(&name) == Some(&number)
    }

    /// Adds what was written, if it is still wanted; at most `most` for a key.
    pub(super) fn insert(&self, spot: Spot, number: u64, most: usize) -> bool {
        let mut shard = self.shard(spot.name.key);
        if shard.pending.get(&spot.name) != Some(&number) {
            return false;
        }
        self.add(&mut shard, spot, most);
        true
    }

    /// Puts a copy in the place of the original, if that is still in force.
    pub(super) fn moved(&self, from: Place, to: Spot) -> bool {
        let mut shard = self.shard(to.name.key);
        let Some(spots) = shard.spots.get(&to.name.key) else { return false };
        let mut spots = spots.all().to_vec();
        let Some(at) = spots.iter().position(|spot| spot.place == from) else { return false };
        spots[at] = to;
        if let Some(spots) = Spots::of(spots) {
            shard.spots.insert(to.name.key, spots);
        }
        true
    }

    /// Adds what a rebuild found, unless something newer is known of it.
    pub(super) fn restore(&self, spot: Spot, most: usize) {
        let mut shard = self.shard(spot.name.key);
        let known = shard.spots.get(&spot.name.key).map_or(&[][..], Spots::all);
        let full = known.len() >= most;
        if full || shard.gone.contains(&spot.name) || known.iter().any(|known| known.name == spot.name) {
            return;
        }
        let spots = known.iter().copied().chain([spot]).collect();
        if let Some(spots) = Spots::of(spots) {
            shard.spots.insert(spot.name.key, spots);
            self.count(&spot, true);
        }
    }

    fn add(&self, shard: &mut Shard, spot: Spot, most: usize) {
        let before = shard.spots.remove(&spot.name.key);
        let mut spots = vec![spot];
        for old in before.as_ref().map_or(&[][..], Spots::all) {
            if old.name != spot.name && spots.len() < most {
                spots.push(*old);
            } else {
                self.count(old, false);
            }
        }
        self.count(&spot, true);
        if let Some(spots) = Spots::of(spots) {
            shard.spots.insert(spot.name.key, spots);
        }
    }

    /// Takes a response out, also if it is yet to be found or written. Whether there was one, or may be.
    pub(super) fn forget(&self, name: Name) -> bool {
        let mut shard = self.shard(name.key);
        let pending = shard.pending.remove(&name).is_some();
        self.drop_name(&mut shard, name) || pending
    }

    fn drop_name(&self, shard: &mut Shard, name: Name) -> bool {
        let rebuilding = self.is_rebuilding();
        if rebuilding {
            shard.gone.insert(name);
        }
        self.retain(shard, name.key, |spot| spot.name != name) || rebuilding
    }

    /// While the index is built: nothing older brings that one back.
    pub(super) fn bar(&self, name: Name) {
        self.shard(name.key).gone.insert(name);
    }

    /// Takes out what turned out to be of no use at that place.
    pub(super) fn remove(&self, name: Name, place: Place) -> bool {
        let mut shard = self.shard(name.key);
        if self.is_rebuilding() {
            shard.gone.insert(name);
        }
        self.retain(&mut shard, name.key, |spot| spot.place != place)
    }

    fn retain(&self, shard: &mut Shard, key: u64, keep: impl Fn(&Spot) -> bool) -> bool {
        let Some(spots) = shard.spots.get(&key) else { return false };
        if spots.all().iter().all(&keep) {
            return false;
        }
        let (kept, gone): (Vec<Spot>, Vec<Spot>) = spots.all().iter().partition(|spot| keep(spot));
        gone.iter().for_each(|spot| self.count(spot, false));
        match Spots::of(kept) {
            Some(spots) => shard.spots.insert(key, spots),
            None => shard.spots.remove(&key),
        };
        true
    }

    /// Takes everything out; what is being built is over.
    pub(super) fn clear(&self) {
        for shard in &self.shards {
            let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            for spot in std::mem::take(&mut shard.spots).values().flat_map(|spots| spots.all()) {
                self.count(spot, false);
            }
        }
    }

    fn count(&self, spot: &Spot, more: bool) {
        let slot = &self.slots[spot.slot as usize];
        if more {
            slot.fetch_add(1, AcqRel);
            self.entries.fetch_add(1, Relaxed);
        } else {
            slot.fetch_sub(1, AcqRel);
            self.entries.fetch_sub(1, Relaxed);
        }
    }

    /// Whether a response with an address in that slot may be there.
    pub(super) fn may_have(&self, slot: u16) -> bool {
        self.is_rebuilding() || self.slots[slot as usize].load(Acquire) > 0
    }

    pub(super) fn is_rebuilding(&self) -> bool {
        self.rebuilding.load(Acquire)
    }

    /// Nothing older comes any more.
    pub(super) fn rebuilt(&self) {
        self.rebuilding.store(false, std::sync::atomic::Ordering::Release);
        for shard in &self.shards {
            shard.lock().unwrap_or_else(PoisonError::into_inner).gone = HashSet::new();
        }
    }

    /// Responses in it.
    pub(super) fn len(&self) -> usize {
        self.entries.load(Relaxed)
    }

    /// Octets of memory that it takes.
    pub(super) fn weight(&self) -> usize {
        const KEPT: usize = size_of::<(u64, Spots)>() + 1;
        let tables = self.shards.iter().map(|shard| {
            let shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
            let notes = (shard.pending.capacity() + shard.gone.capacity()) * (size_of::<(Name, u64)>() + 1);
            shard.spots.capacity() * 8 / 7 * KEPT + notes
        });
        tables.sum::<usize>() + SLOTS * size_of::<AtomicU32>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(key: u64, variant: u32) -> Name {
        Name { key, names: 0, variant }
    }

    fn spot(key: u64, variant: u32, place: u64) -> Spot {
        Spot { place: Place(place), name: name(key, variant), body_kib: 1, slot: key as u16, hits: 0 }
    }

    fn put(index: &Index, spot: Spot, number: u64) -> bool {
        index.expect(spot.name, spot.slot, number);
        let inserted = index.insert(spot, number, 4);
        index.settle(spot.name, spot.slot, number);
        inserted
    }

    #[test]
    fn the_newest_of_each_name_is_in_force() {
        let index = Index::default();
        index.rebuilt();
        assert!(!index.may_have(1));
        assert!(put(&index, spot(1, 1, 10), 1) && put(&index, spot(1, 2, 20), 2) && put(&index, spot(1, 1, 30), 3));
        assert_eq!(index.find(1), [spot(1, 1, 30), spot(1, 2, 20)]);
        assert_eq!((index.len(), index.may_have(1), index.may_have(2)), (2, true, false));
        assert_eq!(index.is_at(name(1, 1), Place(10)), None);
        index.touch(&spot(1, 2, 20));
        assert_eq!(index.is_at(name(1, 2), Place(20)).map(|spot| spot.hits), Some(1));
        assert!(index.forget(name(1, 1)) && !index.forget(name(1, 1)));
        assert!(index.remove(name(1, 2), Place(20)) && !index.has(1) && !index.may_have(1));
    }

    #[test]
    fn variants_of_a_key_are_bounded() {
        let index = Index::default();
        (0..10).for_each(|at| assert!(put(&index, spot(1, at, 10 + u64::from(at)), u64::from(at))));
        let variants: Vec<_> = index.find(1).iter().map(|spot| spot.name.variant).collect();
        assert_eq!((variants, index.len()), (vec![9, 8, 7, 6], 4));
        index.restore(spot(1, 77, 1), 4);
        assert_eq!(index.len(), 4);
    }

    #[test]
    fn what_was_replaced_or_forgotten_before_it_was_written_is_not_added() {
        let index = Index::default();
        index.rebuilt();
        index.expect(name(1, 1), 1, 1);
        assert!(index.may_have(1), "an invalidation has to be noted");
        index.expect(name(1, 1), 1, 2);
        assert!(!index.wants(name(1, 1), 1) && index.wants(name(1, 1), 2));
        assert!(!index.insert(spot(1, 1, 10), 1, 4));
        assert!(!index.settle(name(1, 1), 1, 1));
        assert!(index.forget(name(1, 1)));
        assert!(!index.insert(spot(1, 1, 20), 2, 4) && !index.settle(name(1, 1), 1, 2));
        assert!(!index.has(1) && !index.may_have(1));
    }

    #[test]
    fn a_rebuild_brings_nothing_back() {
        let index = Index::default();
        assert!(put(&index, spot(1, 1, 100), 1));
        index.restore(spot(1, 1, 10), 4);
        assert_eq!(index.find(1), [spot(1, 1, 100)]);
        assert!(index.remove(name(1, 1), Place(100)));
        assert!(index.forget(name(2, 1)), "it may be found yet");
        index.restore(spot(1, 1, 10), 4);
        index.restore(spot(2, 1, 11), 4);
        index.restore(spot(3, 1, 12), 4);
        index.restore(spot(3, 1, 9), 4);
        index.bar(name(3, 1));
        assert_eq!((index.find(1), index.find(2), index.find(3)), (vec![], vec![], vec![spot(3, 1, 12)]));
        index.rebuilt();
        assert!(!index.forget(name(4, 1)));
    }

    #[test]
    fn copies_take_the_place_of_originals_only() {
        let index = Index::default();
        assert!(put(&index, spot(1, 1, 10), 1) && put(&index, spot(1, 2, 20), 2));
        assert!(index.moved(Place(10), spot(1, 1, 30)) && !index.moved(Place(10), spot(1, 1, 40)));
        assert_eq!(index.find(1), [spot(1, 2, 20), spot(1, 1, 30)]);
        index.clear();
        assert_eq!((index.len(), index.has(1)), (0, false));
    }

    #[test]
    fn an_entry_takes_no_more_than_is_said() {
        let index = Index::default();
        index.rebuilt();
        let empty = index.weight();
        (0..200_000_u64).for_each(|key| index.restore(spot(key.wrapping_mul(0x9e37_79b9_7f4a_7c15), 0, key), 4));
        let each = (index.weight() - empty) / index.len();
        assert!(each <= ENTRY, "{each}");
    }
}
