//! The body of a message that comes in over a stream.

use std::task::{Context, Poll, ready};
use std::time::Instant;

use h2::RecvStream;

use super::names_are_tokens;
use crate::http::{BodyError, BodyStream, Frame, Length};
use crate::wire::exchange::Task;
use crate::wire::pace::{Pace, Patience};
use crate::wire::timer::earlier;

/// Reads DATA and trailers; gives window back as data is taken, so a slow reader slows the sender.
#[derive(Debug)]
pub(super) struct Inflow {
    stream: RecvStream,
    left: Length,
    limit: u64,
    /// DATA has ended; trailers may come.
    data_ended: bool,
    task: Task,
    /// This is a request's body.
    counted: bool,
    pace: Pace,
    until: Option<Instant>,
}

impl Inflow {
    pub(super) fn new(
        stream: RecvStream,
        length: Length,
        task: Task,
        patience: Patience,
        until: Option<Instant>,
    ) -> Self {
        Self {
            stream,
            left: length,
            limit: u64::MAX,
            data_ended: false,
            task,
            counted: false,
            pace: Pace::new(patience),
            until,
        }
    }

    /// Counts what comes as the request's.
    pub(super) fn counted(mut self) -> Self {
        self.counted = true;
        self
    }

    fn poll_inner(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        while !self.data_ended {
            match ready!(self.stream.poll_data(cx)) {
                Some(Ok(data)) => {
                    // The stream may be gone already; then nobody waits for the window.
                    let _ = self.stream.flow_control().release_capacity(data.len());
                    if data.is_empty() {
                        continue;
                    }
                    let length = data.len() as u64;
                    if self.counted {
                        self.task.receive(data.len());
                    }
                    let Some(left) = self.limit.checked_sub(length) else {
                        return Poll::Ready(Some(Err(BodyError::TooLarge)));
                    };
                    self.limit = left;
                    if let Length::Known(known) = self.left {
                        self.left = Length::Known(known.saturating_sub(length));
                    }
                    return Poll::Ready(Some(Ok(Frame::Data(data))));
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(broken(&error)))),
                None => self.data_ended = true,
            }
        }
        match ready!(self.stream.poll_trailers(cx)) {
            Ok(Some(trailers)) if !names_are_tokens(&trailers) => Poll::Ready(Some(Err(BodyError::Malformed))),
            Ok(Some(trailers)) => Poll::Ready(Some(Ok(Frame::Trailers(trailers.into())))),
            Ok(None) => Poll::Ready(None),
            Err(error) => Poll::Ready(Some(Err(broken(&error)))),
        }
    }
}

fn broken(error: &h2::Error) -> BodyError {
    if error.reason() == Some(h2::Reason::PROTOCOL_ERROR) { BodyError::Malformed } else { BodyError::Incomplete }
}

impl BodyStream for Inflow {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        let frame = self.poll_inner(cx);
        if let Poll::Ready(frame) = frame {
            let octets = if let Some(Ok(Frame::Data(data))) = &frame { data.len() } else { 0 };
            self.pace.passed(octets, Instant::now);
            return Poll::Ready(frame);
        }
        let Some(at) = earlier(self.pace.wait(Instant::now), self.until) else { return Poll::Pending };
        self.task.timer().poll(at, cx).map(|()| Some(Err(BodyError::Timeout)))
    }

    fn length(&self) -> Length {
        if self.stream.is_end_stream() { Length::Known(0) } else { self.left }
    }

    fn has_ended(&self) -> bool {
        self.stream.is_end_stream()
    }

    fn set_limit(&mut self, octets: u64) {
        self.limit = octets;
    }
}
