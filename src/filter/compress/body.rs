//! A body that is compressed on its way out.
//!
//! It waits a moment for more before it flushes, gives the thread back after a slice of work, and holds no more than the encoder's
//! tables and a slice of input. A body of gzip that is all there soon is compressed in one go, which costs less.

use std::cell::Cell;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};

use super::encoder::{Encoder, Flow, WHOLE, whole};
use super::kit::{Kit, Place};
use crate::http::negotiate::Coding;
use crate::http::{Body, BodyError, BodyStream, Frame, Headers, Length};
use crate::wire::timer::Timer;

/// Octets of input after which other tasks of the worker have their turn: well below a millisecond at the default levels.
const SLICE: usize = 64 * 1024;
/// The same at levels that take several times as long.
const THIN_SLICE: usize = 16 * 1024;
/// The lowest of those levels.
const THOROUGH: u8 = 7;
/// So many compressed octets are handed on without waiting for more.
const PIECE: usize = 16 * 1024;

/// How a body is compressed.
#[derive(Clone, Copy, Debug)]
pub struct Plan {
    /// The coding.
    pub coding: Coding,
    /// Its level.
    pub level: u8,
    /// How long the source may pause before what is held back goes out.
    pub pause: Duration,
}

impl Plan {
    fn slice(&self) -> usize {
        if self.level < THOROUGH { SLICE } else { THIN_SLICE }
    }
}

/// The compressed form of a body.
pub struct EncodedBody {
    source: Body,
    plan: Plan,
    stage: Stage,
    gathers: bool,
    /// Of the source, not compressed yet.
    input: Bytes,
    /// Compressed, not handed on yet.
    out: Vec<u8>,
    /// What may still be compressed in this turn.
    budget: usize,
    /// The encoder holds something back.
    held: bool,
    /// When that goes out.
    due: Option<Instant>,
    timer: Timer,
    /// Octets of the source so far.
    plain: Rc<Cell<u64>>,
    kit: Rc<Kit>,
    _place: Place,
}

#[derive(Debug)]
enum Stage {
    /// Nothing is compressed yet: perhaps all of it comes soon.
    Gathering(Vec<u8>),
    Encoding(Encoder),
    /// The source has ended; its trailers are to follow.
    Ended(Option<Headers>),
    Failed,
}

impl EncodedBody {
    pub(super) fn new(source: Body, plan: Plan, kit: &Rc<Kit>, place: Place, plain: Rc<Cell<u64>>) -> Self {
        let small = !matches!(source.length(), Length::Known(length) if length > WHOLE as u64);
        Self {
            source,
            plan,
            stage: Stage::Gathering(Vec::new()),
            // Of the codings only gzip gains by it.
            gathers: small && plan.coding == Coding::Gzip && !plan.pause.is_zero(),
            input: Bytes::new(),
            out: Vec::new(),
            budget: plan.slice(),
            held: false,
            due: None,
            timer: Timer::new(),
            plain,
            kit: kit.clone(),
            _place: place,
        }
    }

    /// Takes in what the source gave; false where the budget of this turn is used up before.
    fn take_in(&mut self) -> Result<bool, BodyError> {
        while !self.input.is_empty() {
            if self.gather() {
                return Ok(true);
            }
            if self.budget == 0 {
                return Ok(false);
            }
            let piece = self.input.len().min(self.budget);
            self.encode(piece, Flow::More)?;
            self.held = true;
            if self.out.len() >= PIECE {
                break;
            }
        }
        Ok(true)
    }

    /// Puts the input to what was gathered, where there is room.
    fn gather(&mut self) -> bool {
        let Stage::Gathering(gathered) = &mut self.stage else { return false };
        if !self.gathers || gathered.len() + self.input.len() > WHOLE {
            return false;
        }
        if let (0, Length::Known(left)) = (gathered.len(), self.source.length()) {
            gathered.reserve_exact(self.input.len() + usize::try_from(left).unwrap_or(0).min(WHOLE));
        }
        gathered.extend_from_slice(&self.input);
        self.input = Bytes::new();
        self.held = true;
        true
    }

