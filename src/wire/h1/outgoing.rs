//! A body on its way out: from its frames into the writer, with the framing that the head promised.

use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

use super::encode::{Outgoing, chunk_line, last_chunk};
use crate::http::sanitize;
use crate::http::{Body, BodyError, Frame};
use crate::wire::TRAILER_LIMITS;
use crate::wire::writer::Writer;

/// Why a body did not go out.
#[derive(Debug)]
pub(super) enum Broken {
    /// Its source ended early or failed.
    Source(BodyError),
    /// The stream that it goes to failed.
    Sink,
}

/// A body and the state of its framing.
#[derive(Debug)]
pub(super) struct Outflow {
    body: Body,
    framing: Outgoing,
    /// Octets of payload that were queued.
    sent: u64,
    ended: bool,
}

impl Outflow {
    pub(super) fn new(body: Body, framing: Outgoing) -> Self {
        let ended = matches!(framing, Outgoing::None | Outgoing::Described | Outgoing::Length(0));
        Self { body, framing, sent: 0, ended }
    }

    /// Octets of payload so far.
    pub(super) fn sent(&self) -> u64 {
        self.sent
    }

    /// Whether all of it is in the writer.
    pub(super) fn ended(&self) -> bool {
        self.ended
    }

    /// Whether these are the bytes of another protocol, after a switch.
    pub(super) fn is_tunnel(&self) -> bool {
        self.framing == Outgoing::UntilClose
    }

    /// Moves frames into the writer and bytes out of it, until the body has ended and all is written. `progress` is set where a byte went out.
    pub(super) fn poll(
        &mut self,
        writer: &mut Writer,
        io: &mut (impl AsyncWrite + Unpin),
        cx: &mut Context<'_>,
        progress: &mut bool,
    ) -> Poll<Result<(), Broken>> {
        loop {
            let filled = self.poll_queue(writer, cx).map_err(Broken::Source)?;
            ready!(writer.poll_write_out(io, cx, progress)).map_err(|_| Broken::Sink)?;
            if self.ended {
                return Poll::Ready(Ok(()));
            }
            if filled.is_pending() {
                return Poll::Pending;
            }
        }
    }

    /// Moves frames into the writer: pending where the source is, ready where the body ended or the writer is full.
    pub(super) fn poll_queue(&mut self, writer: &mut Writer, cx: &mut Context<'_>) -> Poll<Result<(), BodyError>> {
        while !self.ended && !writer.is_full() {
            match ready!(self.body.poll_frame(cx)) {
                Some(Ok(Frame::Data(data))) => {
                    self.sent += data.len() as u64;
                    match self.framing {
                        Outgoing::Length(length) if self.sent > length => {
                            return Poll::Ready(Err(BodyError::Malformed));
                        }
                        Outgoing::Chunked => {
                            chunk_line(writer.flat(), data.len());
                            writer.push(data);
                            writer.flat().extend_from_slice(b"\r\n");
                        }
                        _ => writer.push(data),
                    }
                    self.ended = matches!(self.framing, Outgoing::Length(length) if self.sent == length);
                }
                Some(Ok(Frame::Trailers(mut trailers))) => {
                    self.check_length()?;
                    sanitize::trailers(&mut trailers, TRAILER_LIMITS)?;
                    if self.framing == Outgoing::Chunked {
                        last_chunk(writer.flat(), Some(&trailers));
                    }
                    self.ended = true;
                }
                None => {
                    self.check_length()?;
                    if self.framing == Outgoing::Chunked {
                        last_chunk(writer.flat(), None);
                    }
                    self.ended = true;
                }
                Some(Err(error)) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// At its end a body must be as long as the head said.
    fn check_length(&self) -> Result<(), BodyError> {
        match self.framing {
            Outgoing::Length(length) if self.sent != length => Err(BodyError::Incomplete),
            _ => Ok(()),
        }
    }
}
