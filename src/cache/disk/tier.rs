//! The tier as workers see it: what they ask for they ask here, and nothing they call waits for a disk.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::Duration;

use tokio::sync::oneshot;

use super::counts::{Counts, DiskSize, Failure, Refusal};
use super::index::{ENTRY, Index};
use super::journal::{Cover, Journal, Purge};
use super::queue::Queue;
use super::record::{HEADER, MAX_HEAD, Name, Place, Sums, stored};
use super::segment::Segment;
use super::write;
use crate::cache::key::Key;
use crate::cache::policy::{Millis, Rules, SECOND};
use crate::cache::purge::Scope;
use crate::cache::{Entry, Store, Variant};
use crate::observe::log;

/// Responses that wait to be written, at most.
const WRITES: usize = 4096;
/// Their octets, at most.
const WRITE_OCTETS: u64 = 64 << 20;
/// Purges and the like that may wait beyond that.
const NOTES: usize = 1 << 16;
/// Reads that wait, at most.
const READS: usize = 256;
/// What is of use for less time than this is not worth writing, unless it can be validated.
const SHORT: Millis = 10 * SECOND;
/// How long somebody waits for a purge to be on the disk.
const SETTLED: Duration = Duration::from_secs(5);
/// Purges that wait for the folder to be ours.
const DEFERRED: usize = 1024;
/// Segments of a full folder, unless they would be too small or too large.
const SEGMENTS: u64 = 64;

/// What bounds the tier, and where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskLimits {
    /// The folder.
    pub path: PathBuf,
    /// Octets in it.
    pub size: u64,
    /// Octets of memory for the index.
    pub index: u64,
}

/// The disk tier of a store.
pub struct Tier {
    pub(super) limits: DiskLimits,
    /// Variants of a key.
    pub(super) variants: usize,
    /// Octets of the memory.
    pub(super) memory: u64,
    pub(super) journal: Journal,
    pub(super) index: Index,
    pub(super) segments: Mutex<BTreeMap<u32, Arc<Segment>>>,
    /// Octets of all segments, of those that are gone and still read too.
    pub(super) used: Arc<AtomicU64>,
    /// Known while the folder is ours.
    sums: OnceLock<Sums>,
    open: AtomicBool,
    /// Purges since before the folder was ours; none from then on.
    deferred: Mutex<Option<Vec<(Scope, bool)>>>,
    pub(super) jobs: Queue<Job>,
    /// What readers do; theirs until nobody has the tier any more, so that responses that have begun are finished.
    pub(super) reads: Arc<Queue<Box<dyn FnOnce() + Send>>>,
    queued: AtomicU64,
    /// The disk takes nothing at the moment.
    pub(super) failing: AtomicBool,
    /// Something could not be noted: nothing on the disk can be trusted.
    pub(super) lost: AtomicBool,
    pub(super) counts: Counts,
}

/// What the thread that writes is asked to do.
#[derive(Debug)]
pub(super) enum Job {
    Keep(Keep),
    Forget(Name, u64),
    Purge(Purge),
    /// Answer when everything before is on the disk.
    Settle(oneshot::Sender<()>),
}

/// A response that is to be written.
#[derive(Debug)]
pub(super) struct Keep {
    pub(super) name: Name,
    pub(super) slot: u16,
    pub(super) number: u64,
    pub(super) key: Key,
    pub(super) entry: Arc<Entry>,
    /// Whether another one is on the disk under this name, or may be.
    pub(super) replaces: bool,
}

impl fmt::Debug for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tier").field("limits", &self.limits).finish_non_exhaustive()
    }
}

impl Drop for Tier {
    fn drop(&mut self) {
        self.reads.close();
    }
}

impl Tier {
    /// A tier that is not open; nothing is touched yet.
    pub(in crate::cache) fn new(limits: DiskLimits, variants: usize, memory: u64) -> Arc<Self> {
        Arc::new(Self {
            limits,
            variants: variants.max(1),
            memory,
            journal: Journal::default(),
            index: Index::default(),
            segments: Mutex::default(),
            used: Arc::default(),
            sums: OnceLock::new(),
            open: AtomicBool::new(false),
            deferred: Mutex::new(Some(Vec::new())),
            jobs: Queue::new(WRITES),
            reads: Arc::new(Queue::new(READS)),
            queued: AtomicU64::new(0),
            failing: AtomicBool::new(false),
            lost: AtomicBool::new(false),
            counts: Counts::default(),
        })
    }

    /// What bounds it.
    pub(in crate::cache) const fn limits(&self) -> &DiskLimits {
        &self.limits
    }

