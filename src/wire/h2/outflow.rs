//! The body of a message that goes out over a stream.

use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::{Buf, Bytes};
use h2::{Reason, SendStream};

use crate::http::sanitize;
use crate::http::{Body, BodyError, Frame};
use crate::wire::TRAILER_LIMITS;
use crate::wire::timer::{Timer, deadline};

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
    timeout: Option<Duration>,
    due: Option<Instant>,
}

impl Outflow {
    pub(super) fn new(body: Body, stream: SendStream<Bytes>, timer: Timer, timeout: Option<Duration>) -> Self {
        Self { body, stream, waiting: Bytes::new(), sent: 0, ended: false, timer, timeout, due: None }
    }

    /// Octets of payload so far.
    pub(super) fn sent(&self) -> u64 {
        self.sent
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
                self.due = None;
                let piece = self.waiting.split_to(window.min(self.waiting.remaining()));
                self.sent += piece.len() as u64;
                self.ended = self.waiting.is_empty() && self.body.is_empty();
                Poll::Ready(self.stream.send_data(piece, self.ended).map_err(|_| Broken::Gone))
            }
            Poll::Ready(Some(Err(_)) | None) => Poll::Ready(Err(Broken::Gone)),
            Poll::Pending => {
                if self.due.is_none() {
                    self.due = deadline(Instant::now(), self.timeout);
                }
                let Some(due) = self.due else { return Poll::Pending };
                ready!(self.timer.poll(due, cx));
                self.stream.send_reset(Reason::CANCEL);
                Poll::Ready(Err(Broken::Stalled))
            }
        }
    }
}
