//! A body that is decompressed on its way.

use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};

use super::decoder::{DecodeError, Decoder};
use crate::http::negotiate::Coding;
use crate::http::{Body, BodyError, BodyStream, Frame, Headers, Length};
use crate::observe::metrics::{Decoded, Undecoded, WorkerMetrics};

/// Octets that are handed on at a time.
const PIECE: usize = 32 * 1024;
/// Decoded octets after which other tasks of the worker have their turn.
const SLICE: usize = 256 * 1024;
/// So many decoded octets are free of the ratio: a small body may well be all blanks.
const RATIO_FREE: u64 = 64 * 1024;

/// What a body may become.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Octets on the whole; 0 is no limit.
    pub octets: u64,
    /// Octets for each octet that came; 0 is no limit.
    pub ratio: u32,
}

/// Where it is counted what becomes of a body.
#[derive(Clone)]
pub struct Tally {
    /// The counters.
    pub metrics: WorkerMetrics,
    /// On which side the body is.
    pub side: Decoded,
}

impl std::fmt::Debug for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tally").field("side", &self.side).finish_non_exhaustive()
    }
}

impl Tally {
    /// A body was not decompressed.
    pub fn refused(&self, why: Undecoded) {
        self.metrics.left_undecoded(self.side, why);
    }
}

/// The plain form of a body.
#[derive(Debug)]
pub struct DecodedBody {
    source: Body,
    coding: Coding,
    tally: Option<Tally>,
    decoder: Decoder,
    bounds: Bounds,
    input: Bytes,
    read: u64,
    written: u64,
    budget: usize,
    /// The decoder filled all the room that it had: there may be more without more input.
    full: bool,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Decoding,
    Ended(Option<Headers>),
    Failed,
}

impl DecodedBody {
    /// Takes a coding from a body.
    ///
    /// # Errors
    /// [`DecodeError`]
    pub fn new(source: Body, coding: Coding, bounds: Bounds) -> Result<Self, DecodeError> {
        let decoder = Decoder::new(coding)?;
        let (input, stage) = (Bytes::new(), Stage::Decoding);
        let (tally, budget, full) = (None, SLICE, false);
        Ok(Self { source, coding, tally, decoder, bounds, input, read: 0, written: 0, budget, full, stage })
    }

    /// Counted there.
    #[must_use]
    pub fn counted(mut self, tally: Tally) -> Self {
        self.tally = Some(tally);
        self
    }

    fn refused(&self, why: Undecoded) -> BodyError {
        if let Some(tally) = &self.tally {
            tally.refused(why);
        }
        match why {
            Undecoded::TooLarge | Undecoded::TooDense => BodyError::TooLarge,
            Undecoded::Unknown | Undecoded::Malformed => BodyError::Malformed,
        }
    }

    /// One step of the decoder; `None` where it needs more input.
    fn decode(&mut self) -> Result<Option<Bytes>, BodyError> {
        let mut room = vec![0; PIECE];
        let mut filled = 0;
        while (!self.input.is_empty() || self.full) && filled < PIECE {
            let step = self.decoder.step(&self.input, &mut room[filled..]);
            let (read, written) = step.map_err(|DecodeError| self.refused(Undecoded::Malformed))?;
            self.input.advance(read);
            filled += written;
            self.full = filled == PIECE;
            self.count(read, written)?;
            if read == 0 && written == 0 {
                // It wants neither: what is left over is no content of this coding.
                return if self.input.is_empty() { Ok(None) } else { Err(self.refused(Undecoded::Malformed)) };
            }
        }
        room.truncate(filled);
        self.budget = self.budget.saturating_sub(filled);
        Ok((filled > 0).then(|| room.into()))
    }

    fn count(&mut self, read: usize, written: usize) -> Result<(), BodyError> {
        self.read += read as u64;
        self.written += written as u64;
        let Bounds { octets, ratio } = self.bounds;
        if octets > 0 && self.written > octets {
            return Err(self.refused(Undecoded::TooLarge));
        }
        if ratio > 0 && self.written > RATIO_FREE && self.written / u64::from(ratio) > self.read {
            return Err(self.refused(Undecoded::TooDense));
        }
        Ok(())
    }

    fn end(&mut self, trailers: Option<Headers>) -> Result<(), BodyError> {
        if !self.decoder.is_whole() && self.read > 0 {
            return Err(self.refused(Undecoded::Malformed));
        }
        self.stage = Stage::Ended(trailers);
        Ok(())
    }

    fn poll_step(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        loop {
            if let Stage::Ended(trailers) = &mut self.stage {
                return Poll::Ready(trailers.take().map(|trailers| Ok(Frame::Trailers(trailers))));
            }
            if self.budget == 0 {
                self.budget = SLICE;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if !self.input.is_empty() || self.full {
                if let Some(piece) = self.decode()? {
                    return Poll::Ready(Some(Ok(Frame::Data(piece))));
                }
                continue;
            }
            match ready!(self.source.poll_frame(cx)) {
                Some(Ok(Frame::Data(data))) => self.input = data,
                Some(Ok(Frame::Trailers(trailers))) => self.end(Some(trailers))?,
                None => self.end(None)?,
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            }
        }
    }
}

impl Drop for DecodedBody {
    fn drop(&mut self) {
        if let Some(Tally { metrics, side }) = &self.tally {
            metrics.decompressed(*side, self.coding, self.read, self.written);
        }
    }
}

impl BodyStream for DecodedBody {
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

    fn set_limit(&mut self, octets: u64) {
        self.bounds.octets = octets;
        self.source.set_limit(octets);
    }
}
