//! A body that is compressed on its way out.
//!
//! It waits a moment for more before it flushes, gives the thread back after a slice of work, and holds no more than the encoder's
//! tables and a slice of input. A body of gzip that is all there soon is compressed in one go, which costs less.

use std::cell::Cell;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};

use super::dcb;
use super::encoder::{EncodeError, Encoder, Flow, whole};
use super::kit::{Kit, Place};
use super::slice::{at_once, holds_back, slice};
use crate::http::dictionary::Dictionary;
use crate::http::negotiate::Coding;
use crate::http::{Body, BodyError, BodyStream, Frame, Headers, Length};
use crate::wire::timer::Timer;

/// So many compressed octets are handed on without waiting for more.
const PIECE: usize = 16 * 1024;

/// How a body is compressed.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The coding.
    pub coding: Coding,
    /// The dictionary, for the codings that need one.
    pub dictionary: Option<Dictionary>,
    /// Its level.
    pub level: u8,
    /// How long the source may pause before what is held back goes out.
    pub pause: Duration,
}

impl Plan {
    fn slice(&self) -> usize {
        slice(self.coding, self.level)
    }

    /// Octets that are gathered before anything is done.
    fn gathered(&self) -> usize {
        match self.coding {
            Coding::Gzip if !self.pause.is_zero() => at_once(self.coding, self.level),
            Coding::Dcb => dcb::MOST,
            _ => 0,
        }
    }

    /// An encoder of this content, of which so much is there already.
    fn encoder(&self, kit: &Rc<Kit>, content: &[u8], size: Option<u64>) -> Result<Encoder, EncodeError> {
        match (self.coding, &self.dictionary) {
            (Coding::Dcz, Some(dictionary)) => Encoder::dcz(kit, self.level, size, dictionary),
            (Coding::Dcb, Some(dictionary)) => Encoder::dcb(kit, self.level, content, dictionary),
            (coding, _) => Encoder::new(kit, coding, self.level, size),
        }
    }
}

/// The compressed form of a body.
pub struct EncodedBody {
    source: Body,
    plan: Plan,
    stage: Stage,
    gathers: bool,
    /// The source has ended, with these trailers.
    closing: Option<Option<Headers>>,
    /// Of the source, not compressed yet.
    input: Bytes,
    /// What follows it.
    behind: Bytes,
    /// Compressed, not handed on yet.
    out: Vec<u8>,
    /// Octets that were compressed, or are held back by the encoder, since others had their turn.
    since: usize,
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
    /// All is compressed; the trailers are to follow.
    Ended(Option<Headers>),
    Failed,
}

impl EncodedBody {
    pub(super) fn new(source: Body, plan: Plan, kit: &Rc<Kit>, place: Place, plain: Rc<Cell<u64>>) -> Self {
        let most = plan.gathered();
        let small = !matches!(source.length(), Length::Known(length) if length > most as u64);
        Self {
            source,
            plan,
            stage: Stage::Gathering(Vec::new()),
            // Of the codings only gzip gains by it; dcb must see all of it.
            gathers: small && most > 0,
            closing: None,
            input: Bytes::new(),
            behind: Bytes::new(),
            out: Vec::new(),
            since: 0,
            held: false,
            due: None,
            timer: Timer::new(),
            plain,
            kit: kit.clone(),
            _place: place,
        }
    }

    /// Takes in what the source gave; false where that is enough for this turn.
    fn take_in(&mut self) -> Result<bool, BodyError> {
        while self.has_input() {
            if self.gather() {
                return Ok(true);
            }
            self.begin()?;
            let left = self.plan.slice() - self.since;
            let piece = self.input.len().min(left);
            let full = piece == left;
            let flow = if full && holds_back(self.plan.coding) { Flow::Flush } else { Flow::More };
            self.encode(piece, flow)?;
            self.since += piece;
            if full {
                self.since = 0;
                return Ok(false);
            }
            if self.out.len() >= PIECE {
                break;
            }
        }
        Ok(true)
    }

    fn has_input(&mut self) -> bool {
        if self.input.is_empty() {
            self.input = std::mem::take(&mut self.behind);
        }
        !self.input.is_empty()
    }

    /// Puts the input to what was gathered, where there is room.
    fn gather(&mut self) -> bool {
        let Stage::Gathering(gathered) = &mut self.stage else { return false };
        let most = self.plan.gathered();
        if !self.gathers || gathered.len() + self.input.len() > most {
            return false;
        }
        if let (0, Length::Known(left)) = (gathered.len(), self.source.length()) {
            gathered.reserve_exact(self.input.len() + usize::try_from(left).unwrap_or(0).min(most));
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
        let octets = octets.min(self.input.len());
        encoder.push(&self.input[..octets], flow, &mut self.out).map_err(|_| BodyError::Source)?;
        self.input.advance(octets);
        self.held = flow == Flow::More;
        Ok(())
    }

    /// Ends gathering: what is there is the input now.
    fn begin(&mut self) -> Result<(), BodyError> {
        let Stage::Gathering(gathered) = &mut self.stage else { return Ok(()) };
        if self.plan.coding == Coding::Dcb && self.closing.is_none() {
            // It is longer than it said.
            return Err(BodyError::Source);
        }
        let gathered = std::mem::take(gathered);
        let size = match self.source.length() {
            Length::Known(left) if gathered.is_empty() => Some(left + self.input.len() as u64),
            _ => None,
        };
        let encoder = self.plan.encoder(&self.kit, &gathered, size);
        self.stage = Stage::Encoding(encoder.map_err(|_| BodyError::Source)?);
        if !gathered.is_empty() {
            self.behind = std::mem::replace(&mut self.input, gathered.into());
        }
        Ok(())
    }

    /// The source has ended.
    fn end(&mut self, trailers: Option<Headers>) -> Result<(), BodyError> {
        match &self.stage {
            Stage::Gathering(gathered) if self.gathers && self.plan.coding == Coding::Gzip => {
                let packed = whole(&self.kit, self.plan.coding, self.plan.level, gathered);
                self.out = packed.map_err(|_| BodyError::Source)?.into();
                self.stage = Stage::Ended(trailers);
                self.held = false;
                Ok(())
            }
            _ => {
                self.closing = Some(trailers);
                self.begin()
            }
        }
    }

    /// The source pauses: after a moment what is held back goes out.
    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<Frame, BodyError>> {
        let waits = matches!(self.stage, Stage::Gathering(_)) && self.plan.coding == Coding::Dcb;
        if waits || !self.held && self.out.is_empty() {
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
            self.begin()?;
            if self.has_input() && !self.take_in()? {
                return self.yielded(cx);
            }
            self.encode(0, Flow::Flush)?;
            self.since = 0;
        }
        if self.out.is_empty() {
            // All of it had come out already.
            self.due = None;
            return Poll::Pending;
        }
        Poll::Ready(Ok(self.piece()))
    }

    /// Others of this worker go first.
    fn yielded<T>(&self, cx: &Context<'_>) -> Poll<T> {
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn piece(&mut self) -> Frame {
        self.due = None;
        Frame::Data(std::mem::take(&mut self.out).into())
    }

    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        loop {
            if !self.take_in()? {
                return self.yielded(cx);
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
            if let Some(trailers) = self.closing.take() {
                // Less than a slice is left to do.
                self.encode(0, Flow::End)?;
                self.stage = Stage::Ended(trailers);
                self.held = false;
                continue;
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
