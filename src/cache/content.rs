//! The body of a stored response: shared slices with memory of their own, handed out without a copy.

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::disk::OnDisk;
use super::parts::Parts;
use crate::http::multipart::Piece;
use crate::http::range::Span;
use crate::http::{Body, BodyError, BodyStream, Frame, Length};

/// Octets of a slice. What is smaller is one slice.
pub(super) const SLICE: usize = 256 * 1024;

/// A body. Clones share their octets.
#[derive(Clone, Debug, Default)]
pub enum Content {
    /// No octet.
    #[default]
    Empty,
    /// All of it in one slice.
    One(Bytes),
    /// In order; none is empty.
    Several(Arc<[Bytes]>),
    /// On the disk.
    OnDisk(OnDisk),
    /// Only parts of it.
    Parts(Arc<Parts>),
}

impl Content {
    /// Of these slices, which must have memory of their own.
    pub(super) fn of(slices: Vec<Bytes>) -> Self {
        let mut slices: Vec<_> = slices.into_iter().filter(|slice| !slice.is_empty()).collect();
        match slices.len() {
            0 => Self::Empty,
            1 => slices.pop().map_or(Self::Empty, Self::One),
            _ => Self::Several(slices.into()),
        }
    }

    /// A copy of these octets, which may be part of a larger buffer.
    pub fn copy(octets: &[u8]) -> Self {
        Self::of(octets.chunks(SLICE).map(Bytes::copy_from_slice).collect())
    }

    /// What of it is in memory.
    pub(super) fn slices(&self) -> &[Bytes] {
        match self {
            Self::Empty | Self::OnDisk(_) | Self::Parts(_) => &[],
            Self::One(slice) => std::slice::from_ref(slice),
            Self::Several(slices) => slices,
        }
    }

    /// Octets of it; of all of it, where only parts are here.
    pub fn len(&self) -> u64 {
        match self {
            Self::OnDisk(body) => body.len(),
            Self::Parts(parts) => parts.total(),
            _ => self.slices().iter().map(|slice| slice.len() as u64).sum(),
        }
    }

    /// Where it is on the disk: a number that no other body ever has.
    pub fn place(&self) -> Option<u64> {
        match self {
            Self::OnDisk(body) => Some(body.place()),
            _ => None,
        }
    }

