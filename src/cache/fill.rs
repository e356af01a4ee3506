//! A body on its way from an upstream into the store, and to everybody who waits for it.
//!
//! One task reads the upstream and pushes frames into a [`Flow`]; the clients, the first one among them, read the flow, each at its own
//! place and on its own thread. While the response is to be stored all of it stays in the flow, so that whoever comes late reads from
//! its beginning; the upstream is then read as fast as it sends, whatever the clients do. A response that turns out too large is not
//! stored: from there on only what somebody still has to read is kept, and the slowest reader holds the upstream back.
//!
//! The flow is behind a mutex. It is taken once for each frame and never held across a wait; only objects in flight have one.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, Bytes, BytesMut};
use slab::Slab;

use super::budget::Budget;
use super::content::{Content, SLICE};
use crate::http::range::Span;
use crate::http::{Body, BodyError, BodyStream, Frame, Headers, Length};

/// Octets that wait for the slowest reader of a body that is not stored.
const WINDOW: u64 = 256 * 1024;

/// A body as it arrives.
#[derive(Debug)]
pub struct Flow {
    state: Mutex<State>,
    budget: Arc<Budget>,
    /// What the head says.
    length: Length,
    /// Octets above which it is not stored.
    max: u64,
}

#[derive(Debug)]
struct State {
    chunks: VecDeque<Chunk>,
    /// Octets of the chunks at the end that are still slices of what the upstream's connection read.
    loose: usize,
    received: u64,
    /// Taken from the budget.
    charged: u64,
    stores: bool,
    end: Option<Result<Option<Headers>, BodyError>>,
    readers: Slab<Reading>,
    filler: Option<Waker>,
}

#[derive(Debug)]
struct Chunk {
    start: u64,
    octets: Bytes,
    own: bool,
}

#[derive(Debug)]
struct Reading {
    place: u64,
    waker: Option<Waker>,
}

/// What pumping came to.
#[derive(Debug)]
pub enum Pumped {
    /// All of it is here.
    Whole(Content),
    /// It is not stored, but somebody reads it: pump on.
    TooLarge,
    /// It ended, and was not to be stored.
    Passed,
    /// It broke off.
    Broken,
    /// Nobody reads it.
    Unread,
}

