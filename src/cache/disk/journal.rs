//! What was purged, as far as the disk is concerned.
//!
//! Responses and purges are numbered alike, across restarts. A purge covers the responses with lower numbers; so it costs the same whatever
//! it covers, and what it covers is found out when a response is read. Everything here is bounded: where there are too many purges to keep,
//! the oldest become one that covers everything before them, which costs fetches and is never wrong.

use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::record::Sums;
use crate::cache::purge::{Scope, Standing};

/// Purges by URL and by prefix that are compared one by one.
const RECORDS: usize = 1024;
/// Tags whose purges are kept.
const TAGS: usize = 1 << 16;
/// Addresses share so many generations.
const SLOTS: usize = 1 << 16;
/// How many numbers a process may use: those of the next one lie behind them.
pub(super) const NUMBERS: u32 = 40;

/// What a purge covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Cover {
    All,
    /// By the hash of the tag.
    Tag(u64),
    Url(Box<str>),
    Prefix(Box<str>),
    /// Everything whose address is in that slot.
    Slot(u16),
}

/// A purge with its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Purge {
    pub(super) number: u64,
    pub(super) soft: bool,
    pub(super) cover: Cover,
}

/// What a purge looks at in a response.
#[derive(Clone, Copy, Debug)]
pub(super) struct Subject<'a> {
    pub(super) number: u64,
    /// Purged softly before it was written.
    pub(super) soft: bool,
    pub(super) slot: u16,
    pub(super) url: &'a str,
    pub(super) tags: &'a [Box<str>],
}

/// The purges of a folder.
#[derive(Debug)]
pub(super) struct Journal {
    next: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// Numbers up to this one are covered.
    floor: u64,
    all: [u64; 2],
    slots: Box<[u64]>,
    tags: HashMap<u64, [u64; 2]>,
    /// By number.
    records: VecDeque<Purge>,
}

impl Default for Journal {
    fn default() -> Self {
        let slots = vec![0; SLOTS].into();
        let (tags, records) = (HashMap::new(), VecDeque::new());
        Self { next: AtomicU64::new(1), state: Mutex::new(State { floor: 0, all: [0; 2], slots, tags, records }) }
    }
}

impl Cover {
    pub(super) fn of(scope: &Scope, sums: Sums) -> Self {
        match scope {
            Scope::All => Self::All,
            Scope::Tag(tag) => Self::Tag(sums.hash(tag.as_bytes())),
            Scope::Url(url) => Self::Url(url.clone()),
            Scope::Prefix(url) => Self::Prefix(url.clone()),
        }
    }
}

impl Purge {
    /// As octets, behind the number.
    pub(super) fn write(&self) -> Vec<u8> {
        let (kind, rest) = match &self.cover {
            Cover::All => (0, Vec::new()),
            Cover::Tag(hash) => (1, hash.to_le_bytes().to_vec()),
            Cover::Url(url) => (2, url.as_bytes().to_vec()),
            Cover::Prefix(url) => (3, url.as_bytes().to_vec()),
            Cover::Slot(slot) => (4, slot.to_le_bytes().to_vec()),
        };
        [&[kind, u8::from(self.soft)], &rest[..]].concat()
    }

    /// From octets.
    pub(super) fn read(number: u64, octets: &[u8]) -> Option<Self> {
        let [kind, soft, rest @ ..] = octets else { return None };
        let text = || std::str::from_utf8(rest).ok().map(Box::from);
        let cover = match kind {
            0 => Cover::All,
            1 => Cover::Tag(u64::from_le_bytes(rest.try_into().ok()?)),
            2 => Cover::Url(text()?),
            3 => Cover::Prefix(text()?),
            4 => Cover::Slot(u16::from_le_bytes(rest.try_into().ok()?)),
            _ => return None,
        };
        Some(Self { number, soft: *soft != 0, cover })
    }
}

impl Journal {
    fn lock(&self) -> MutexGuard<'_, State> {
        // What the lock guards is whole at every step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins the numbers of the process that is the `epoch`th to own the folder.
    pub(super) fn begin(&self, epoch: u32) {
        self.next.fetch_max(u64::from(epoch) << NUMBERS, Ordering::AcqRel);
    }

    /// A number for a response.
    pub(super) fn number(&self) -> u64 {
        self.next.fetch_add(1, Ordering::AcqRel)
    }

    /// Purges, from now on.
    pub(super) fn purge(&self, cover: Cover, soft: bool) -> Purge {
        let mut state = self.lock();
        // Behind the lock, so that who is numbered later sees it.
        let purge = Purge { number: self.number(), soft, cover };
        state.add(purge.clone());
        purge
    }

    /// Takes over a purge of before.
    pub(super) fn restore(&self, purge: Purge) {
        self.lock().add(purge);
    }

    /// What a response is worth.
    pub(super) fn standing(&self, subject: &Subject<'_>, sums: Sums) -> Standing {
        let tags: Vec<u64> = subject.tags.iter().map(|tag| sums.hash(tag.as_bytes())).collect();
        self.lock().standing(subject, &tags)
    }

    /// What a response is worth, with the number that a copy of it gets.
    pub(super) fn copied(&self, subject: &Subject<'_>, sums: Sums) -> (u64, Standing) {
        let tags: Vec<u64> = subject.tags.iter().map(|tag| sums.hash(tag.as_bytes())).collect();
        let state = self.lock();
        (self.number(), state.standing(subject, &tags))
    }
}

