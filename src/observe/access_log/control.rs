//! The control side: starts, changes, reopens and stops the access log.

use std::fmt;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;

use crate::config::model::{AccessSink, Log};
use crate::observe::Names;
use crate::observe::metrics::{LogCounts, Metrics};
use crate::observe::redact::Redaction;

use super::format::{Format, TemplateError};
use super::worker::WorkerAccessLog;
use super::writer::{self, Message, Order, Writer};

/// Batches that may wait for the writer.
const BATCHES: usize = 512;

/// Octets that may wait for the writer.
pub(crate) const OCTETS: usize = 8 << 20;

/// Where lines go and how they look.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Destination {
    pub(crate) sink: AccessSink,
    pub(crate) format: Format,
    pub(crate) redaction: Redaction,
    /// Of exchanges that did not fail so many of [`WHOLE`] are written.
    pub(crate) sample: u32,
}

/// All of them.
pub(crate) const WHOLE: u32 = 1_000_000;

/// Why an access log cannot be.
#[derive(Debug)]
pub enum AccessLogError {
    /// The file cannot be opened for writing.
    Open {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        error: io::Error,
    },
    /// `stdout` is closed.
    Stdout(io::Error),
    /// The template is none. The config was checked, so this is not expected.
    Template(TemplateError),
    /// The thread that writes could not be started.
    Thread(io::Error),
}

impl fmt::Display for AccessLogError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Open { path, error } if error.raw_os_error() == Some(rustix::io::Errno::NXIO.raw_os_error()) => {
                write!(f, "the access log {} is a pipe that nobody reads", path.display())
            }
            Self::Open { path, error } => write!(f, "cannot open the access log {}: {error}", path.display()),
            Self::Stdout(error) => write!(f, "cannot write the access log to stdout: {error}"),
            Self::Template(error) => write!(f, "the template of the access log: {error}"),
            Self::Thread(error) => write!(f, "cannot start the thread of the access log: {error}"),
        }
    }
}

impl std::error::Error for AccessLogError {}

/// The control side of the access log. Clones are the same log; it may be shared between threads.
#[derive(Clone)]
pub struct AccessLog {
    /// What new lines are written by. Workers look at it before each line.
    latest: Arc<ArcSwap<Destination>>,
    pub(crate) queue: Queue,
    orders: Sender<Order>,
    names: Arc<ArcSwap<Names>>,
    pub(crate) counts: Arc<LogCounts>,
    thread: Arc<Mutex<Option<std::thread::JoinHandle<()>>>>,
}

/// The way from workers to the writer.
#[derive(Clone)]
pub(crate) struct Queue {
    pub(crate) messages: SyncSender<Message>,
    pub(crate) octets: Arc<AtomicUsize>,
}

/// A change that can be made at once: the format is compiled and the file is open.
#[must_use = "nothing changes until it is applied"]
pub struct Prepared {
    destination: Destination,
    /// `None`: off, or the file that is open already.
    file: Option<File>,
}

impl AccessLog {
    /// Opens the sink and starts the writer thread.
    ///
    /// # Errors
    /// [`AccessLogError`], as one sentence for the operator.
    pub fn start(log: &Log, metrics: &Metrics) -> Result<Self, AccessLogError> {
        let first = prepare(log, None)?;
        let (messages, received) = sync_channel(BATCHES);
        let (orders, ordered) = channel();
        let queue = Queue { messages, octets: Arc::default() };
        let counts = metrics.access_log();
        let mut writer = Writer::new(received, ordered, queue.octets.clone(), counts.clone());
        writer.order(Order::Use(first.destination.sink.clone(), first.file));
        let thread = std::thread::Builder::new()
            .name("tidegate-access".to_owned())
            .spawn(move || writer.run())
            .map_err(AccessLogError::Thread)?;
        let latest = Arc::new(ArcSwap::from_pointee(first.destination));
        Ok(Self { latest, queue, orders, names: metrics.names(), counts, thread: Arc::new(Mutex::new(Some(thread))) })
    }

    /// Prepares a change of sink or format; nothing changes yet.
    ///
    /// # Errors
    /// [`AccessLogError`] where the new sink cannot be opened.
    pub fn prepare(&self, log: &Log) -> Result<Prepared, AccessLogError> {
        prepare(log, Some(&self.latest.load().sink))
    }

    /// Makes the change. Lines that workers hold already go to where they were meant to go.
    pub fn apply(&self, change: Prepared) {
        let Prepared { destination, file } = change;
        if **self.latest.load() == destination {
            return;
        }
        self.order(Order::Use(destination.sink.clone(), file));
        self.latest.store(Arc::new(destination));
    }

    /// Opens the file anew, after somebody moved it away.
    pub fn reopen(&self) {
        self.order(Order::Reopen);
    }

    /// A worker's part of it. Call it on the worker's thread.
    pub fn worker(&self) -> WorkerAccessLog {
        WorkerAccessLog::new(self.latest.clone(), self.queue.clone(), self.names.clone(), self.counts.clone())
    }

    /// By which rules lines are written.
    pub(crate) fn latest(&self) -> Arc<ArcSwap<Destination>> {
        self.latest.clone()
    }

    /// Lines that were dropped since the start.
    pub fn dropped(&self) -> u64 {
        self.counts.dropped.load(Relaxed)
    }

    /// Writes what workers have handed over, and ends. Says whether all of it was written within the time. Call it when
    /// the workers are done; what they write afterwards is dropped and counted.
    pub fn shutdown(&self, at_most: Duration) -> bool {
        let (done, wait) = sync_channel(1);
        self.order(Order::Stop(done));
        let written = wait.recv_timeout(at_most).is_ok();
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread.filter(|_| written) {
            // It has ended its work; a panic in it was reported when it happened.
            let _panicked = thread.join();
        }
        written
    }

    fn order(&self, order: Order) {
        // A send fails only after the writer was stopped. If the queue is full, the writer is awake and will look.
        let _stopped = self.orders.send(order);
        let _full = self.queue.messages.try_send(Message::Wake);
    }
}

fn prepare(log: &Log, open: Option<&AccessSink>) -> Result<Prepared, AccessLogError> {
    let format = Format::compile(&log.access_format).map_err(AccessLogError::Template)?;
    let sink = log.access.clone();
    let file = if open == Some(&sink) { None } else { writer::open(&sink)? };
    let (redaction, sample) = (Redaction::compile(&log.redaction), (log.sample * f64::from(WHOLE)).round() as u32);
    Ok(Prepared { destination: Destination { sink, format, redaction, sample }, file })
}

#[cfg(test)]
impl AccessLog {
    /// Waits until the writer has taken what was handed over.
    pub(crate) fn settle(&self) {
        let (done, wait) = sync_channel(1);
        self.queue.messages.send(Message::Settle(done)).expect("the writer lives");
        wait.recv().expect("the writer lives");
    }
}