impl Flow {
    /// Of that length, to be stored up to `max` octets.
    pub(super) fn new(length: Length, max: u64, budget: Arc<Budget>) -> Arc<Self> {
        let state = State {
            chunks: VecDeque::new(),
            loose: 0,
            received: 0,
            charged: 0,
            stores: true,
            end: None,
            readers: Slab::new(),
            filler: None,
        };
        Arc::new(Self { state: Mutex::new(state), budget, length, max })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // What the lock guards is whole at every step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads it from its beginning; `None` where that is gone already.
    pub fn reader(self: &Arc<Self>) -> Option<FlowBody> {
        let mut state = self.lock();
        if !state.stores {
            return None;
        }
        let key = state.readers.insert(Reading { place: 0, waker: None });
        drop(state);
        Some(FlowBody { flow: self.clone(), key, read: 0 })
    }

    /// Moves what the body has into the flow, until it ends, turns out too large, or nobody is left to read it. Whether it is worth to go
    /// on without readers is the caller's decision: [`Pumped::Unread`] comes only for what is not stored.
    pub fn poll_pump(&self, body: &mut Body, cx: &mut Context<'_>) -> Poll<Pumped> {
        loop {
            if let Some(wait) = self.hold_back(cx) {
                return wait;
            }
            let frame = match body.poll_frame(cx) {
                Poll::Ready(frame) => frame,
                Poll::Pending => return Poll::Pending,
            };
            match frame {
                Some(Ok(Frame::Data(octets))) => {
                    if let Some(pumped) = self.push(octets, body, cx) {
                        return Poll::Ready(pumped);
                    }
                }
                Some(Ok(Frame::Trailers(trailers))) => return Poll::Ready(self.end(Ok(Some(trailers)))),
                Some(Err(error)) => return Poll::Ready(self.end(Err(error))),
                None => return Poll::Ready(self.end(Ok(None))),
            }
        }
    }

    /// Whether the filler has to wait, or may stop.
    fn hold_back(&self, cx: &mut Context<'_>) -> Option<Poll<Pumped>> {
        let mut state = self.lock();
        state.filler = Some(cx.waker().clone());
        if state.stores {
            return None;
        }
        match state.slowest() {
            None => Some(Poll::Ready(Pumped::Unread)),
            Some(place) if state.received - place >= WINDOW => Some(Poll::Pending),
            Some(_) => None,
        }
    }

    /// Takes a frame; the last one of a known length ends the body with it, so that it is stored before anybody has all of it.
    fn push(&self, octets: Bytes, body: &mut Body, cx: &mut Context<'_>) -> Option<Pumped> {
        let mut state = self.lock();
        let size = octets.len() as u64;
        let start = state.received;
        state.received += size;
        state.loose += octets.len();
        state.chunks.push_back(Chunk { start, octets, own: false });
        if state.stores {
            let fits = state.received <= self.max && self.budget.take(size);
            if !fits {
                self.stop_storing(&mut state);
                state.wake_readers();
                return Some(Pumped::TooLarge);
            }
            state.charged += size;
            if state.loose >= SLICE {
                state.settle();
            }
            let last = self.length == Length::Known(state.received);
            if last && let Poll::Ready(rest) = body.poll_frame(cx) {
                drop(state);
                return Some(self.end(match rest {
                    None => Ok(None),
                    Some(Ok(Frame::Trailers(trailers))) => Ok(Some(trailers)),
                    Some(Ok(Frame::Data(_))) => Err(BodyError::Malformed),
                    Some(Err(error)) => Err(error),
                }));
            }
        }
        state.wake_readers();
        None
    }

    /// From now on it only passes through.
    fn stop_storing(&self, state: &mut State) {
        state.stores = false;
        self.budget.give_back(std::mem::take(&mut state.charged));
        state.forget_what_was_read();
    }

    fn end(&self, end: Result<Option<Headers>, BodyError>) -> Pumped {
        let mut state = self.lock();
        let whole = end.is_ok() && !matches!(self.length, Length::Known(length) if length != state.received);
        let end = if end.is_ok() && !whole { Err(BodyError::Incomplete) } else { end };
        let pumped = match (&end, state.stores) {
            (Err(_), _) => Pumped::Broken,
            (Ok(_), false) => Pumped::Passed,
            (Ok(_), true) => {
                state.settle();
                Pumped::Whole(Content::of(state.chunks.iter().map(|chunk| chunk.octets.clone()).collect()))
            }
        };
        state.end = Some(end);
        if !matches!(pumped, Pumped::Whole(_)) {
            state.wake_readers();
        }
        pumped
    }

    /// What came of it, where it broke off and its length is known.
    pub fn arrived(&self) -> Option<Content> {
        let mut state = self.lock();
        let broken = matches!(state.end, Some(Err(_))) && matches!(self.length, Length::Known(_));
        if !broken || !state.stores || state.received == 0 {
            return None;
        }
        state.settle();
        Some(Content::of(state.chunks.iter().map(|chunk| chunk.octets.clone()).collect()))
    }

    /// Tells the readers of the end, after the store has it.
    pub fn announce(&self) {
        self.lock().wake_readers();
    }

    /// Breaks it off: nobody fills it any more.
    pub fn abandon(&self) {
        let mut state = self.lock();
        if state.end.is_none() {
            state.end = Some(Err(BodyError::Abandoned));
        }
        state.wake_readers();
    }

    /// What the head says of it.
    pub const fn length(&self) -> Length {
        self.length
    }

    /// Whether anybody reads it.
    pub fn is_read(&self) -> bool {
        !self.lock().readers.is_empty()
    }
}

impl Drop for Flow {
    fn drop(&mut self) {
        let charged = self.lock().charged;
        self.budget.give_back(charged);
    }
}

impl State {
    fn slowest(&self) -> Option<u64> {
        self.readers.iter().map(|(_, reader)| reader.place).min()
    }