    /// The parts, where not all of it is here.
    pub fn parts(&self) -> Option<&Arc<Parts>> {
        match self {
            Self::Parts(parts) => Some(parts),
            _ => None,
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// Octets of memory that it takes.
    pub fn weight(&self) -> usize {
        const SHARE: usize = 64;
        if let Self::Parts(parts) = self {
            return parts.weight();
        }
        self.slices().iter().map(|slice| slice.len() + SHARE).sum()
    }

    /// All of it as a body.
    pub fn whole(&self) -> Body {
        match self {
            Self::Empty => Body::Empty,
            Self::One(slice) => Body::Full(slice.clone()),
            Self::Several(slices) => Body::stream(Slices::new(slices.iter().cloned().collect())),
            Self::OnDisk(body) => body.whole(),
            Self::Parts(parts) => self.pieces(parts.all().map(|all| Piece::Part { offset: 0, octets: all.octets() })),
        }
    }

    /// These pieces of it as a body. Octets beyond its end are left out; where one is not here the body breaks off.
    pub fn pieces(&self, pieces: impl IntoIterator<Item = Piece>) -> Body {
        if let Self::OnDisk(body) = self {
            return body.pieces(pieces);
        }
        let mut found = VecDeque::new();
        for piece in pieces {
            match (piece, self) {
                (Piece::Ready(slice), _) => found.push_back(slice),
                (Piece::Part { octets: 0, .. }, _) => {}
                (Piece::Part { offset, octets }, Self::Parts(parts)) => {
                    match parts.slices(Span { first: offset, last: offset.saturating_add(octets - 1) }) {
                        Some(slices) => found.extend(slices),
                        // Whoever asks looks first whether all are here.
                        None => return Body::stream(Torn { left: octets }),
                    }
                }
                (Piece::Part { offset, octets }, _) => self.part(offset, octets, &mut found),
            }
        }
        found.retain(|slice| !slice.is_empty());
        match found.len() {
            0 => Body::Empty,
            1 => found.pop_front().map_or(Body::Empty, Body::Full),
            _ => Body::stream(Slices::new(found)),
        }
    }

    pub(super) fn part(&self, offset: u64, octets: u64, into: &mut VecDeque<Bytes>) {
        let (mut start, end) = (0_u64, offset.saturating_add(octets));
        for slice in self.slices() {
            let stop = start + slice.len() as u64;
            let (from, to) = (offset.max(start), end.min(stop));
            if from < to {
                // Both are within the slice, whose length is a `usize`.
                into.push_back(slice.slice((from - start) as usize..(to - start) as usize));
            }
            start = stop;
        }
    }
}

/// A body that cannot be given.
#[derive(Debug)]
struct Torn {
    left: u64,
}

impl BodyStream for Torn {
    fn poll_frame(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        Poll::Ready(Some(Err(BodyError::Incomplete)))
    }

    fn length(&self) -> Length {
        Length::Known(self.left)
    }
}

/// Slices, one after the other.
#[derive(Debug)]
struct Slices {
    slices: VecDeque<Bytes>,
    left: u64,
}

impl Slices {
    fn new(slices: VecDeque<Bytes>) -> Self {
        let left = slices.iter().map(|slice| slice.len() as u64).sum();
        Self { slices, left }
    }
}

impl BodyStream for Slices {
    fn poll_frame(&mut self, _: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        Poll::Ready(self.slices.pop_front().map(|slice| {
            self.left -= slice.len() as u64;
            Ok(Frame::Data(slice))
        }))
    }

    fn length(&self) -> Length {
        Length::Known(self.left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(mut body: Body) -> Vec<u8> {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let mut read = Vec::new();
        let Length::Known(length) = body.length() else { panic!("a length") };
        while let Poll::Ready(Some(frame)) = body.poll_frame(&mut cx) {
            let Frame::Data(octets) = frame.expect("no error") else { panic!("no trailers") };
            assert!(!octets.is_empty());
            read.extend_from_slice(&octets);
        }
        assert_eq!(read.len() as u64, length);
        read
    }

    #[test]
    fn parts_of_one_and_of_several_slices() {
        let octets: Vec<u8> = (0..2 * SLICE + 10).map(|at| (at / 7) as u8).collect();
        for length in [0, 1, 10, SLICE, SLICE + 1, 2 * SLICE + 10] {
            let content = Content::copy(&octets[..length]);
            assert_eq!((content.len(), content.is_empty()), (length as u64, length == 0));
            assert_eq!(read(content.whole()), &octets[..length]);
            for (offset, count) in [(0, 1), (3, 5), (0, length), (SLICE.saturating_sub(2), 4), (length, 1)] {
                let want: Vec<u8> = octets[..length].iter().skip(offset).take(count).copied().collect();
                let part = Piece::Part { offset: offset as u64, octets: count as u64 };
                let text = Piece::Ready(Bytes::from_static(b"--"));
                let body = content.pieces([text.clone(), part, text]);
                assert_eq!(read(body), [b"--", &want[..], b"--"].concat(), "{offset}+{count} of {length}");
            }
        }
    }

    #[test]
    fn a_body_is_handed_out_without_a_copy() {
        let octets = vec![7; 1000];
        let content = Content::copy(&octets);
        let Content::One(stored) = &content else { panic!("one slice") };
        let part = || Piece::Part { offset: 100, octets: 50 };
        for (body, offset) in [(content.whole(), 0), (content.whole(), 0), (content.pieces([part()]), 100)] {
            let Body::Full(given) = body else { panic!("all of it") };
            assert_eq!(given.as_ptr(), stored[offset..].as_ptr());
        }
        let several = Content::copy(&vec![7; 3 * SLICE]);
        let mut body = several.whole();
        let mut cx = Context::from_waker(std::task::Waker::noop());
        for slice in several.slices() {
            let Poll::Ready(Some(Ok(Frame::Data(given)))) = body.poll_frame(&mut cx) else { panic!("a slice") };
            assert_eq!(given.as_ptr(), slice.as_ptr());
        }
    }
}
