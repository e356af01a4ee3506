//! What was made invalid, and since when.
//!
//! A purge changes a number and no entry: each entry knows the number that was in force when its response was asked for, and is compared
//! when it is hit. So a purge by tag costs the same for one entry and for a million, and holds for what is under way as well. What was
//! purged is taken out of the store by a sweep on another thread.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Generations of addresses. Two addresses that share one are invalidated together, which costs a fetch and is never wrong.
const SLOTS: usize = 1 << 16;
/// Purges by address and by prefix that entries are compared with one by one. What is older than all of them counts as purged.
const RECORDS: usize = 1024;
/// Tags without an entry are forgotten when there are so many more than at the last time.
const TAGS_SLACK: usize = 1024;

/// What a purge is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Everything.
    All,
    /// What has that tag.
    Tag(Box<str>),
    /// What was stored for that URL.
    Url(Box<str>),
    /// What was stored for a URL that begins like this.
    Prefix(Box<str>),
}

impl Scope {
    /// The word for it.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::All => "all",
            Self::Tag(_) => "tag",
            Self::Url(_) => "url",
            Self::Prefix(_) => "prefix",
        }
    }
}

/// What an entry is worth after all purges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// Nothing was purged that it belongs to.
    Good,
    /// Purged softly: stale.
    Soft,
    /// Purged: it is not there.
    Gone,
}

/// A tag and its generations.
#[derive(Debug)]
pub struct Tag {
    name: Box<str>,
    hard: AtomicU64,
    soft: AtomicU64,
}

/// The purges of a store.
#[derive(Debug)]
pub struct Purges {
    /// The number of the latest purge.
    latest: AtomicU64,
    /// Goes up after a purge has taken effect, so that what was compared since need not be compared again.
    changes: AtomicU64,
    all_hard: AtomicU64,
    all_soft: AtomicU64,
    slots: Box<[AtomicU64]>,
    records: Mutex<Records>,
    newest_record: AtomicU64,
    tags: Mutex<Tags>,
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct Tags {
    known: HashMap<Box<str>, Arc<Tag>>,
    /// How many there were when those without an entry were forgotten.
    kept: usize,
    /// The newest purges among those that were forgotten: what was asked for before them may have been meant by one.
    forgotten: Forgotten,
}

#[derive(Clone, Copy, Debug, Default)]
struct Forgotten {
    hard: u64,
    soft: u64,
}

#[derive(Debug, Default)]
struct Records {
    list: VecDeque<Record>,
    /// The number of the last one that was dropped.
    dropped: u64,
}

#[derive(Debug)]
struct Record {
    number: u64,
    url: Box<str>,
    prefix: bool,
    soft: bool,
}

/// What a purge looks at in an entry, and what was found the last time.
#[derive(Debug)]
pub struct Mark {
    /// The purge that was the latest when the response was asked for.
    since: u64,
    slot: u32,
    url: Arc<str>,
    tags: Box<[Arc<Tag>]>,
    /// `changes` when it was compared the last time.
    compared: AtomicU64,
    /// The newest record that it was compared with.
    seen: AtomicU64,
    standing: AtomicU8,
}

impl Default for Purges {
    fn default() -> Self {
        Self {
            latest: AtomicU64::new(1),
            changes: AtomicU64::new(1),
            all_hard: AtomicU64::new(0),
            all_soft: AtomicU64::new(0),
            slots: (0..SLOTS).map(|_| AtomicU64::new(0)).collect(),
            records: Mutex::default(),
            newest_record: AtomicU64::new(0),
            tags: Mutex::default(),
            hasher: RandomState::new(),
        }
    }
}

/// What the lock guards is whole at every step.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Purges {
    /// The number to ask an upstream under: what is purged from now on covers what it answers.
    pub fn now(&self) -> u64 {
        self.latest.load(Ordering::Acquire)
    }

