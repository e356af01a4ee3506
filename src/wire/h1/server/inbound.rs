//! What a client sends: the read half of its connection, shared between the loop over its requests and the body of the one that runs.

use std::cell::RefCell;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::BytesMut;
use tokio::task::coop::has_budget_remaining;

use crate::http::{BodyError, BodyStream, Frame, Length};
use crate::wire::buffers::poll_fill;
use crate::wire::exchange::Task;
use crate::wire::h1::framing::{Decoder, Step};
use crate::wire::pace::{Pace, Patience};
use crate::wire::stream::Stream;
use crate::wire::writer::Writer;

/// With so many octets of later requests read ahead, no more is read.
const READ_AHEAD: usize = 16 * 1024;
/// The largest read of a body, in octets.
const BODY_READ: u64 = 96 * 1024;

/// The connection to a client.
#[derive(Debug)]
pub(super) struct Inbound {
    /// Gone once it was handed to HTTP/2.
    pub(super) io: Option<Stream>,
    pub(super) read: BytesMut,
    /// The body of the request that runs.
    pub(super) decoder: Decoder,
    pub(super) task: Task,
    /// Framing is lost: nothing that follows can be read.
    pub(super) broken: bool,
    /// The task of the connection is woken for what comes.
    pub(super) awaited: bool,
    /// The client asked for a switch of protocol that has not been granted yet.
    switching: bool,
    patience: Patience,
    pace: Pace,
}

impl Inbound {
    pub(super) fn new(io: Stream, task: Task, patience: Patience) -> Self {
        Self {
            io: Some(io),
            read: BytesMut::new(),
            decoder: Decoder::Done,
            task,
            broken: false,
            awaited: false,
            switching: false,
            patience,
            pace: Pace::new(patience),
        }
    }

    /// A body follows.
    pub(super) fn await_body(&mut self, decoder: Decoder) {
        self.decoder = decoder;
        self.pace = Pace::new(self.patience);
    }

    /// The bytes behind the head are the new protocol's, once the switch is granted.
    pub(super) fn await_switch(&mut self) {
        self.switching = true;
        self.decoder = Decoder::UntilClose;
    }

    /// The switch was granted (101), or not.
    pub(super) fn switch(&mut self, granted: bool) {
        self.switching = false;
        // A tunnel has no gap timeout of a request body: both sides may be silent. Its end is the other side's.
        if granted {
            self.pace = Pace::new(Patience::default());
        } else {
            self.decoder = Decoder::Done;
        }
    }

    /// Writes what waits; pending is fine.
    pub(super) fn write_out(&mut self, writer: &mut Writer, cx: &mut Context<'_>) -> io::Result<()> {
        let Some(io) = &mut self.io else { return Err(io::ErrorKind::NotConnected.into()) };
        match writer.poll_write_out(io, cx, &mut false) {
            Poll::Ready(Err(error)) => Err(error),
            Poll::Ready(Ok(())) | Poll::Pending => Ok(()),
        }
    }

    /// Ready once the client has closed. Bytes of later requests are read ahead, within bounds.
    pub(super) fn poll_gone(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.decoder.is_done() && self.read.len() < READ_AHEAD {
            let Some(io) = &mut self.io else { return Poll::Ready(()) };
            let filled = poll_fill(io, &mut self.read, 0, cx);
            // Without a budget the runtime puts off the question, and nobody would wake the task for what comes.
            self.awaited = filled.is_pending() && has_budget_remaining();
            if let Ok(0) | Err(_) = ready!(filled) {
                return Poll::Ready(());
            }
        }
        Poll::Pending
    }

    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        if self.switching {
            return Poll::Pending;
        }
        loop {
            match self.decoder.step(&mut self.read) {
                Ok(Step::Data(data)) => {
                    self.pace.passed(data.len(), Instant::now);
                    return Poll::Ready(Some(Ok(Frame::Data(data))));
                }
                Ok(Step::Trailers(trailers)) => return Poll::Ready(Some(Ok(Frame::Trailers(trailers)))),
                Ok(Step::End) => return Poll::Ready(None),
                Ok(Step::NeedMore) => match ready!(self.poll_more(cx)) {
                    Ok(true) => {}
                    Ok(false) => return Poll::Ready(None),
                    Err(error) => return Poll::Ready(Some(Err(self.fail(error)))),
                },
                Err(_) => return Poll::Ready(Some(Err(self.fail(BodyError::Malformed)))),
            }
        }
    }

    /// Reads more of the body; false is its end by the connection's.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, BodyError>> {
        let want = match self.decoder.length() {
            // One octet more, so that the last read is not full and tells the runtime that nothing is left.
            Length::Known(left) => left.saturating_add(1).min(BODY_READ) as usize,
            Length::Unknown => 0,
        };
        // Whoever reads the body may be another task.
        self.awaited = false;
        let Some(io) = &mut self.io else { return Poll::Ready(Err(BodyError::Incomplete)) };
        match poll_fill(io, &mut self.read, want, cx) {
            Poll::Ready(Ok(0)) if self.decoder.ends_by_close() => {
                self.decoder = Decoder::Done;
                self.broken = true;
                Poll::Ready(Ok(false))
            }
            Poll::Ready(Ok(0) | Err(_)) => Poll::Ready(Err(BodyError::Incomplete)),
            Poll::Ready(Ok(_)) => Poll::Ready(Ok(true)),
            Poll::Pending => {
                let due = self.pace.wait(Instant::now);
                super::expired(self.task.timer(), due, cx).map(|()| Err(BodyError::Timeout))
            }
        }
    }

    fn fail(&mut self, error: BodyError) -> BodyError {
        self.broken = true;
        error
    }
}

/// The body of the request that runs.
#[derive(Debug)]
pub(super) struct RequestBody {
    inbound: Rc<RefCell<Inbound>>,
    limit: u64,
}

impl RequestBody {
    pub(super) fn new(inbound: Rc<RefCell<Inbound>>) -> Self {
        Self { inbound, limit: u64::MAX }
    }
}

impl BodyStream for RequestBody {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        let frame = ready!(self.inbound.borrow_mut().poll_frame(cx));
        if let Some(Ok(Frame::Data(data))) = &frame {
            self.inbound.borrow().task.receive(data.len());
            let Some(left) = self.limit.checked_sub(data.len() as u64) else {
                return Poll::Ready(Some(Err(self.inbound.borrow_mut().fail(BodyError::TooLarge))));
            };
            self.limit = left;
        }
        Poll::Ready(frame)
    }

    fn length(&self) -> Length {
        self.inbound.borrow().decoder.length()
    }

    fn set_limit(&mut self, octets: u64) {
        self.limit = octets;
    }
}
