//! What one worker keeps for compression: encoders that have done their work and serve again, and how busy its thread is.
//!
//! An encoder is a quarter of a megabyte to one megabyte of tables; making one costs as much as compressing a small page.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::{Duration, Instant};

use flate2::{Compress as Deflate, Compression};
use libdeflater::{CompressionLvl, Compressor};
use rustix::time::{ClockId, clock_gettime};
use zstd_safe::{CCtx, CParameter};

use crate::http::dictionary::{Dictionary, Hash};

/// Encoders of one kind that wait for work; what comes back beyond that is freed.
const MAX_IDLE: usize = 8;
/// Bodies that are compressed at the same time. What comes beyond that goes out as it is: memory has a bound.
const MAX_BODIES: usize = 512;
/// Compressed octets that an encoder hands over at a time.
const SCRATCH: usize = 32 * 1024;
/// Room for output that is kept.
const MAX_ROOM: usize = 256 * 1024;
/// What encoders of zstd with a dictionary in them may take while they wait for work; the one that waits longest goes first.
const MAX_LOADED: usize = 16 * 1024 * 1024;
/// Bodies that are compressed with a dictionary at the same time: an encoder of one takes a megabyte or two, or several for brotli.
const MAX_WITH_DICTIONARY: usize = 32;
/// The windows of zstd with a dictionary, as powers of two: every client has room for the larger one (RFC 9842 §5).
const WINDOWS: (u32, u32) = (18, 23);
/// How often the share of the thread is measured at most.
const MEASURE: Duration = Duration::from_millis(100);

/// A worker's encoders. Everything stays on its thread.
#[derive(Default)]
pub struct Kit {
    gzip: RefCell<Vec<(u8, Deflate)>>,
    whole: RefCell<Vec<(u8, Compressor)>>,
    zstd: RefCell<Vec<CCtx<'static>>>,
    room: RefCell<Vec<u8>>,
    loaded: RefCell<Vec<Loaded>>,
    bodies: Cell<usize>,
    with_dictionary: Cell<usize>,
    load: Cell<Option<Load>>,
}

impl std::fmt::Debug for Kit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Kit").field("bodies", &self.bodies).finish_non_exhaustive()
    }
}

/// How busy the thread was between two looks.
#[derive(Clone, Copy, Debug)]
struct Load {
    at: Instant,
    cpu: Duration,
    /// 0 to 1.
    share: f32,
}

/// An encoder of zstd that has read a dictionary in.
pub(super) struct Loaded {
    hash: Hash,
    level: u8,
    pub(super) encoder: CCtx<'static>,
}

/// A body's place among those that are compressed, until it is dropped.
#[derive(Debug)]
pub struct Place {
    kit: Rc<Kit>,
    with_dictionary: bool,
}

impl Drop for Place {
    fn drop(&mut self) {
        let Self { kit, with_dictionary } = self;
        kit.bodies.set(kit.bodies.get() - 1);
        kit.with_dictionary.set(kit.with_dictionary.get() - usize::from(*with_dictionary));
    }
}

impl Kit {
    /// For the thread that calls it.
    pub fn new() -> Rc<Self> {
        Rc::default()
    }

    /// A place for one more body; `None` where there are too many.
    pub fn place(self: &Rc<Self>) -> Option<Place> {
        (self.bodies.get() < MAX_BODIES).then(|| {
            self.bodies.set(self.bodies.get() + 1);
            Place { kit: self.clone(), with_dictionary: false }
        })
    }

    /// A place for one more body that is compressed with a dictionary.
    pub fn place_with_dictionary(self: &Rc<Self>) -> Option<Place> {
        if self.with_dictionary.get() == MAX_WITH_DICTIONARY {
            return None;
        }
        let mut place = self.place()?;
        place.with_dictionary = true;
        self.with_dictionary.set(self.with_dictionary.get() + 1);
        Some(place)
    }

    /// An encoder of zstd that has read this dictionary in, now or before.
    pub(super) fn loaded(&self, dictionary: &Dictionary, level: u8) -> Option<Loaded> {
        let (hash, mut idle) = (dictionary.hash(), self.loaded.borrow_mut());
        if let Some(at) = idle.iter().rposition(|one| (one.hash, one.level) == (hash, level)) {
            return Some(idle.remove(at));
        }
        let mut encoder = CCtx::try_create()?;
        // Content of up to twice its size sees all of the dictionary.
        let window = (dictionary.octets().len() * 2).next_power_of_two().ilog2().clamp(WINDOWS.0, WINDOWS.1);
        encoder.set_parameter(CParameter::CompressionLevel(level.into())).ok()?;
        encoder.set_parameter(CParameter::WindowLog(window)).ok()?;
        encoder.load_dictionary(dictionary.octets()).ok()?;
        Some(Loaded { hash, level, encoder })
    }

    /// As if the thread were busy for that share of its time.
    #[cfg(test)]
    pub(super) fn pretend(&self, share: f32) {
        let at = Instant::now() + Duration::from_secs(3600);
        self.load.set(Some(Load { at, cpu: Duration::ZERO, share }));
    }

    /// How many encoders with a dictionary wait for work, and the octets that they take.
    #[cfg(test)]
    pub(super) fn loaded_size(&self) -> (usize, usize) {
        let idle = self.loaded.borrow();
        (idle.len(), idle.iter().map(|one| one.encoder.sizeof()).sum())
    }

