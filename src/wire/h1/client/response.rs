//! The response as it comes, together with what is left to send of the request.

use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::{Connection, Home};
use crate::http::{Body, BodyError, BodyStream, Frame, Length, Response};
use crate::wire::buffers::{give_back, poll_fill};
use crate::wire::h1::framing::{Decoder, Step};
use crate::wire::h1::outgoing::{Broken, Outflow};
use crate::wire::h1::parse::{Framing, ResponseHead};
use crate::wire::timer::{Timer, deadline, earlier};

/// The largest read of a body whose length is known, in octets.
const BODY_READ: u64 = 96 * 1024;
/// The room for a read of a body of unknown length, in octets.
const STREAM_READ: usize = 32 * 1024;

/// The response to a head: its body whole if it is all here, and else as a stream. `sent` tells that the whole request went out.
pub(super) fn build(
    mut connection: Box<Connection>,
    home: Rc<dyn Home>,
    head: ResponseHead,
    upload: Outflow,
    sent: bool,
    times: Times,
) -> Response {
    let ResponseHead { status, headers, framing, keep_alive } = head;
    let reusable = keep_alive && sent;
    let whole = match framing {
        Framing::None => Some(Bytes::new()),
        Framing::Length(length) if length <= connection.read.len() as u64 => {
            Some(connection.read.split_to(length as usize).freeze())
        }
        _ => None,
    };
    let Some(whole) = whole else {
        let mut times = times;
        if upload.is_tunnel() {
            // In a tunnel silence is no fault of either side.
            times.timeout = None;
        }
        let decoder = Decoder::new(framing);
        let open = Some(Open { connection, home, reusable });
        let upload = (!sent).then_some(upload);
        let body = ResponseBody { open, decoder, upload, times, due: None };
        return Response { status, headers, body: Body::stream(body) };
    };
    finish(connection, &*home, reusable, &times.timer);
    Response { status, headers, body: Body::full(whole) }
}

/// The exchange is over: the connection goes home if it can carry another.
fn finish(mut connection: Box<Connection>, home: &dyn Home, reusable: bool, timer: &Timer) {
    // Bytes behind the response answer no request; what they mean cannot be known.
    if !reusable || !connection.read.is_empty() {
        return;
    }
    give_back(&mut connection.read);
    connection.writer.release();
    home.take_back(connection, timer.now());
}

/// What bounds the reading of a response body.
pub(super) struct Times {
    /// Of the task that reads.
    pub(super) timer: Timer,
    /// Between two reads.
    pub(super) timeout: Option<Duration>,
    /// The end of the whole exchange.
    pub(super) until: Option<Instant>,
}

struct Open {
    connection: Box<Connection>,
    home: Rc<dyn Home>,
    reusable: bool,
}

/// A response body that is still coming.
pub(super) struct ResponseBody {
    /// Gone once the body has ended.
    open: Option<Open>,
    decoder: Decoder,
    /// What of the request is not sent yet.
    upload: Option<Outflow>,
    times: Times,
    due: Option<Instant>,
}

impl ResponseBody {
    /// Sends on what is left of the request.
    fn poll_upload(&mut self, cx: &mut Context<'_>) -> Result<(), BodyError> {
        let (Some(open), Some(upload)) = (&mut self.open, &mut self.upload) else { return Ok(()) };
        let connection = &mut *open.connection;
        match upload.poll(&mut connection.writer, &mut connection.io, cx, &mut false) {
            Poll::Pending => return Ok(()),
            // A tunnel whose client has closed: the endpoint is told, and may still send what it has.
            Poll::Ready(Ok(())) if upload.is_tunnel() => {
                let _ = tokio::io::AsyncWrite::poll_shutdown(std::pin::Pin::new(&mut connection.io), cx);
            }
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(Broken::Source(_))) if upload.is_tunnel() => return Err(BodyError::Abandoned),
            // The response is whole or not whatever became of the request; but the connection has seen its last exchange.
            Poll::Ready(Err(Broken::Source(_) | Broken::Sink)) => open.reusable = false,
        }
        self.upload = None;
        Ok(())
    }

    fn end(&mut self) {
        let whole = self.upload.is_none();
        if let Some(Open { connection, home, reusable }) = self.open.take() {
            finish(connection, &*home, reusable && whole, &self.times.timer);
        }
    }

    /// Reads more; false is the end by the connection's.
    fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<Result<bool, BodyError>> {
        let Some(Open { connection, .. }) = &mut self.open else { return Poll::Ready(Ok(false)) };
        let want = match self.decoder.length() {
            // With room for one octet more than there is, the read that takes the last one is not full. So the runtime knows that there is
            // nothing more, and does not look for it when the connection is used again.
            Length::Known(left) => left.saturating_add(1).min(BODY_READ) as usize,
            Length::Unknown => STREAM_READ,
        };
        match poll_fill(&mut connection.io, &mut connection.read, want, cx) {
            Poll::Ready(Ok(0)) if self.decoder.ends_by_close() => Poll::Ready(Ok(false)),
            Poll::Ready(Ok(0) | Err(_)) => Poll::Ready(Err(BodyError::Incomplete)),
            Poll::Ready(Ok(_)) => Poll::Ready(Ok(true)),
            Poll::Pending => {
                if self.due.is_none() {
                    self.due = deadline(self.times.timer.now(), self.times.timeout);
                }
                let Some(at) = earlier(self.due, self.times.until) else { return Poll::Pending };
                self.times.timer.poll(at, cx).map(|()| Err(BodyError::Timeout))
            }
        }
    }
}

impl BodyStream for ResponseBody {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        if let Err(error) = self.poll_upload(cx) {
            self.open = None;
            return Poll::Ready(Some(Err(error)));
        }
        loop {
            let Some(open) = &mut self.open else { return Poll::Ready(None) };
            let step = self.decoder.step(&mut open.connection.read);
            let more = match step {
                Ok(Step::Data(data)) => {
                    self.due = None;
                    if self.decoder.is_done() {
                        // Length reached: the connection is free before the client has taken the last byte.
                        self.end();
                    }
                    return Poll::Ready(Some(Ok(Frame::Data(data))));
                }
                Ok(Step::Trailers(trailers)) => {
                    self.end();
                    return Poll::Ready(Some(Ok(Frame::Trailers(trailers))));
                }
                Ok(Step::End) => {
                    self.end();
                    return Poll::Ready(None);
                }
                Ok(Step::NeedMore) => match self.poll_more(cx) {
                    Poll::Ready(more) => more,
                    Poll::Pending => return Poll::Pending,
                },
                Err(_) => Err(BodyError::Malformed),
            };
            match more {
                Ok(true) => {}
                Ok(false) => {
                    self.open = None;
                    return Poll::Ready(None);
                }
                Err(error) => {
                    self.open = None;
                    return Poll::Ready(Some(Err(error)));
                }
            }
        }
    }

    fn length(&self) -> Length {
        self.decoder.length()
    }
}
