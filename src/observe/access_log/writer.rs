//! The one thread that writes the access log.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, SyncSender};

use rustix::event::{PollFd, PollFlags, poll};
use rustix::fs::OFlags;

use super::control::{AccessLogError, Destination};
use crate::config::model::AccessSink;
use crate::observe::log;
use crate::observe::metrics::LogCounts;

/// A spare buffer may keep this much room.
const SPARE_ROOM: usize = 128 << 10;

/// What comes through the bounded queue.
pub(crate) enum Message {
    /// Lines of one worker.
    Batch(Batch),
    /// There is an order.
    Wake,
    /// Say that everything before this has been written.
    #[cfg(test)]
    Settle(SyncSender<()>),
}

/// Whole lines of one worker.
pub(crate) struct Batch {
    pub(crate) text: Vec<u8>,
    pub(crate) lines: u64,
    pub(crate) destination: Arc<Destination>,
    /// Where the empty buffer goes afterwards.
    pub(crate) back: SyncSender<Vec<u8>>,
}

/// What the control thread wants. Orders have a queue of their own, which is never full.
pub(crate) enum Order {
    /// New lines go to that sink; the file is open, unless it is the one that was open before.
    Use(AccessSink, Option<File>),
    /// Open the file anew.
    Reopen,
    /// Write what is in the queue and end.
    Stop(SyncSender<()>),
}

/// The sink that new lines go to.
pub(crate) struct Writer {
    messages: Receiver<Message>,
    orders: Receiver<Order>,
    octets: Arc<AtomicUsize>,
    counts: Arc<LogCounts>,
    sink: AccessSink,
    output: Option<Output<File>>,
}

impl Writer {
    pub(crate) fn new(
        messages: Receiver<Message>,
        orders: Receiver<Order>,
        octets: Arc<AtomicUsize>,
        counts: Arc<LogCounts>,
    ) -> Self {
        Self { messages, orders, octets, counts, sink: AccessSink::Off, output: None }
    }

    /// Writes until it is told to stop.
    pub(crate) fn run(mut self) {
        while let Ok(message) = self.messages.recv() {
            let stop = self.obey();
            self.take(message);
            if let Some(done) = stop {
                while let Ok(message) = self.messages.try_recv() {
                    self.take(message);
                }
                // Whoever asked may have stopped waiting.
                let _late = done.try_send(());
                return;
            }
        }
    }

    /// Follows the orders that are there. They come before the lines that were written under them.
    fn obey(&mut self) -> Option<SyncSender<()>> {
        while let Ok(order) = self.orders.try_recv() {
            if let Order::Stop(done) = order {
                return Some(done);
            }
            self.order(order);
        }
        None
    }

    pub(crate) fn order(&mut self, order: Order) {
        match order {
            Order::Use(sink, file) => {
                if file.is_some() || sink != self.sink {
                    self.output = file.map(Output::new);
                }
                self.sink = sink;
            }
            Order::Reopen => self.reopen(),
            Order::Stop(_) => {}
        }
    }

    fn reopen(&mut self) {
        let AccessSink::File(path) = &self.sink else { return };
        match open(&self.sink) {
            Ok(Some(file)) => {
                self.output = Some(Output::new(file));
                log::note("access log reopened", &[("file", log::show(&path.display()))]);
            }
            Ok(None) => {}
            Err(error) => log::error("the access log stays in its old file", &[("error", log::show(&error))]),
        }
    }

    fn take(&mut self, message: Message) {
        let mut batch = match message {
            Message::Batch(batch) => batch,
            Message::Wake => return,
            #[cfg(test)]
            Message::Settle(done) => return done.send(()).expect("a test waits"),
        };
        let written = if batch.destination.sink == self.sink {
            self.output.as_mut().is_some_and(|output| output.write(&batch.text, batch.lines))
        } else {
            // A worker had these lines in its buffer when the sink changed.
            let file = open(&batch.destination.sink).ok().flatten();
            file.is_some_and(|file| Output::new(file).write(&batch.text, batch.lines))
        };
        let count = if written { &self.counts.written } else { &self.counts.dropped };
        count.fetch_add(batch.lines, Relaxed);
        self.octets.fetch_sub(batch.text.len(), Relaxed);
        if batch.text.capacity() <= SPARE_ROOM {
            batch.text.clear();
            // The worker has spare buffers enough, or is gone.
            let _enough = batch.back.try_send(batch.text);
        }
    }
}

/// Opens a sink for appending; `None` where it is off.
pub(crate) fn open(sink: &AccessSink) -> Result<Option<File>, AccessLogError> {
    match sink {
        AccessSink::Off => Ok(None),
        AccessSink::Stdout => {
            let own = io::stdout().as_fd().try_clone_to_owned().map_err(AccessLogError::Stdout)?;
            Ok(Some(File::from(own)))
        }
        AccessSink::File(path) => {
            let failed = |error| AccessLogError::Open { path: path.clone(), error };
            // Not blocking, so that a named pipe without a reader is an error and not a wait; for the lines it blocks again.
            let flags = OFlags::NONBLOCK.bits().cast_signed();
            let mut options = OpenOptions::new();
            options.append(true).create(true).mode(0o640).custom_flags(flags);
            let file = options.open(path).map_err(failed)?;
            rustix::fs::fcntl_setfl(&file, OFlags::APPEND).map_err(|error| failed(error.into()))?;
            Ok(Some(file))
        }
    }
}

/// A sink and what became of it.
pub(crate) struct Output<W> {
    sink: W,
    /// Lines dropped since the sink began to refuse them; `None` while it takes them.
    refused: Option<u64>,
    /// The last write broke off inside a line.
    torn: bool,
}

/// What the writer needs of a sink: bytes go in, and somebody can wait until more will.
pub(crate) trait Sink: Write {
    /// Waits until a write is worth trying again, on a sink that does not block.
    fn wait(&self);
}

impl Sink for File {
    fn wait(&self) {
        let mut file = [PollFd::new(self, PollFlags::OUT)];
        // On an error the write that follows says what is wrong.
        let _tried = poll(&mut file, None);
    }
}

impl<W: Sink> Output<W> {
    pub(crate) fn new(sink: W) -> Self {
        Self { sink, refused: None, torn: false }
    }

    /// Writes whole lines and says whether it did. What is wrong is said once, and once when it is over.
    pub(crate) fn write(&mut self, text: &[u8], lines: u64) -> bool {
        if let Err(error) = self.write_all(text) {
            if self.refused.is_none() {
                log::error("the access log cannot be written, lines are dropped", &[("error", log::show(&error))]);
            }
            *self.refused.get_or_insert(0) += lines;
            return false;
        }
        if let Some(dropped) = self.refused.take() {
            log::warn("the access log is written again", &[("dropped", dropped.into())]);
        }
        true
    }

    fn write_all(&mut self, mut text: &[u8]) -> io::Result<()> {
        if self.torn {
            self.write_some(b"\n")?;
            self.torn = false;
        }
        while !text.is_empty() {
            let written = self.write_some(text)?;
            self.torn = text[..written].last().is_some_and(|byte| *byte != b'\n');
            text = &text[written..];
        }
        Ok(())
    }

    fn write_some(&mut self, text: &[u8]) -> io::Result<usize> {
        loop {
            match self.sink.write(text) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.sink.wait(),
                other => return other,
            }
        }
    }
}

#[cfg(test)]
impl<W> Output<W> {
    pub(crate) fn refused(&self) -> Option<u64> {
        self.refused
    }

    pub(crate) fn sink_mut(&mut self) -> &mut W {
        &mut self.sink
    }
}