    /// Takes the folder as soon as it can be had, and begins to work. The store is asked what is in memory.
    pub(in crate::cache) fn start(self: &Arc<Self>, store: Weak<Store>) {
        let tier = self.clone();
        let thread = std::thread::Builder::new().name("tidegate-disk".to_owned());
        if let Err(error) = thread.spawn(move || write::run(&tier, &store)) {
            self.counts.failed(Failure::Open);
            log::error("the disk cache is off: no thread for it", &[("error", log::show(&error))]);
        }
    }

    /// Finishes what waits, and gives the folder to whoever comes next.
    pub(in crate::cache) fn stop(&self) {
        self.jobs.close();
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.jobs.is_closed()
    }

    /// Hashes of the folder, once it is ours.
    pub(super) fn sums(&self) -> Option<Sums> {
        self.sums.get().copied()
    }

    /// Hashes of the folder, while it is ours and in use.
    pub(super) fn ready(&self) -> Option<Sums> {
        if self.open.load(Acquire) { self.sums() } else { None }
    }

    /// The folder is ours. What was purged meanwhile is to be purged in it too, before anything is read from it.
    pub(super) fn opened(&self, epoch: u32, secret: u64) -> Vec<Purge> {
        self.journal.begin(epoch);
        let sums = *self.sums.get_or_init(|| Sums { secret });
        let mut deferred = lock(&self.deferred);
        let purges = deferred.take().unwrap_or_default();
        let purges = purges.iter().map(|(scope, soft)| self.journal.purge(Cover::of(scope, sums), *soft)).collect();
        self.open.store(true, Release);
        purges
    }

    /// It is not ours any more.
    pub(super) fn closed(&self) {
        self.open.store(false, Release);
        self.index.clear();
        lock(&self.segments).clear();
    }

    /// The name of a response under a key.
    fn name(sums: Sums, key: &[u8], chosen_by: &Variant) -> Name {
        let mut names = Vec::new();
        for name in chosen_by.names.iter() {
            names.extend_from_slice(name.as_str().as_bytes());
            names.push(b',');
        }
        // The lower halves.
        let (names, variant) = (sums.hash(&names) as u32, sums.hash(&chosen_by.said) as u32);
        Name { key: sums.hash(key), names, variant }
    }

    fn slot(sums: Sums, url: &str) -> u16 {
        // The lowest bits.
        sums.hash(url.as_bytes()) as u16
    }

    /// Octets of a segment.
    pub(super) fn segment_size(&self) -> u64 {
        (self.limits.size / SEGMENTS).clamp(8 << 20, 1 << 30)
    }

    /// Octets that are kept free for what is worth a second round.
    pub(super) fn reserve(&self) -> u64 {
        self.segment_size() / 4
    }

    /// Writes a response to the disk, soon, if it is worth that.
    pub(in crate::cache) fn keep(&self, key: &Key, entry: &Arc<Entry>, now: Millis) {
        let Some(sums) = self.ready() else { return };
        let (name, slot) = (Self::name(sums, &key.bytes, &entry.chosen_by), Self::slot(sums, entry.mark.url()));
        let number = self.journal.number();
        let replaces = self.index.expect(name, slot, number);
        let keep = Keep { name, slot, number, key: key.clone(), entry: entry.clone(), replaces };
        if !self.is_worth(entry, now) || !self.queue(keep) {
            self.index.settle(name, slot, number);
            if replaces {
                self.note(Job::Forget(name, number));
            }
        }
    }

    fn is_worth(&self, entry: &Entry, now: Millis) -> bool {
        let lasts = entry.terms.rules.has(Rules::VALIDATOR) || entry.terms.useful_until() >= now.saturating_add(SHORT);
        let span = stored(entry.contents.identity.len()) + (HEADER + MAX_HEAD) as u64;
        lasts && span <= self.segment_size() && !self.failing.load(Relaxed)
    }

    fn queue(&self, keep: Keep) -> bool {
        let octets = keep.octets();
        let most = WRITE_OCTETS.min(self.memory / 4);
        let fits = self.queued.fetch_add(octets, Relaxed) + octets <= most;
        let queued = fits && self.jobs.push(Job::Keep(keep));
        if !queued {
            self.queued.fetch_sub(octets, Relaxed);
            self.counts.refused(Refusal::WriteQueue);
        }
        queued
    }

    /// That many octets do not wait any more.
    pub(super) fn taken(&self, keep: &Keep) {
        self.queued.fetch_sub(keep.octets(), Relaxed);
    }

