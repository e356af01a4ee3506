//! The control side: who looks on.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;

use super::{Filter, WorkerLookout};
use crate::observe::access_log::{AccessLog, Destination, WorkerAccessLog};
use crate::observe::metrics::Metrics;
use crate::observe::{Names, Side};

/// Taps at the same time.
const TAPS: usize = 16;
/// Lines of one tap that may wait.
const WAITING: usize = 1024;
/// Octets of one tap that may wait.
const OCTETS: usize = 1 << 20;
/// Exchanges that failed and may wait to be remembered.
const FAILED: usize = 512;

/// An exchange that failed, as a line of the access log in JSON without its end.
pub struct Failed {
    /// Whose fault it was.
    pub side: Side,
    /// The line.
    pub line: Box<[u8]>,
}

/// One tap, as workers see it.
pub(crate) struct Tap {
    pub(crate) filter: Filter,
    lines: SyncSender<Box<[u8]>>,
    octets: AtomicUsize,
    missed: AtomicU64,
}

impl Tap {
    /// Whether there is room for a line; where there is none, one is missed.
    pub(crate) fn has_room(&self) -> bool {
        let room = self.octets.load(Relaxed) < OCTETS;
        if !room {
            self.missed.fetch_add(1, Relaxed);
        }
        room
    }

    pub(crate) fn take(&self, line: &[u8]) {
        self.octets.fetch_add(line.len(), Relaxed);
        if self.lines.try_send(line.into()).is_err() {
            self.octets.fetch_sub(line.len(), Relaxed);
            self.missed.fetch_add(1, Relaxed);
        }
    }
}

pub(crate) type Taps = Arc<ArcSwap<Vec<Arc<Tap>>>>;

/// The control side. Clones are the same.
#[derive(Clone)]
pub struct Lookout {
    taps: Taps,
    /// Held while the list is changed.
    changing: Arc<Mutex<()>>,
    failed: SyncSender<Failed>,
    names: Arc<ArcSwap<Names>>,
    rules: Arc<ArcSwap<Destination>>,
}

impl Lookout {
    /// Nobody looks on yet; what is redacted in the access log is redacted here. What fails comes out of the receiver.
    pub fn new(metrics: &Metrics, access_log: &AccessLog) -> (Self, Receiver<Failed>) {
        let (failed, coming) = sync_channel(FAILED);
        let (taps, changing) = (Taps::default(), Arc::default());
        let rules = access_log.latest();
        (Self { taps, changing, failed, names: metrics.names(), rules }, coming)
    }

    /// A worker's part of it, beside that worker's access log. Call it on the worker's thread.
    pub fn worker(&self, beside: &WorkerAccessLog) -> WorkerLookout {
        let (taps, failed, names, rules) =
            (self.taps.clone(), self.failed.clone(), self.names.clone(), self.rules.clone());
        WorkerLookout::new(taps, failed, names, rules, beside.clock())
    }

    /// Shows what the filter takes from now on; `None` where there are as many taps as may be.
    pub fn watch(&self, filter: Filter) -> Option<Watch> {
        let (lines, coming) = sync_channel(WAITING);
        let tap = Arc::new(Tap { filter, lines, octets: AtomicUsize::new(0), missed: AtomicU64::new(0) });
        let _changing = self.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taps = Vec::clone(&self.taps.load());
        if taps.len() >= TAPS {
            return None;
        }
        taps.push(tap.clone());
        self.taps.store(Arc::new(taps));
        Some(Watch { tap, coming, lookout: self.clone() })
    }
}

/// What one tap sees. Dropped, it is closed.
pub struct Watch {
    tap: Arc<Tap>,
    coming: Receiver<Box<[u8]>>,
    lookout: Lookout,
}

impl Watch {
    /// Takes the lines that are there, with their ends, about so many octets at most.
    pub fn take(&self, most: usize) -> Vec<u8> {
        let mut text = Vec::new();
        while text.len() < most
            && let Ok(line) = self.coming.try_recv()
        {
            self.tap.octets.fetch_sub(line.len(), Relaxed);
            text.extend_from_slice(&line);
            text.push(b'\n');
        }
        text
    }

    /// Lines that were missed since the last time, because nobody took what was there.
    pub fn missed(&self) -> u64 {
        self.tap.missed.swap(0, Relaxed)
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _changing = self.lookout.changing.lock().unwrap_or_else(PoisonError::into_inner);
        let mut taps = Vec::clone(&self.lookout.taps.load());
        taps.retain(|tap| !Arc::ptr_eq(tap, &self.tap));
        self.lookout.taps.store(Arc::new(taps));
    }
}
