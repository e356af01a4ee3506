//! Times of keys, in memory of a fixed size that all threads share without a lock.
//!
//! A place is one word: part of the key's hash, and the key's time. A set of eight places is one cache line; a key lives in one of the places of
//! its set. The time says at once when a place is free: a bucket that is full again needs no memory.
//!
//! What happens when a set is full decides how well a limit holds under a flood of keys. The place that goes is the one whose bucket is the
//! fullest: the keys of a flood have each used one request and push out each other, while a key that has used up its burst stays. To get rid
//! of that one, a client would have to bring eight keys to where it is, in a set that it cannot aim at, since the hash is seeded.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::gcra::{MAX_BURST, Quota, Standing, TICKS, Verdict};

/// Places of a set: a cache line.
const WAYS: usize = 8;

/// Bits of a word that hold the time; the others are the key's.
const TIME_BITS: u32 = 40;
const TIME: u64 = (1 << TIME_BITS) - 1;

/// No time is further ahead than a burst, so what seems further ahead lies in the past.
const AHEAD: u64 = (MAX_BURST as u64 + 1) * TICKS;

/// A set, on a cache line of its own.
#[derive(Debug)]
#[repr(align(64))]
struct Set([AtomicU64; WAYS]);

/// The times of up to so many keys.
#[derive(Debug)]
pub(super) struct Table {
    sets: Box<[Set]>,
}

/// What a request came to, and whether another key had to go for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) verdict: Result<Standing, Standing>,
    pub(super) evicted: bool,
}

/// A place of a set at one moment.
struct Seen {
    at: usize,
    word: u64,
    /// Ticks until its bucket is full; 0 where it is.
    ahead: u64,
}

impl Table {
    /// For that many keys, rounded up to a power of two.
    pub(super) fn new(keys: usize) -> Self {
        let sets = keys.div_ceil(WAYS).next_power_of_two();
        Self { sets: (0..sets).map(|_| Set(std::array::from_fn(|_| AtomicU64::new(0)))).collect() }
    }

    /// Takes one request of a key. Where two threads meet, one of them looks again; one of them always gets on.
    pub(super) fn take(&self, hash: u64, quota: &Quota, now: u64) -> Taken {
        let Set(places) = self.set(hash);
        let tag = tag(hash);
        loop {
            let place = find(places, tag, now);
            let known = (place.word >> TIME_BITS == tag).then_some(now + place.ahead);
            let (time, standing) = match quota.decide(known, now) {
                Verdict::Conforms { time, standing } => (time, standing),
                Verdict::Exceeds(standing) => return Taken { verdict: Err(standing), evicted: false },
            };
            let word = tag << TIME_BITS | (time & TIME);
            if places[place.at].compare_exchange(place.word, word, Relaxed, Relaxed).is_ok() {
                return Taken { verdict: Ok(standing), evicted: known.is_none() && place.ahead > 0 };
            }
        }
    }

    /// Frees the places whose buckets are full. Called more often than times of so few bits come round again.
    pub(super) fn sweep(&self, now: u64) {
        for place in self.sets.iter().flat_map(|Set(places)| places) {
            let word = place.load(Relaxed);
            if word != 0 && ahead(word, now) == 0 {
                // Somebody who comes in between has a newer time, which stays.
                let _ = place.compare_exchange(word, 0, Relaxed, Relaxed);
            }
        }
    }

    /// Keys whose buckets are not full.
    pub(super) fn keys(&self, now: u64) -> usize {
        let places = self.sets.iter().flat_map(|Set(places)| places);
        places.filter(|place| ahead(place.load(Relaxed), now) > 0).count()
    }

    /// Octets of memory.
    pub(super) fn memory(&self) -> usize {
        self.sets.len() * size_of::<Set>()
    }

    fn set(&self, hash: u64) -> &Set {
        // Of other bits than the tag.
        let mask = self.sets.len() - 1;
        &self.sets[usize::try_from(hash & u64::from(u32::MAX)).unwrap_or(0) & mask]
    }
}

/// The key's part of a word; never 0, which is nobody's.
fn tag(hash: u64) -> u64 {
    (hash >> TIME_BITS).max(1)
}

/// Ticks from now to the time of a word; 0 where it has passed.
fn ahead(word: u64, now: u64) -> u64 {
    let ahead = word.wrapping_sub(now) & TIME;
    if word == 0 || ahead > AHEAD { 0 } else { ahead }
}

/// The key's own place, else the one that is missed least.
fn find(places: &[AtomicU64; WAYS], tag: u64, now: u64) -> Seen {
    let mut least: Option<Seen> = None;
    for (at, place) in places.iter().enumerate() {
        let word = place.load(Relaxed);
        let seen = Seen { at, word, ahead: ahead(word, now) };
        if word >> TIME_BITS == tag {
            return seen;
        }
        if least.as_ref().is_none_or(|least| seen.ahead < least.ahead) {
            least = Some(seen);
        }
    }
    least.unwrap_or(Seen { at: 0, word: 0, ahead: 0 })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::key::mix;

    const QUOTA: Quota = Quota { requests: 1, period: 1_000_000_000, burst: 10 };

    fn passes(table: &Table, hash: u64, now: u64) -> bool {
        table.take(hash, &QUOTA, now).verdict.is_ok()
    }

    #[test]
    fn memory_does_not_depend_on_the_number_of_keys() {
        let table = Table::new(4096);
        assert_eq!(table.memory(), 4096 * 8);
        for key in 0..500_000 {
            assert!(passes(&table, mix(key), 5));
        }
        assert!(table.keys(5) <= 4096 && table.keys(5) > 4000, "{}", table.keys(5));
        assert_eq!((table.memory(), Table::new(1).memory()), (4096 * 8, 64));
    }

    #[test]
    fn a_flood_of_keys_does_not_give_a_used_up_key_a_new_bucket() {
        let table = Table::new(4096);
        let hot = mix(0xbad);
        for _ in 0..10 {
            assert!(passes(&table, hot, 5));
        }
        assert!(!passes(&table, hot, 5));
        let mut evicted = 0;
        for key in 0..400_000 {
            evicted += usize::from(table.take(mix(key), &QUOTA, 5).evicted);
            if key % 1000 == 0 {
                assert!(!passes(&table, hot, 5), "after {key} keys");
            }
        }
        assert!(evicted > 300_000);
    }

    #[test]
    fn times_come_round_and_old_keys_are_forgotten() {
        let table = Table::new(8);
        let round = 1_u64 << TIME_BITS;
        for now in [0, round - 5, round, 3 * round - TICKS, 1000 * round] {
            for _ in 0..10 {
                assert!(passes(&table, mix(1), now), "{now}");
            }
            assert!(!passes(&table, mix(1), now));
            assert!(!passes(&table, mix(1), now + TICKS - 1));
            assert!(passes(&table, mix(1), now + TICKS));
            table.sweep(now + TICKS);
            assert_eq!(table.keys(now + TICKS), 1);
            table.sweep(now + 12 * TICKS);
            assert_eq!(table.keys(now + 12 * TICKS), 0);
        }
    }

    #[test]
    fn threads_share_one_bucket() {
        let (table, quota) = (Table::new(64), Quota { burst: 5000, ..QUOTA });
        let passed = std::thread::scope(|scope| {
            let one = || (0..4000).filter(|_| table.take(mix(7), &quota, 1).verdict.is_ok()).count();
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(one)).collect();
            threads.into_iter().map(|thread| thread.join().expect("ends")).sum::<usize>()
        });
        // Two threads that bring a key at the same moment find the same place free, so that it has one bucket from the first request on.
        assert_eq!(passed, 5000);
    }
}