    /// For a response that was asked for under that number.
    pub fn mark(&self, since: u64, url: Arc<str>, tags: impl IntoIterator<Item = Box<str>>) -> Mark {
        let slot = self.slot(&url);
        let tags = self.known(tags);
        let (compared, seen) = (AtomicU64::new(0), AtomicU64::new(since));
        Mark { since, slot, url, tags, compared, seen, standing: AtomicU8::new(Standing::Good as u8) }
    }

    fn slot(&self, url: &str) -> u32 {
        (self.hasher.hash_one(url) % SLOTS as u64) as u32
    }

    fn known(&self, names: impl IntoIterator<Item = Box<str>>) -> Box<[Arc<Tag>]> {
        let mut names = names.into_iter().peekable();
        if names.peek().is_none() {
            return Box::default();
        }
        let mut tags = lock(&self.tags);
        let found = names.map(|name| tags.of(name)).collect();
        tags.forget();
        found
    }

    /// Makes the responses of an address invalid, on every route and in every variant. The number of this purge.
    pub fn invalidate(&self, url: &str) -> u64 {
        let number = self.next();
        self.slots[self.slot(url) as usize].fetch_max(number, Ordering::AcqRel);
        self.changed();
        number
    }

    /// Purges what was asked for until now: the number of this purge.
    pub fn purge(&self, scope: &Scope, soft: bool) -> u64 {
        let number = match scope {
            Scope::All => self.raise(if soft { &self.all_soft } else { &self.all_hard }),
            Scope::Tag(name) => {
                // Also one that nothing has yet: what is under way may bring it.
                let mut tags = lock(&self.tags);
                let tag = tags.of(name.clone());
                let number = self.raise(if soft { &tag.soft } else { &tag.hard });
                drop(tag);
                tags.forget();
                number
            }
            Scope::Url(url) => self.record(url, false, soft),
            Scope::Prefix(url) => self.record(url, true, soft),
        };
        self.changed();
        number
    }

    fn raise(&self, cell: &AtomicU64) -> u64 {
        let number = self.next();
        cell.fetch_max(number, Ordering::AcqRel);
        number
    }

    fn record(&self, url: &str, prefix: bool, soft: bool) -> u64 {
        let mut records = lock(&self.records);
        // Numbered behind the lock: so they stand in their order.
        let number = self.next();
        records.list.push_back(Record { number, url: url.into(), prefix, soft });
        self.newest_record.store(number, Ordering::Release);
        if records.list.len() > RECORDS {
            records.dropped = records.list.pop_front().map_or(0, |oldest| oldest.number);
        }
        number
    }

    fn next(&self) -> u64 {
        self.latest.fetch_add(1, Ordering::AcqRel) + 1
    }

    fn changed(&self) {
        self.changes.fetch_add(1, Ordering::AcqRel);
    }

    /// How many tags are known.
    pub fn tags(&self) -> usize {
        lock(&self.tags).known.len()
    }

    /// What an entry is worth.
    pub fn standing(&self, mark: &Mark) -> Standing {
        let changes = self.changes.load(Ordering::Acquire);
        if mark.compared.load(Ordering::Acquire) == changes {
            return mark.last();
        }
        let standing = self.compare(mark).max(mark.last());
        mark.standing.fetch_max(standing as u8, Ordering::AcqRel);
        mark.compared.store(changes, Ordering::Release);
        standing
    }

    fn compare(&self, mark: &Mark) -> Standing {
        let after = |cell: &AtomicU64| cell.load(Ordering::Acquire) > mark.since;
        let hard = after(&self.all_hard)
            || after(&self.slots[mark.slot as usize])
            || mark.tags.iter().any(|tag| after(&tag.hard));
        if hard {
            return Standing::Gone;
        }
        let soft = after(&self.all_soft) || mark.tags.iter().any(|tag| after(&tag.soft));
        let newer = self.newest_record.load(Ordering::Acquire) > mark.seen.load(Ordering::Acquire);
        let recorded = if newer { self.recorded(mark) } else { Standing::Good };
        recorded.max(if soft { Standing::Soft } else { Standing::Good })
    }

