//! The body of a message that goes out over a stream.

use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::{Buf, Bytes};
use h2::{Reason, SendStream};

use crate::http::sanitize;
use crate::http::{Body, BodyError, Frame};
use crate::wire::TRAILER_LIMITS;
use crate::wire::pace::{Pace, Patience};
use crate::wire::timer::Timer;

/// The most that a frame carries, in octets: with its header it fills one record of TLS, and none is begun for the rest of it.
const FRAME: usize = 16 * 1024 - 9;

/// Why a body did not go out.
#[derive(Debug)]
pub(super) enum Broken {
    /// Its source ended early or failed; the stream was reset.
    Source(BodyError),
    /// The other side gave up the stream, or the connection is gone.
    Gone,
    /// The other side gave no window for too long; the stream was reset.
    Stalled,
}

/// Sends DATA as far as the window goes, then trailers.
#[derive(Debug)]
pub(super) struct Outflow {
    body: Body,
    stream: SendStream<Bytes>,
    /// A frame that waits for window.
    waiting: Bytes,
    sent: u64,
    /// The last frame carried the end of the stream.
    ended: bool,
    timer: Timer,
    pace: Pace,
}

impl Outflow {
    pub(super) fn new(body: Body, stream: SendStream<Bytes>, timer: Timer, patience: Patience) -> Self {
        Self { body, stream, waiting: Bytes::new(), sent: 0, ended: false, timer, pace: Pace::new(patience) }
    }

    /// Octets of payload so far.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// Whether there is something to send, and the other side has not given window for any of it so far.
    pub(super) fn is_untaken(&self) -> bool {
        self.sent == 0 && !self.waiting.is_empty()
    }

    /// Ready when all of it is with the connection, which sends it on.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        while !self.ended {
            if !self.waiting.is_empty() {
                ready!(self.poll_send(cx))?;
                continue;
            }
            match self.body.poll_frame(cx) {
                Poll::Ready(Some(Ok(Frame::Data(data)))) => self.waiting = data,
                Poll::Ready(Some(Ok(Frame::Trailers(mut trailers)))) => {
                    if let Err(error) = sanitize::trailers(&mut trailers, TRAILER_LIMITS) {
                        self.stream.send_reset(Reason::INTERNAL_ERROR);
                        return Poll::Ready(Err(Broken::Source(error)));
                    }
                    return Poll::Ready(self.stream.send_trailers(trailers.into()).map_err(|_| Broken::Gone));
                }
                Poll::Ready(None) => {
                    return Poll::Ready(self.stream.send_data(Bytes::new(), true).map_err(|_| Broken::Gone));
                }
                Poll::Ready(Some(Err(error))) => {
                    self.stream.send_reset(Reason::INTERNAL_ERROR);
                    return Poll::Ready(Err(Broken::Source(error)));
                }
                Poll::Pending => {
                    // While the source is silent the other side may give up.
                    return match self.stream.poll_reset(cx) {
                        Poll::Ready(_) => Poll::Ready(Err(Broken::Gone)),
                        Poll::Pending => Poll::Pending,
                    };
                }
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Sends as much of the waiting frame as there is window for.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Broken>> {
        self.stream.reserve_capacity(self.waiting.len());
        match self.stream.poll_capacity(cx) {
            Poll::Ready(Some(Ok(0))) => Poll::Ready(Ok(())),
            Poll::Ready(Some(Ok(window))) => {
                let mut left = window.min(self.waiting.remaining());
                self.pace.passed(left, Instant::now);
                self.sent += left as u64;
                while left > 0 {
                    let piece = self.waiting.split_to(left.min(FRAME));
                    left -= piece.len();
                    // The last octets carry the end: a frame of its own for it counts as an empty one with those that count them.
                    self.ended = self.waiting.is_empty() && self.body.has_ended();
                    self.stream.send_data(piece, self.ended).map_err(|_| Broken::Gone)?;
                }
                Poll::Ready(Ok(()))
            }
            Poll::Ready(Some(Err(_)) | None) => Poll::Ready(Err(Broken::Gone)),
            Poll::Pending => {
                let Some(due) = self.pace.wait(Instant::now) else { return Poll::Pending };
                ready!(self.timer.poll(due, cx));
                self.stream.send_reset(Reason::CANCEL);
                Poll::Ready(Err(Broken::Stalled))
            }
        }
    }
}