impl State {
    fn add(&mut self, purge: Purge) {
        let Purge { number, soft, cover } = purge;
        let kind = usize::from(soft);
        match cover {
            Cover::All => self.all[kind] = self.all[kind].max(number),
            Cover::Slot(slot) => self.slots[slot as usize] = self.slots[slot as usize].max(number),
            Cover::Tag(hash) => {
                let numbers = self.tags.entry(hash).or_default();
                numbers[kind] = numbers[kind].max(number);
                if self.tags.len() > TAGS {
                    self.forget_tags();
                }
            }
            cover @ (Cover::Url(_) | Cover::Prefix(_)) => {
                let place = self.records.partition_point(|known| known.number < number);
                self.records.insert(place, Purge { number, soft, cover });
                if self.records.len() > RECORDS
                    && let Some(oldest) = self.records.pop_front()
                {
                    self.floor = self.floor.max(oldest.number);
                }
            }
        }
    }

    /// Makes one purge of the older half of those by tag.
    fn forget_tags(&mut self) {
        let last = |numbers: &[u64; 2]| numbers[0].max(numbers[1]);
        let mut all: Vec<u64> = self.tags.values().map(last).collect();
        let (_, median, _) = all.select_nth_unstable(TAGS / 2);
        let median = *median;
        self.floor = self.floor.max(median);
        self.tags.retain(|_, numbers| last(numbers) > median);
    }

    fn standing(&self, subject: &Subject<'_>, tags: &[u64]) -> Standing {
        let after = |number: u64| number > subject.number;
        let of_tags =
            |kind: usize| tags.iter().filter_map(|tag| self.tags.get(tag)).any(|numbers| after(numbers[kind]));
        if self.floor >= subject.number || after(self.all[0]) || after(self.slots[subject.slot as usize]) || of_tags(0)
        {
            return Standing::Gone;
        }
        let soft = subject.soft || after(self.all[1]) || of_tags(1);
        let about = |purge: &&Purge| match &purge.cover {
            Cover::Url(url) => **url == *subject.url,
            Cover::Prefix(url) => subject.url.starts_with(&**url),
            Cover::All | Cover::Tag(_) | Cover::Slot(_) => false,
        };
        let later = self.records.iter().rev().take_while(|purge| after(purge.number));
        let worth = later.filter(about).map(|purge| if purge.soft { Standing::Soft } else { Standing::Gone });
        worth.max().unwrap_or(Standing::Good).max(if soft { Standing::Soft } else { Standing::Good })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SUMS: Sums = Sums { secret: 5 };

    fn standing(journal: &Journal, number: u64, url: &str, tag: &str) -> Standing {
        let tags = [Box::from(tag)];
        journal.standing(&Subject { number, soft: false, slot: 3, url, tags: &tags }, SUMS)
    }

    #[test]
    fn purges_cover_what_was_before_and_survive_as_octets() {
        for (cover, covered) in [
            (Cover::All, [true, true]),
            (Cover::Tag(SUMS.hash(b"t")), [true, false]),
            (Cover::Url("http://a/1".into()), [true, false]),
            (Cover::Prefix("http://a/".into()), [true, true]),
            (Cover::Slot(3), [true, true]),
            (Cover::Slot(4), [false, false]),
        ] {
            for soft in [false, true] {
                let journal = Journal::default();
                journal.begin(2);
                let before = journal.number();
                let purge = journal.purge(cover.clone(), soft);
                let after = journal.number();
                let read = Purge::read(purge.number, &purge.write()).expect("a purge");
                assert_eq!(read, purge);
                let later = Journal::default();
                later.restore(read);
                for journal in [&journal, &later] {
                    // What invalidates an address has no soft form.
                    let worse = if soft && !matches!(cover, Cover::Slot(_)) { Standing::Soft } else { Standing::Gone };
                    let want = covered.map(|covered| if covered { worse } else { Standing::Good });
                    assert_eq!(standing(journal, before, "http://a/1", "t"), want[0], "{cover:?}");
                    assert_eq!(standing(journal, before, "http://a/2", "u"), want[1], "{cover:?}");
                    assert_eq!(standing(journal, after, "http://a/1", "t"), Standing::Good, "{cover:?}");
                }
            }
        }
    }

    #[test]
    fn it_is_bounded_and_what_it_forgets_is_gone() {
        let journal = Journal::default();
        let old = journal.number();
        (0..=RECORDS).for_each(|at| drop(journal.purge(Cover::Url(format!("{at}").into()), false)));
        let young = journal.number();
        assert_eq!(standing(&journal, old, "x", "t"), Standing::Gone);
        assert_eq!(standing(&journal, young, "x", "t"), Standing::Good);
        let journal = Journal::default();
        let old = journal.number();
        (0..=TAGS as u64).for_each(|tag| drop(journal.purge(Cover::Tag(tag), false)));
        let young = journal.number();
        assert!(journal.lock().tags.len() <= TAGS);
        assert_eq!(standing(&journal, old, "x", "t"), Standing::Gone);
        assert_eq!(standing(&journal, young, "x", "t"), Standing::Good);
    }

    #[test]
    fn restored_from_the_newest_on_it_keeps_the_newest() {
        let journal = Journal::default();
        for number in (1..=RECORDS as u64 + 10).rev() {
            journal.restore(Purge { number, soft: false, cover: Cover::Url("a".into()) });
        }
        assert_eq!(standing(&journal, 10, "b", "t"), Standing::Gone);
        assert_eq!(standing(&journal, 11, "b", "t"), Standing::Good);
        assert_eq!(standing(&journal, 11, "a", "t"), Standing::Gone);
    }

    #[test]
    fn a_later_owner_numbers_higher_and_odd_octets_are_no_purge() {
        let journal = Journal::default();
        journal.begin(3);
        let number = journal.number();
        journal.begin(4);
        assert!(journal.number() > number);
        for octets in [&b""[..], b"\x00", b"\x01\x00123", b"\x02\x00\xff", b"\x04\x001", b"\x09\x00"] {
            assert_eq!(Purge::read(1, octets), None, "{octets:?}");
        }
    }
}
