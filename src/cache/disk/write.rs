//! The thread that owns the folder: takes it, writes, makes room, and gives it up.

use std::io;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use super::counts::Failure;
use super::files::Folder;
use super::head;
use super::index::Spot;
use super::journal::{Purge, Subject};
use super::out::Out;
use super::queue::Popped;
use super::read::{self, Blocks};
use super::rebuild;
use super::record::{HEADER, Kind, Name, Place, Record, Sums};
use super::segment::Segment;
use super::take;
use super::tier::{Job, Keep, Tier};
use crate::cache::purge::Standing;
use crate::cache::{Content, Store};
use crate::observe::log;

/// Threads that read.
const READERS: usize = 4;
/// How often a disk that takes nothing is tried again.
const FAILED: Duration = Duration::from_secs(30);
/// How long it waits for a job before it looks after the rest.
const IDLE: Duration = Duration::from_millis(500);
/// How often the oldest segment is given for a note that has to be written.
const TRIES: usize = 3;

/// Owns the folder until the tier is stopped.
pub(super) fn run(tier: &Arc<Tier>, store: &Weak<Store>) {
    let Some(folder) = take::take(tier) else { return };
    let (mut found, used) = (Vec::new(), &tier.used);
    for number in &folder.found {
        match Segment::open(&folder, *number, used) {
            Ok(segment) => found.push(Arc::new(segment)),
            // As if it were missing: what is older is not trusted.
            Err(_) => tier.counts.failed(Failure::Read),
        }
    }
    found.iter().for_each(|segment| tier.add_segment(segment.clone()));
    let sums = Sums { secret: folder.secret };
    let next = folder.found.last().map_or(0, |last| last.wrapping_add(1));
    let purges = tier.opened(folder.epoch, folder.secret);
    let mut writer = Writer {
        tier,
        store,
        sums,
        folder,
        active: None,
        next,
        scratch: Vec::new(),
        again: None,
        said: false,
        unsynced: false,
    };
    purges.iter().for_each(|purge| writer.purge(purge));
    for _ in 0..READERS {
        start_reader(tier);
    }
    let rebuilding = tier.clone();
    let thread = std::thread::Builder::new().name("tidegate-index".to_owned());
    let rebuild = thread.spawn(move || rebuild::run(&rebuilding, found));
    writer.work();
    // The folder is ours until nobody looks into it any more.
    if let Ok(rebuild) = rebuild {
        let _ = rebuild.join();
    }
    tier.closed();
}

fn start_reader(tier: &Arc<Tier>) {
    let reads = tier.reads.clone();
    let thread = std::thread::Builder::new().name("tidegate-read".to_owned());
    let run = move || loop {
        match reads.pop(IDLE) {
            Popped::Job(read) => read(),
            Popped::Nothing => {}
            Popped::Closed => return,
        }
    };
    if thread.spawn(run).is_err() {
        tier.counts.failed(Failure::Open);
    }
}

struct Writer<'a> {
    tier: &'a Arc<Tier>,
    store: &'a Weak<Store>,
    sums: Sums,
    folder: Folder,
    active: Option<Arc<Segment>>,
    /// Number of the next segment.
    next: u32,
    scratch: Vec<u8>,
    /// When the disk is tried again.
    again: Option<Instant>,
    /// Whether it was said that the disk takes nothing.
    said: bool,
    /// Whether a purge may be lost with the power.
    unsynced: bool,
}

