//! A body from what is stored and what is coming: the part that was missing, between the parts that are here.

use std::collections::VecDeque;
use std::task::{Context, Poll, ready};

use bytes::Bytes;

use super::fill::FlowBody;
use super::parts::Parts;
use crate::http::range::Span;
use crate::http::{Body, BodyError, BodyStream, Frame, Length};

/// The octets that are wanted: those of `coming` from the reader, which begins there, the others from the parts. `None` where one is
/// neither here nor coming.
pub fn mend(parts: &Parts, coming: Span, reader: FlowBody, wanted: Span) -> Option<Body> {
    let (first, last) = (wanted.first.max(coming.first), wanted.last.min(coming.last));
    if first > last {
        return None;
    }
    let before = match coming.first.checked_sub(1).filter(|end| wanted.first <= *end) {
        Some(end) => parts.slices(Span { first: wanted.first, last: end })?,
        None => VecDeque::new(),
    };
    let after = match coming.last + 1 {
        next if next <= wanted.last => parts.slices(Span { first: next, last: wanted.last })?,
        _ => VecDeque::new(),
    };
    let within = Span { first: first - coming.first, last: last - coming.first };
    let coming = Box::new(reader.part(within));
    Some(Body::stream(Mended { before, coming, after, left: wanted.octets() }))
}

/// Slices, a part of a flow, and slices.
struct Mended<S> {
    before: VecDeque<Bytes>,
    coming: Box<S>,
    after: VecDeque<Bytes>,
    left: u64,
}

impl<S: BodyStream> BodyStream for Mended<S> {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        let octets = match self.before.pop_front() {
            Some(octets) => octets,
            None => match ready!(self.coming.poll_frame(cx)) {
                Some(Ok(Frame::Data(octets))) => octets,
                // Trailers are of one answer of the upstream, and not of this body.
                Some(Ok(Frame::Trailers(_))) | None => match self.after.pop_front() {
                    Some(octets) => octets,
                    None => return Poll::Ready(None),
                },
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            },
        };
        self.left = self.left.saturating_sub(octets.len() as u64);
        Poll::Ready(Some(Ok(Frame::Data(octets))))
    }

    fn length(&self) -> Length {
        Length::Known(self.left)
    }
}
