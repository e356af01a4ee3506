//! A body that stays on the disk and is sent from there, a few blocks at a time.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use tokio::sync::oneshot;

use super::counts::Failure;
use super::read;
use super::record::{BLOCK, Name, Place};
use super::segment::Segment;
use super::tier::Tier;
use crate::http::multipart::Piece;
use crate::http::{Body, BodyError, BodyStream, Frame, Length};

/// Blocks that are read at a time; so many octets of a response are in memory, and no more.
const BLOCKS: u64 = 4;
/// Reads of bodies that may wait beyond the limit of the queue: a response that has begun has to go on, and has one at a time.
const BEGUN: usize = 1 << 16;

/// The body of a stored response, on the disk. Clones share it.
#[derive(Clone)]
pub struct OnDisk(Arc<Stored>);

pub(super) struct Stored {
    pub(super) tier: Arc<Tier>,
    pub(super) segment: Arc<Segment>,
    pub(super) place: Place,
    pub(super) name: Name,
    /// Where it begins in the segment.
    pub(super) start: u64,
    pub(super) length: u64,
}

impl fmt::Debug for OnDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OnDisk({} octets)", self.0.length)
    }
}

impl OnDisk {
    pub(super) fn new(stored: Stored) -> Self {
        Self(Arc::new(stored))
    }

    /// Octets of it.
    pub fn len(&self) -> u64 {
        self.0.length
    }

    /// The place of its record, which is that of no other one.
    pub(in crate::cache) fn place(&self) -> u64 {
        self.0.place.0
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of it as a body.
    pub fn whole(&self) -> Body {
        self.pieces([Piece::Part { offset: 0, octets: self.len() }])
    }

    /// These pieces of it as a body. Parts that it does not have are left out.
    pub fn pieces(&self, pieces: impl IntoIterator<Item = Piece>) -> Body {
        let length = self.len();
        let within = |piece| match piece {
            Piece::Part { offset, octets } => {
                Piece::Part { offset: offset.min(length), octets: octets.min(length.saturating_sub(offset)) }
            }
            ready => ready,
        };
        let pieces: VecDeque<Piece> = pieces.into_iter().map(within).collect();
        let octets = |piece: &Piece| match piece {
            Piece::Ready(octets) => octets.len() as u64,
            Piece::Part { octets, .. } => *octets,
        };
        let left = pieces.iter().map(octets).sum();
        Body::stream(Sending { stored: self.0.clone(), pieces, left, here: VecDeque::new(), coming: None })
    }

    /// A few blocks of it, from that one on; on a thread that may wait.
    ///
    /// # Errors
    /// Where the disk does not give what was written.
    pub(super) fn blocks(&self, first: u64, count: u64) -> Result<Vec<Bytes>, Failure> {
        self.0.blocks(first, count)
    }
}

impl Stored {
    fn blocks(&self, first: u64, count: u64) -> Result<Vec<Bytes>, Failure> {
        let blocks = read::Blocks { place: self.place, start: self.start, length: self.length };
        let read =
            self.tier.sums().ok_or(Failure::Read).and_then(|sums| blocks.read(&self.segment, sums, first, count));
        if let Err(failure) = read {
            self.tier.spoilt(self.name, self.place, failure);
        }
        read
    }
}

/// What one read gave.
type Read = Result<Vec<Bytes>, Failure>;

/// A body on its way to a client.
struct Sending {
    stored: Arc<Stored>,
    pieces: VecDeque<Piece>,
    left: u64,
    /// Of the part in front, ready to go.
    here: VecDeque<Bytes>,
    coming: Option<oneshot::Receiver<Read>>,
}

impl Sending {
    fn give(&mut self, octets: Bytes) -> Poll<Option<Result<Frame, BodyError>>> {
        self.left -= octets.len() as u64;
        Poll::Ready(Some(Ok(Frame::Data(octets))))
    }

    /// Asks for the next blocks of the part in front.
    fn ask(&mut self, offset: u64) -> Option<oneshot::Receiver<Read>> {
        let (answer, answered) = oneshot::channel();
        let (stored, first) = (self.stored.clone(), offset / BLOCK as u64);
        let tier = stored.tier.clone();
        // Whoever asked may have left.
        let read = move || drop(answer.send(stored.blocks(first, BLOCKS)));
        tier.read_soon(Box::new(read), BEGUN).then_some(answered)
    }

    /// Cuts from the blocks what the part in front has of them.
    fn cut(&mut self, blocks: Vec<Bytes>) -> Result<(), BodyError> {
        let Some(Piece::Part { offset, octets }) = self.pieces.front_mut() else { return Ok(()) };
        // Within the first block.
        let mut skip = (*offset % BLOCK as u64) as usize;
        for mut block in blocks {
            if *octets == 0 {
                break;
            }
            if skip >= block.len() {
                return Err(BodyError::Source);
            }
            let _ = block.split_to(std::mem::take(&mut skip));
            block.truncate(usize::try_from(*octets).unwrap_or(usize::MAX).min(block.len()));
            *offset += block.len() as u64;
            *octets -= block.len() as u64;
            self.here.push_back(block);
        }
        Ok(())
    }
}

impl BodyStream for Sending {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        loop {
            if let Some(octets) = self.here.pop_front() {
                return self.give(octets);
            }
            if let Some(coming) = &mut self.coming {
                let read = ready!(std::future::Future::poll(Pin::new(coming), cx));
                self.coming = None;
                let cut = read.ok().and_then(Result::ok).ok_or(BodyError::Source).and_then(|blocks| self.cut(blocks));
                match cut {
                    Ok(()) if !self.here.is_empty() => continue,
                    _ => return Poll::Ready(Some(Err(BodyError::Source))),
                }
            }
            match self.pieces.front() {
                None => return Poll::Ready(None),
                Some(Piece::Part { octets: 0, .. }) => drop(self.pieces.pop_front()),
                Some(Piece::Part { offset, .. }) => {
                    let offset = *offset;
                    self.coming = self.ask(offset);
                    if self.coming.is_none() {
                        return Poll::Ready(Some(Err(BodyError::Source)));
                    }
                }
                Some(Piece::Ready(_)) => {
                    if let Some(Piece::Ready(octets)) = self.pieces.pop_front()
                        && !octets.is_empty()
                    {
                        return self.give(octets);
                    }
                }
            }
        }
    }

    fn length(&self) -> Length {
        Length::Known(self.left)
    }
}