impl Writer<'_> {
    fn work(&mut self) {
        loop {
            match self.tier.jobs.pop(IDLE) {
                Popped::Job(Job::Keep(keep)) => self.keep(&keep),
                Popped::Job(Job::Forget(name, number)) => {
                    let record = note(Kind::Forget, name, number, 0);
                    self.must(&record, b"");
                }
                Popped::Job(Job::Purge(purge)) => self.purge(&purge),
                Popped::Job(Job::Settle(answer)) => {
                    self.sync();
                    // Whoever asked may have left.
                    let _ = answer.send(());
                }
                Popped::Nothing => self.sync(),
                Popped::Closed => break,
            }
            if self.tier.lost.swap(false, Acquire) {
                self.give_up();
            }
            if self.again.is_some_and(|again| again <= Instant::now()) {
                self.again = None;
                self.tier.failing.store(false, Release);
            }
        }
        self.sync();
    }

    fn sync(&mut self) {
        if std::mem::take(&mut self.unsynced)
            && let Some(segment) = &self.active
            && segment.sync().is_err()
        {
            self.tier.counts.failed(Failure::Write);
        }
    }

    fn keep(&mut self, keep: &Keep) {
        let Keep { name, slot, number, entry, replaces, .. } = keep;
        let standing = self.store.upgrade().map_or(Standing::Gone, |store| store.purges.standing(&entry.mark));
        let wanted = self.tier.index.wants(*name, *number) && standing != Standing::Gone;
        let mut written = false;
        if wanted && !self.tier.failing.load(Relaxed) {
            match self.write_response(keep, standing == Standing::Soft) {
                Ok(Some(spot)) => written = self.tier.index.insert(spot, *number, self.tier.variants),
                Ok(None) => {}
                Err(error) => self.failed(&error),
            }
        }
        self.tier.taken(keep);
        let still_wanted = self.tier.index.settle(*name, *slot, *number);
        if written {
            self.tier.counts.written.fetch_add(1, Relaxed);
        } else if still_wanted && *replaces {
            self.must(&note(Kind::Forget, *name, *number, 0), b"");
        }
    }

    fn purge(&mut self, purge: &Purge) {
        let head = purge.write();
        self.must(&note(Kind::Purge, Name::default(), purge.number, head.len()), &head);
        self.unsynced = true;
    }

    /// Writes what has to be known after a restart. Where the disk takes it by no means, nothing on it can be used.
    fn must(&mut self, record: &Record, head: &[u8]) {
        for _ in 0..TRIES {
            match self.append(record, head, &Content::Empty) {
                Ok(_) => return,
                Err(error) => self.failed(&error),
            }
            self.evict();
        }
        self.give_up();
    }

    fn give_up(&mut self) {
        log::error("the disk cache is dropped: what was purged could not be noted in it", &[]);
        self.active = None;
        self.tier.drop_all();
    }

    /// The disk does not take what it is given: nothing is stored for a while.
    fn failed(&mut self, error: &io::Error) {
        self.tier.counts.failed(Failure::Write);
        self.tier.failing.store(true, Release);
        self.again = Some(Instant::now() + FAILED);
        if !std::mem::replace(&mut self.said, true) {
            let fields = [("path", log::show(&self.tier.limits.path.display())), ("error", log::show(error))];
            log::error("the disk cache stores nothing for now", &fields);
        }
    }

    /// Writes a response; `None` where its head is too long, or its body cannot be had.
    fn write_response(&mut self, keep: &Keep, soft: bool) -> io::Result<Option<Spot>> {
        let Some(head) = head::write(&keep.key.bytes, &keep.entry) else { return Ok(None) };
        let content = &keep.entry.contents.identity;
        let record = Record {
            kind: Kind::Response,
            soft,
            slot: keep.slot,
            name: keep.name,
            // At most `MAX_HEAD`.
            head: head.len() as u32,
            body: content.len(),
            number: keep.number,
        };
        self.make_room(record.span());
        let Some(place) = self.append(&record, &head, content)? else { return Ok(None) };
        if std::mem::take(&mut self.said) {
            log::note("the disk cache stores again", &[]);
        }
        Ok(Some(Spot::of(&record, place)))
    }

    /// Lets the oldest go until there is room for so many octets, and for what has a second round.
    fn make_room(&mut self, octets: u64) {
        let most = self.tier.limits.size.saturating_sub(self.tier.reserve());
        while self.tier.used.load(Relaxed) + octets > most || self.tier.index_is_full() {
            if !self.evict() {
                return;
            }
        }
    }

    /// Appends a record: where it is, or `None` where there is no room or its body cannot be read.
    fn append(&mut self, record: &Record, head: &[u8], content: &Content) -> io::Result<Option<Place>> {
        let span = record.span();
        if self.tier.used.load(Relaxed) + span > self.tier.limits.size {
            return Ok(None);
        }
        let segment = self.segment(span)?;
        let Some(place) = segment.end() else { return Ok(None) };
        let mut out = Out { segment: &segment, at: place.offset(), scratch: &mut self.scratch };
        out.scratch.clear();
        out.scratch.extend_from_slice(&record.write(self.sums, place, head));
        out.scratch.extend_from_slice(head);
        let whole = out.body(content, self.sums, place).and_then(|whole| out.flush().map(|()| whole));
        let end = out.at;
        match whole {
            Ok(true) if end == place.offset() + span => {
                segment.commit(end);
                Ok(Some(place))
            }
            Ok(_) => {
                segment.cut();
                Ok(None)
            }
            Err(error) => {
                segment.cut();
                Err(error)
            }
        }
    }

    /// The segment that has room for so many octets.
    fn segment(&mut self, octets: u64) -> io::Result<Arc<Segment>> {
        let size = self.tier.segment_size();
        if let Some(active) = &self.active
            && (active.len() == 0 || active.len() + octets <= size)
        {
            return Ok(active.clone());
        }
        self.sync();
        let segment = Arc::new(Segment::create(&self.folder, self.next, &self.tier.used)?);
        self.next = self.next.wrapping_add(1);
        self.tier.add_segment(segment.clone());
        self.active = Some(segment.clone());
        Ok(segment)
    }

    /// Lets the oldest segment go. What is asked for often is written again, as far as there is room. Whether there was one.
    fn evict(&mut self) -> bool {
        let Some((oldest, others)) = self.tier.oldest() else { return false };
        if !others {
            self.active = None;
        }
        self.tier.take_out(oldest.number);
        let mut left = self.tier.reserve();
        let mut found = Vec::new();
        rebuild::scan(&oldest, self.sums, |place, record| {
            if record.kind == Kind::Response
                && let Some(spot) = self.tier.index.is_at(record.name, place)
            {
                found.push((spot, *record));
            }
        });
        for (spot, record) in found {
            let again = record.span() <= left && self.again_at(&oldest, &spot, &record);
            if again {
                left -= record.span();
            } else if self.tier.index.remove(spot.name, spot.place) {
                self.tier.counts.evicted.fetch_add(1, Relaxed);
            }
        }
        if oldest.unlink().is_err() {
            self.tier.counts.failed(Failure::Write);
        }
        true
    }

    /// Writes a response again if it is asked for: it was read from here, or it is in memory.
    fn again_at(&mut self, segment: &Arc<Segment>, spot: &Spot, record: &Record) -> bool {
        if self.tier.failing.load(Relaxed) {
            return false;
        }
        let Ok((_, octets)) = read::head_at(segment, self.sums, spot.place) else { return false };
        let Some(head) = head::read(&octets) else { return false };
        let asked = || self.store.upgrade().is_some_and(|store| store.holds(&head.key));
        if spot.hits == 0 && !asked() {
            return false;
        }
        let subject =
            Subject { number: record.number, soft: record.soft, slot: record.slot, url: &head.url, tags: &head.tags };
        let (number, standing) = self.tier.journal.copied(&subject, self.sums);
        if standing == Standing::Gone {
            return false;
        }
        let start = spot.place.offset() + (HEADER + octets.len()) as u64;
        let blocks = Blocks { place: spot.place, start, length: record.body };
        let body = super::body::OnDisk::new(super::body::Stored {
            tier: self.tier.clone(),
            segment: segment.clone(),
            place: spot.place,
            name: spot.name,
            start: blocks.start,
            length: blocks.length,
        });
        let content = if record.body == 0 { Content::Empty } else { Content::OnDisk(body) };
        let copy = Record { number, soft: standing == Standing::Soft, ..*record };
        match self.append(&copy, &octets, &content) {
            // It has to be asked for again to stay again.
            Ok(Some(place)) => self.tier.index.moved(spot.place, Spot { place, hits: 0, ..*spot }),
            Ok(None) => false,
            Err(error) => {
                self.failed(&error);
                false
            }
        }
    }
}

/// A record without a body.
fn note(kind: Kind, name: Name, number: u64, head: usize) -> Record {
    // URLs are far shorter than this.
    let head = u32::try_from(head).unwrap_or(u32::MAX);
    Record { kind, soft: false, slot: 0, name, head, body: 0, number }
}