    /// Compresses so much of the input.
    fn encode(&mut self, octets: usize, flow: Flow) -> Result<(), BodyError> {
        self.begin()?;
        let Stage::Encoding(encoder) = &mut self.stage else { return Err(BodyError::Source) };
        encoder.push(&self.input[..octets], flow, &mut self.out).map_err(|_| BodyError::Source)?;
        self.input.advance(octets);
        self.budget -= octets.min(self.budget);
        Ok(())
    }

    /// Ends gathering: what is there goes to an encoder.
    fn begin(&mut self) -> Result<(), BodyError> {
        let Stage::Gathering(gathered) = &mut self.stage else { return Ok(()) };
        let gathered = std::mem::take(gathered);
        let size = match self.source.length() {
            Length::Known(left) if gathered.is_empty() => Some(left + self.input.len() as u64),
            _ => None,
        };
        let encoder = Encoder::new(&self.kit, self.plan.coding, self.plan.level, size);
        let mut encoder = encoder.map_err(|_| BodyError::Source)?;
        // Two slices at most.
        encoder.push(&gathered, Flow::More, &mut self.out).map_err(|_| BodyError::Source)?;
        self.budget -= gathered.len().min(self.budget);
        self.stage = Stage::Encoding(encoder);
        Ok(())
    }

    /// The source has ended.
    fn end(&mut self, trailers: Option<Headers>) -> Result<(), BodyError> {
        match &self.stage {
            Stage::Gathering(gathered) if self.gathers => {
                let packed = whole(&self.kit, self.plan.coding, self.plan.level, gathered);
                self.out = packed.map_err(|_| BodyError::Source)?.into();
            }
            _ => self.encode(0, Flow::End)?,
        }
        self.stage = Stage::Ended(trailers);
        self.held = false;
        Ok(())
    }

    /// The source pauses: after a moment what is held back goes out.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<Frame, BodyError>> {
        self.budget = self.plan.slice();
        if !self.held && self.out.is_empty() {
            return Poll::Pending;
        }
        let pause = self.plan.pause;
        if !pause.is_zero() {
            let due = *self.due.get_or_insert_with(|| Instant::now() + pause);
            if self.timer.poll(due, cx).is_pending() {
                return Poll::Pending;
            }
        }
        if self.held {
            self.encode(0, Flow::Flush)?;
            self.held = false;
        }
        Poll::Ready(Ok(self.piece()))
    }

    fn piece(&mut self) -> Frame {
        self.due = None;
        Frame::Data(std::mem::take(&mut self.out).into())
    }

    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        loop {
            if !self.take_in()? {
                // Enough for this turn: others of this worker go first.
                self.budget = self.plan.slice();
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if let Stage::Ended(trailers) = &mut self.stage {
                let trailers = trailers.take();
                if !self.out.is_empty() {
                    self.stage = Stage::Ended(trailers);
                    return Poll::Ready(Some(Ok(self.piece())));
                }
                return Poll::Ready(trailers.map(|trailers| Ok(Frame::Trailers(trailers))));
            }
            if self.out.len() >= PIECE {
                return Poll::Ready(Some(Ok(self.piece())));
            }
            match self.source.poll_frame(cx) {
                Poll::Ready(Some(Ok(Frame::Data(data)))) => {
                    self.plain.set(self.plain.get() + data.len() as u64);
                    self.input = data;
                }
                Poll::Ready(Some(Ok(Frame::Trailers(trailers)))) => self.end(Some(trailers))?,
                Poll::Ready(None) => self.end(None)?,
                Poll::Ready(Some(Err(error))) => return Poll::Ready(Some(Err(error))),
                Poll::Pending => return self.poll_flush(cx).map(Some),
            }
        }
    }
}

impl BodyStream for EncodedBody {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        if matches!(self.stage, Stage::Failed) {
            return Poll::Ready(None);
        }
        let polled = self.poll_step(cx);
        if let Poll::Ready(Some(Err(_))) = &polled {
            self.stage = Stage::Failed;
        }
        polled
    }

    fn length(&self) -> Length {
        Length::Unknown
    }
}