    fn wake_readers(&mut self) {
        for (_, reader) in &mut self.readers {
            if let Some(waker) = reader.waker.take() {
                waker.wake();
            }
        }
    }

    /// Gives the loose chunks memory of their own, together.
    fn settle(&mut self) {
        let first = self.chunks.iter().position(|chunk| !chunk.own).unwrap_or(self.chunks.len());
        let Some(start) = self.chunks.get(first).map(|chunk| chunk.start) else { return };
        let mut together = BytesMut::with_capacity(self.loose);
        self.chunks.drain(first..).for_each(|chunk| together.extend_from_slice(&chunk.octets));
        self.chunks.push_back(Chunk { start, octets: together.freeze(), own: true });
        self.loose = 0;
    }

    /// Drops what every reader has.
    fn forget_what_was_read(&mut self) {
        let Some(slowest) = self.slowest() else { return };
        while self.chunks.front().is_some_and(|chunk| chunk.start + chunk.octets.len() as u64 <= slowest) {
            self.chunks.pop_front();
        }
    }

    /// What is there from that place on, up to the end of its chunk.
    fn from(&self, place: u64) -> Option<Bytes> {
        let after = self.chunks.partition_point(|chunk| chunk.start <= place);
        let chunk = self.chunks.get(after.checked_sub(1)?)?;
        // Within the chunk, or at its end.
        let within = usize::try_from(place - chunk.start).ok()?;
        (within < chunk.octets.len()).then(|| chunk.octets.slice(within..))
    }
}

/// One client's view of a flow.
#[derive(Debug)]
pub struct FlowBody {
    flow: Arc<Flow>,
    key: usize,
    read: u64,
}

impl FlowBody {
    /// One part of it. What is in front of the part is waited for.
    pub fn part(self, span: Span) -> impl BodyStream {
        Part { skip: span.first, left: span.octets(), body: self }
    }
}

/// A part of a flow.
#[derive(Debug)]
struct Part {
    body: FlowBody,
    skip: u64,
    left: u64,
}

impl BodyStream for Part {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        while self.left > 0 {
            let mut octets = match ready!(self.body.poll_frame(cx)) {
                Some(Ok(Frame::Data(octets))) => octets,
                Some(Ok(Frame::Trailers(_))) | None => return Poll::Ready(Some(Err(BodyError::Incomplete))),
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            };
            let size = octets.len() as u64;
            if self.skip >= size {
                self.skip -= size;
                continue;
            }
            // Both are at most the frame's length.
            octets.advance(std::mem::take(&mut self.skip) as usize);
            octets.truncate(self.left.min(octets.len() as u64) as usize);
            self.left -= octets.len() as u64;
            return Poll::Ready(Some(Ok(Frame::Data(octets))));
        }
        Poll::Ready(None)
    }

    fn length(&self) -> Length {
        Length::Known(self.left)
    }
}

impl BodyStream for FlowBody {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        let mut state = self.flow.lock();
        if let Some(octets) = state.from(self.read) {
            self.read += octets.len() as u64;
            state.readers[self.key].place = self.read;
            if !state.stores {
                state.forget_what_was_read();
                if let Some(filler) = state.filler.take() {
                    filler.wake();
                }
            }
            return Poll::Ready(Some(Ok(Frame::Data(octets))));
        }
        let over = match &state.end {
            None => None,
            Some(Err(error)) => Some(Some(Err(*error))),
            Some(Ok(None)) => Some(None),
            Some(Ok(Some(trailers))) => Some(Some(Ok(Frame::Trailers(trailers.clone())))),
        };
        match over {
            Some(over) => Poll::Ready(over),
            None => {
                state.readers[self.key].waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn length(&self) -> Length {
        match self.flow.length {
            Length::Known(length) => Length::Known(length.saturating_sub(self.read)),
            Length::Unknown => Length::Unknown,
        }
    }
}

impl Drop for FlowBody {
    fn drop(&mut self) {
        let mut state = self.flow.lock();
        state.readers.remove(self.key);
        if !state.stores {
            state.forget_what_was_read();
        }
        // It may wait for this one, or for nobody.
        if let Some(filler) = state.filler.take() {
            filler.wake();
        }
    }
}