    /// A response is no longer to be used.
    pub(in crate::cache) fn forget(&self, key: &Key, chosen_by: &Variant) {
        let Some(sums) = self.ready() else { return };
        let name = Self::name(sums, &key.bytes, chosen_by);
        if self.index.forget(name) {
            self.note(Job::Forget(name, self.journal.number()));
        }
    }

    fn note(&self, job: Job) {
        if !self.jobs.push_urgent(job, NOTES) && !self.jobs.is_closed() {
            self.lost.store(true, Release);
            drop(self.journal.purge(Cover::All, false));
        }
    }

    /// Purges what is on the disk; it holds at once, and after a restart.
    pub(in crate::cache) fn purge(&self, scope: &Scope, soft: bool) {
        let mut deferred = lock(&self.deferred);
        if let Some(deferred) = &mut *deferred {
            deferred.push((scope.clone(), soft));
            if deferred.len() > DEFERRED {
                *deferred = vec![(Scope::All, false)];
            }
            return;
        }
        drop(deferred);
        if let Some(sums) = self.ready() {
            self.note(Job::Purge(self.journal.purge(Cover::of(scope, sums), soft)));
        }
    }

    /// What is stored for an address is no longer valid.
    pub(in crate::cache) fn invalidate(&self, url: &str) {
        match self.ready() {
            None => self.purge(&Scope::Url(url.into()), false),
            Some(sums) => {
                let slot = Self::slot(sums, url);
                if self.index.may_have(slot) {
                    self.note(Job::Purge(self.journal.purge(Cover::Slot(slot), false)));
                }
            }
        }
    }

    /// Waits until what was asked for before is on the disk, as far as the disk takes it.
    pub(in crate::cache) async fn settled(&self) {
        let (answer, answered) = oneshot::channel();
        if self.ready().is_some() && self.jobs.push_urgent(Job::Settle(answer), NOTES) {
            let _ = tokio::time::timeout(SETTLED, answered).await;
        }
    }

    /// How many responses a purge of that scope covers here, as far as that is known: the index has no tags and no addresses.
    pub(in crate::cache) fn covered(&self, scope: &Scope) -> Option<u64> {
        let sums = self.ready().filter(|_| !self.index.is_rebuilding())?;
        let entries = self.index.len() as u64;
        match scope {
            Scope::All => Some(entries),
            Scope::Url(url) if !self.index.may_have(Self::slot(sums, url)) => Some(0),
            Scope::Url(_) | Scope::Prefix(_) | Scope::Tag(_) => (entries == 0).then_some(0),
        }
    }

    /// Whether something is on the disk for a key.
    pub(in crate::cache) fn has(&self, key: &[u8]) -> bool {
        self.ready().is_some_and(|sums| self.index.has(sums.hash(key)))
    }

    /// Has a thread read something; whether it will.
    pub(super) fn read_soon(&self, read: Box<dyn FnOnce() + Send>, beyond: usize) -> bool {
        self.reads.push_urgent(read, beyond)
    }

    /// A response that cannot be read is not there.
    pub(super) fn spoilt(&self, name: Name, place: Place, failure: Failure) {
        self.counts.failed(failure);
        if self.index.remove(name, place) {
            let at = format!("{:08x}.seg, octet {}", place.segment(), place.offset());
            let fields = [("reason", failure.label().into()), ("place", (&*at).into())];
            log::warn("a stored response could not be read from the disk cache, and is dropped", &fields);
        }
    }

    pub(super) fn rebuilt(&self) {
        self.index.rebuilt();
    }

    pub(super) fn index_len(&self) -> usize {
        self.index.len()
    }

    /// Whether the index has all that it may have.
    pub(super) fn index_is_full(&self) -> bool {
        self.index.len() as u64 >= self.limits.index / ENTRY as u64
    }

    /// How it is doing.
    pub(in crate::cache) fn size(&self) -> DiskSize {
        let mut size = DiskSize {
            open: self.ready().is_some(),
            rebuilding: self.ready().is_some() && self.index.is_rebuilding(),
            failing: self.failing.load(Relaxed),
            entries: self.index.len() as u64,
            octets: self.used.load(Relaxed),
            limit: self.limits.size,
            index: self.index.weight() as u64,
            queued: self.queued.load(Relaxed),
            ..DiskSize::default()
        };
        self.counts.fill(&mut size);
        size
    }
}

impl Keep {
    /// What it holds in memory.
    fn octets(&self) -> u64 {
        self.entry.weight() as u64
    }
}

/// What the locks guard is whole at every step.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