    pub(super) fn give_back_loaded(&self, loaded: Loaded) {
        let mut idle = self.loaded.borrow_mut();
        idle.push(loaded);
        let mut octets: usize = idle.iter().map(|one| one.encoder.sizeof()).sum();
        while octets > MAX_LOADED {
            octets -= idle.remove(0).encoder.sizeof();
        }
    }

    /// A streaming encoder of gzip.
    pub(super) fn gzip(&self, level: u8) -> Deflate {
        let mut idle = self.gzip.borrow_mut();
        match idle.iter().position(|(of, _)| *of == level) {
            Some(at) => idle.swap_remove(at).1,
            None => Deflate::new_gzip(Compression::new(level.into()), 15),
        }
    }

    pub(super) fn give_back_gzip(&self, level: u8, mut encoder: Deflate) {
        let mut idle = self.gzip.borrow_mut();
        if idle.len() < MAX_IDLE {
            encoder.reset();
            idle.push((level, encoder));
        }
    }

    /// Does something with the encoder of gzip that takes a body as a whole.
    pub(super) fn with_whole<R>(&self, level: u8, act: impl FnOnce(&mut Compressor) -> R) -> R {
        let mut idle = self.whole.borrow_mut();
        let at = idle.iter().position(|(of, _)| *of == level).unwrap_or_else(|| {
            if idle.len() == MAX_IDLE {
                idle.remove(0);
            }
            idle.push((level, Compressor::new(CompressionLvl::new(level.into()).unwrap_or_default())));
            idle.len() - 1
        });
        act(&mut idle[at].1)
    }

    /// An encoder of zstd; its parameters are to be set.
    pub(super) fn zstd(&self) -> Option<CCtx<'static>> {
        self.zstd.borrow_mut().pop().or_else(CCtx::try_create)
    }

    pub(super) fn give_back_zstd(&self, encoder: CCtx<'static>) {
        let mut idle = self.zstd.borrow_mut();
        if idle.len() < MAX_IDLE {
            idle.push(encoder);
        }
    }

    /// Does something with room for output.
    pub(super) fn with_scratch<R>(&self, act: impl FnOnce(&mut [u8]) -> R) -> R {
        self.with_room(SCRATCH, act)
    }

    /// Does something with room for so many octets; what they hold is any.
    pub(super) fn with_room<R>(&self, octets: usize, act: impl FnOnce(&mut [u8]) -> R) -> R {
        if octets > MAX_ROOM {
            return act(&mut vec![0; octets]);
        }
        let mut room = self.room.borrow_mut();
        if room.len() < octets {
            room.resize(octets, 0);
        }
        act(&mut room[..octets])
    }

    /// Which share of the time the thread was at work lately, 0 to 1.
    pub fn busy(&self, now: Instant) -> f32 {
        let before = self.load.get();
        if let Some(before) = before
            && now.saturating_duration_since(before.at) < MEASURE
        {
            return before.share;
        }
        let cpu = clock_gettime(ClockId::ThreadCPUTime);
        let cpu = Duration::new(cpu.tv_sec.cast_unsigned(), u32::try_from(cpu.tv_nsec).unwrap_or(0));
        let share = before.map_or(0.0, |before| {
            let passed = now.saturating_duration_since(before.at).as_secs_f32();
            (cpu.saturating_sub(before.cpu).as_secs_f32() / passed.max(0.001)).min(1.0)
        });
        self.load.set(Some(Load { at: now, cpu, share }));
        share
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encoders_come_back_and_places_end() {
        let kit = Kit::new();
        for _ in 0..MAX_IDLE + 3 {
            kit.give_back_gzip(4, Deflate::new_gzip(Compression::new(4), 15));
        }
        assert_eq!(kit.gzip.borrow().len(), MAX_IDLE);
        drop(kit.gzip(4));
        drop(kit.gzip(9));
        assert_eq!(kit.gzip.borrow().len(), MAX_IDLE - 1);
        let places: Vec<_> = std::iter::from_fn(|| kit.place()).collect();
        assert_eq!(places.len(), MAX_BODIES);
        drop(places);
        assert!(kit.place().is_some());
    }

    #[test]
    fn a_thread_at_work_is_busy_and_one_that_waits_is_not() {
        let kit = Kit::new();
        let start = Instant::now();
        assert!(kit.busy(start).abs() < f32::EPSILON, "nothing is known yet");
        // Nothing waits here: the clock of the thread stands almost still against one that is told to have moved on.
        assert!(kit.busy(start + Duration::from_secs(100)) < 0.5);
        let shown = kit.busy(start + Duration::from_secs(100) + MEASURE / 2);
        assert!(shown < 0.5, "the last figure stays for a while");
        let cpu = || clock_gettime(ClockId::ThreadCPUTime);
        let begun = cpu();
        let micros = |time: rustix::time::Timespec| time.tv_sec * 1_000_000 + time.tv_nsec / 1000;
        while micros(cpu()) - micros(begun) < 99_000 {
            std::hint::spin_loop();
        }
        assert!(kit.busy(start + Duration::from_secs(100) + MEASURE) > 0.9, "it did nothing else");
    }
}