    fn recorded(&self, mark: &Mark) -> Standing {
        let records = lock(&self.records);
        let newest = records.list.back().map_or(0, |record| record.number);
        let seen = mark.seen.fetch_max(newest, Ordering::AcqRel);
        if records.dropped > seen {
            // Perhaps that one was about it.
            return Standing::Gone;
        }
        let about = |record: &&Record| match record.prefix {
            true => mark.url.starts_with(&*record.url),
            false => *mark.url == *record.url,
        };
        let later = records.list.iter().rev().take_while(|record| record.number > seen);
        let worth = later.filter(about).map(|record| if record.soft { Standing::Soft } else { Standing::Gone });
        worth.max().unwrap_or(Standing::Good)
    }
}

impl Tags {
    fn of(&mut self, name: Box<str>) -> Arc<Tag> {
        let Forgotten { hard, soft } = self.forgotten;
        let new = || Arc::new(Tag { name: name.clone(), hard: AtomicU64::new(hard), soft: AtomicU64::new(soft) });
        self.known.entry(name.clone()).or_insert_with(new).clone()
    }

    /// Forgets tags that nothing has, where there are many.
    fn forget(&mut self) {
        if self.known.len() <= self.kept.saturating_mul(2) + TAGS_SLACK {
            return;
        }
        let forgotten = &mut self.forgotten;
        self.known.retain(|_, tag| {
            let kept = Arc::strong_count(tag) > 1;
            if !kept {
                forgotten.hard = forgotten.hard.max(tag.hard.load(Ordering::Acquire));
                forgotten.soft = forgotten.soft.max(tag.soft.load(Ordering::Acquire));
            }
            kept
        });
        self.kept = self.known.len();
    }
}

impl Mark {
    /// Whether a purge of that number was about it.
    pub fn is_covered(&self, scope: &Scope, number: u64) -> bool {
        self.since < number
            && match scope {
                Scope::All => true,
                Scope::Tag(name) => self.tags.iter().any(|tag| tag.name == *name),
                Scope::Url(url) => *self.url == **url,
                Scope::Prefix(url) => self.url.starts_with(&**url),
            }
    }

    fn last(&self) -> Standing {
        match self.standing.load(Ordering::Acquire) {
            0 => Standing::Good,
            1 => Standing::Soft,
            _ => Standing::Gone,
        }
    }

    /// The URL that it was stored for, as clients ask for it.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The tags; those of our own making have a line end in them.
    pub fn tags(&self) -> impl Iterator<Item = &str> {
        self.tags.iter().map(|tag| &*tag.name)
    }

    /// The same for what was purged softly already.
    #[must_use]
    pub(super) fn softly_purged(self, soft: bool) -> Self {
        if soft {
            self.standing.fetch_max(Standing::Soft as u8, Ordering::AcqRel);
        }
        self
    }

