//! Bodies: nothing, bytes that are all here, or a stream of frames.
//!
//! Most small messages arrive whole with their head; those are [`Body::Full`] and cost nothing more. A stream is boxed
//! once, at the codec that reads it, so that no type parameter runs through the program.

use std::fmt;
use std::task::{Context, Poll};

use bytes::Bytes;

use super::Headers;

/// One piece of a streamed body.
#[derive(Debug)]
pub enum Frame {
    /// Payload; never empty.
    Data(Bytes),
    /// The trailer section; nothing follows.
    Trailers(Headers),
}

/// How long a body is, as far as its head says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Length {
    /// That many bytes.
    Known(u64),
    /// It ends when it ends.
    Unknown,
}

/// Why a body broke off. The side that reads it decides whose fault that is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyError {
    /// The connection closed or was reset before the end.
    Incomplete,
    /// The framing was not that of RFC 9112 §7 (or RFC 9113 §8.1).
    Malformed,
    /// More bytes than the limit of the route.
    TooLarge,
    /// No byte within the time that the config allows.
    Timeout,
    /// The other side of the exchange failed, so that this body has no use any more.
    Abandoned,
    /// A local source (a file) could not be read on.
    Source,
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Incomplete => "the connection closed before the end of the body",
            Self::Malformed => "the framing of the body is malformed",
            Self::TooLarge => "the body is larger than the limit",
            Self::Timeout => "the body stalled",
            Self::Abandoned => "the other side of the exchange failed",
            Self::Source => "the source of the body could not be read",
        })
    }
}

impl std::error::Error for BodyError {}

/// A source of frames. It is polled by the one task that owns the exchange.
pub trait BodyStream {
    /// The next frame; `None` after the last one.
    ///
    /// # Errors
    /// [`BodyError`] where the body broke off; nothing more comes after that.
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>>;

    /// How many bytes are still to come.
    fn length(&self) -> Length;

    /// Whether it is known that neither data nor trailers follow. False is always right: then the end is told by itself.
    fn has_ended(&self) -> bool {
        false
    }

    /// From here on at most so many octets; more is [`BodyError::TooLarge`]. For bodies from the network; a source of our own knows its size.
    fn set_limit(&mut self, _octets: u64) {}
}

/// A message's body.
#[derive(Default)]
pub enum Body {
    /// No body at all, or one of no bytes.
    #[default]
    Empty,
    /// All of it.
    Full(Bytes),
    /// Frames as they come.
    Stream(Box<dyn BodyStream>),
}

impl Body {
    /// A body of these bytes.
    pub fn full(bytes: impl Into<Bytes>) -> Self {
        let bytes = bytes.into();
        if bytes.is_empty() { Self::Empty } else { Self::Full(bytes) }
    }

    /// A streamed body.
    pub fn stream(stream: impl BodyStream + 'static) -> Self {
        Self::Stream(Box::new(stream))
    }

    /// How many bytes are still to come.
    pub fn length(&self) -> Length {
        match self {
            Self::Empty => Length::Known(0),
            Self::Full(bytes) => Length::Known(bytes.len() as u64),
            Self::Stream(stream) => stream.length(),
        }
    }

    /// Bounds what may still come, in octets.
    pub fn set_limit(&mut self, octets: u64) {
        if let Self::Stream(stream) = self {
            stream.set_limit(octets);
        }
    }

    /// Whether it is known that nothing more comes.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// Whether it is known that neither data nor trailers follow.
    pub fn has_ended(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Full(_) => false,
            Self::Stream(stream) => stream.has_ended(),
        }
    }

    /// The next frame; `None` after the last one.
    ///
    /// # Errors
    /// [`BodyError`] where the body broke off.
    pub fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        match self {
            Self::Empty => Poll::Ready(None),
            Self::Full(_) => {
                let Self::Full(bytes) = std::mem::take(self) else { return Poll::Ready(None) };
                Poll::Ready(Some(Ok(Frame::Data(bytes))))
            }
            Self::Stream(stream) => stream.poll_frame(cx),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Full(bytes) => write!(f, "Full({} bytes)", bytes.len()),
            Self::Stream(stream) => write!(f, "Stream({:?})", stream.length()),
        }
    }
}
