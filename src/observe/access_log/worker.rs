//! A worker's part of the access log: lines become batches.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, Cache};
use tokio::sync::Notify;

use super::control::{Destination, OCTETS, Queue, WHOLE};
use super::fields::Facts;
use super::writer::{Batch, Message};
use crate::config::model::AccessSink;
use crate::observe::clock::Clock;
use crate::observe::metrics::LogCounts;
use crate::observe::{Exchange, Names};

/// A batch of this many octets is handed over at once.
const FULL: usize = 64 << 10;

/// Room in a new buffer: the last line of a full batch mostly fits.
const ROOM: usize = FULL + (4 << 10);

/// A line waits at most this long in the worker's buffer.
pub(crate) const FLUSH_AFTER: Duration = Duration::from_millis(100);

/// Buffers that wait to be filled again.
const SPARE: usize = 4;

/// A worker's hand on the access log. Clones share one buffer; all of them stay on the worker's thread.
#[derive(Clone)]
pub struct WorkerAccessLog(Rc<Hand>);

struct Hand {
    buffer: RefCell<Buffer>,
    /// Woken when the first line comes into an empty buffer and nobody waits to flush it: an idle worker has no timer.
    filled: Notify,
    waiting: Cell<bool>,
}

struct Buffer {
    latest: Cache<Arc<ArcSwap<Destination>>, Arc<Destination>>,
    names: Cache<Arc<ArcSwap<Names>>, Arc<Names>>,
    queue: Queue,
    counts: Arc<LogCounts>,
    clock: Rc<RefCell<Clock>>,
    /// Where the lines in the buffer go.
    destination: Arc<Destination>,
    text: Vec<u8>,
    lines: u64,
    /// Moves on with each exchange that is drawn for.
    draw: u32,
    used: SyncSender<Vec<u8>>,
    spare: Receiver<Vec<u8>>,
}

impl WorkerAccessLog {
    pub(crate) fn new(
        latest: Arc<ArcSwap<Destination>>,
        queue: Queue,
        names: Arc<ArcSwap<Names>>,
        counts: Arc<LogCounts>,
    ) -> Self {
        let (used, spare) = sync_channel(SPARE);
        let buffer = Buffer {
            destination: latest.load_full(),
            latest: Cache::new(latest),
            names: Cache::new(names),
            queue,
            counts,
            clock: Rc::new(RefCell::new(Clock::new())),
            text: Vec::new(),
            lines: 0,
            draw: 0,
            used,
            spare,
        };
        Self(Rc::new(Hand { buffer: RefCell::new(buffer), filled: Notify::new(), waiting: Cell::new(false) }))
    }

    /// Writes the line of an exchange that is over.
    pub fn write(&self, exchange: &Exchange, now: Instant) {
        let mut buffer = self.0.buffer.borrow_mut();
        buffer.write(exchange, now);
        if buffer.text.len() >= FULL {
            buffer.flush();
        } else if !buffer.text.is_empty() && !self.0.waiting.replace(true) {
            self.0.filled.notify_one();
        }
    }

    /// The worker's clock. Who else writes of the same exchanges takes it too, so that all tell the same time.
    pub(crate) fn clock(&self) -> Rc<RefCell<Clock>> {
        self.0.buffer.borrow().clock.clone()
    }

    /// Hands over what is in the buffer.
    pub fn flush(&self) {
        self.0.buffer.borrow_mut().flush();
    }

    /// Flushes the buffer 100 ms after its first line, for ever. Each worker spawns it once.
    pub async fn keep_flushing(self) {
        loop {
            self.0.filled.notified().await;
            tokio::time::sleep(FLUSH_AFTER).await;
            self.0.waiting.set(false);
            self.flush();
        }
    }
}

impl Buffer {
    fn write(&mut self, exchange: &Exchange, now: Instant) {
        let latest = self.latest.load();
        if !Arc::ptr_eq(latest, &self.destination) {
            let latest = latest.clone();
            self.flush();
            self.destination = latest;
        }
        if self.destination.sink == AccessSink::Off {
            return;
        }
        if !self.is_drawn(exchange) {
            return;
        }
        if self.text.capacity() == 0 {
            self.text = self.spare.try_recv().unwrap_or_else(|_| Vec::with_capacity(ROOM));
        }
        let clock = &mut *self.clock.borrow_mut();
        clock.set(now);
        let redaction = &self.destination.redaction;
        let facts = Facts { exchange, names: self.names.load(), clock, redaction, now };
        self.destination.format.write(&facts, &mut self.text);
        self.lines += 1;
    }

    /// Whether the exchange is written: what failed is, of the others a share.
    fn is_drawn(&mut self, exchange: &Exchange) -> bool {
        let sample = self.destination.sample;
        if sample >= WHOLE || exchange.fault.is_some() || exchange.status.is_none_or(|status| status.is_server_error())
        {
            return true;
        }
        // Steps of the golden ratio are spread evenly, whatever the share is.
        self.draw = self.draw.wrapping_add(0x9e37_79b9);
        (u64::from(self.draw) * u64::from(WHOLE)) >> 32 < u64::from(sample)
    }

    fn flush(&mut self) {
        if self.text.is_empty() {
            return;
        }
        let batch = Batch {
            text: std::mem::take(&mut self.text),
            lines: std::mem::take(&mut self.lines),
            destination: self.destination.clone(),
            back: self.used.clone(),
        };
        let (octets, lines) = (batch.text.len(), batch.lines);
        let waiting = self.queue.octets.fetch_add(octets, Relaxed);
        let full = waiting + octets > OCTETS || self.queue.messages.try_send(Message::Batch(batch)).is_err();
        if full {
            self.queue.octets.fetch_sub(octets, Relaxed);
            self.counts.dropped.fetch_add(lines, Relaxed);
        }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.flush();
    }
}

#[cfg(test)]
impl WorkerAccessLog {
    pub(crate) fn has_timer(&self) -> bool {
        self.0.waiting.get()
    }

    pub(crate) fn has_lines(&self) -> bool {
        !self.0.buffer.borrow().text.is_empty()
    }
}