    /// Octets of memory that it takes, a share of its tags among them.
    pub fn weight(&self) -> usize {
        size_of::<Self>() + self.url.len() + self.tags.iter().map(|tag| tag.name.len() + 64).sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(purges: &Purges, url: &str, tags: &[&str]) -> Mark {
        purges.mark(purges.now(), url.into(), tags.iter().map(|tag| (*tag).into()))
    }

    #[test]
    fn each_scope_covers_what_it_names() {
        let urls = ["http://a/x", "http://a/x/y", "http://b/x"];
        for (scope, covered) in [
            (Scope::All, [true, true, true]),
            (Scope::Tag("t".into()), [true, false, true]),
            (Scope::Tag("unknown".into()), [false, false, false]),
            (Scope::Url("http://a/x".into()), [true, false, false]),
            (Scope::Prefix("http://a/x".into()), [true, true, false]),
        ] {
            for (soft, worse) in [(false, Standing::Gone), (true, Standing::Soft)] {
                let purges = Purges::default();
                let marks = [0, 1, 2].map(|at| mark(&purges, urls[at], if at == 1 { &["u"] } else { &["t", "u"] }));
                assert!(marks.iter().all(|mark| purges.standing(mark) == Standing::Good));
                let number = purges.purge(&scope, soft);
                assert_eq!([0, 1, 2].map(|at| marks[at].is_covered(&scope, number)), covered, "{scope:?}");
                let want = covered.map(|covered| if covered { worse } else { Standing::Good });
                assert_eq!([0, 1, 2].map(|at| purges.standing(&marks[at])), want, "{scope:?} {soft}");
                // What is asked for afterwards is good.
                let later = mark(&purges, urls[0], &["t"]);
                assert_eq!((purges.standing(&later), later.is_covered(&scope, number)), (Standing::Good, false));
            }
        }
    }

    #[test]
    fn a_purge_covers_what_is_under_way() {
        let purges = Purges::default();
        for scope in [Scope::Url("http://a/".into()), Scope::Tag("new".into()), Scope::All] {
            let since = purges.now();
            purges.purge(&scope, false);
            let late = purges.mark(since, "http://a/".into(), ["new".into()]);
            assert_eq!(purges.standing(&late), Standing::Gone, "{scope:?}");
        }
        // Also where the tag was forgotten meanwhile.
        let since = purges.now();
        purges.purge(&Scope::Tag("rare".into()), false);
        (0..5 * TAGS_SLACK).for_each(|at| drop(mark(&purges, "http://a/", &[&at.to_string()])));
        assert_eq!(purges.standing(&purges.mark(since, "http://a/".into(), ["rare".into()])), Standing::Gone);
    }

    #[test]
    fn hard_wins_over_soft_in_either_order() {
        for first in [false, true] {
            let purges = Purges::default();
            let entry = mark(&purges, "http://a/", &["t"]);
            purges.purge(&Scope::Tag("t".into()), first);
            let between = if first { Standing::Soft } else { Standing::Gone };
            assert_eq!(purges.standing(&entry), between);
            purges.purge(&Scope::All, !first);
            assert_eq!(purges.standing(&entry), Standing::Gone);
        }
    }

    #[test]
    fn an_address_is_invalid_in_all_its_entries() {
        let purges = Purges::default();
        let (one, other) = (mark(&purges, "http://a/", &[]), mark(&purges, "http://b/", &[]));
        purges.invalidate("http://a/");
        assert_eq!(purges.standing(&one), Standing::Gone);
        if one.slot != other.slot {
            assert_eq!(purges.standing(&other), Standing::Good);
        }
    }

    #[test]
    fn what_is_forgotten_counts_as_purged() {
        let purges = Purges::default();
        let entry = mark(&purges, "http://a/", &[]);
        (0..RECORDS).for_each(|at| {
            purges.purge(&Scope::Url(format!("http://b/{at}").into()), false);
        });
        assert_eq!(purges.standing(&entry), Standing::Good);
        let unseen = mark(&purges, "http://a/", &[]);
        (0..=RECORDS).for_each(|at| {
            purges.purge(&Scope::Url(format!("http://b/{at}").into()), false);
        });
        assert_eq!(purges.standing(&unseen), Standing::Gone);
        let swept = mark(&purges, "http://a/", &[]);
        for at in 0..3 * RECORDS {
            purges.purge(&Scope::Url(format!("http://b/{at}").into()), false);
            assert_eq!(purges.standing(&swept), Standing::Good);
        }
    }

    #[test]
    fn tags_without_entries_are_forgotten() {
        let purges = Purges::default();
        let kept = mark(&purges, "http://a/", &["kept"]);
        (0..5 * TAGS_SLACK).for_each(|at| drop(mark(&purges, "http://a/", &[&at.to_string()])));
        assert!(purges.tags() <= 2 * TAGS_SLACK, "{}", purges.tags());
        purges.purge(&Scope::Tag("kept".into()), false);
        assert_eq!(purges.standing(&kept), Standing::Gone);
    }
}
