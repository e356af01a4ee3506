//! What waits to be written: small pieces copied together, large ones as they are, one vectored write for all.

use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes, BytesMut};
use tokio::io::AsyncWrite;

use super::buffers::{give_back_outgoing, take_outgoing};

/// A piece up to this many octets is copied; a copy of that size costs less than one more slice in the system call.
const COPY_LIMIT: usize = 4 * 1024;
/// Slices of one vectored write.
const MAX_SLICES: usize = 16;
/// With this many octets waiting, no more is asked from the source.
pub const HIGH_WATER: usize = 128 * 1024;

/// A queue of bytes on their way to one stream.
#[derive(Debug, Default)]
pub struct Writer {
    /// Older than `flat`, in order.
    pieces: VecDeque<Bytes>,
    /// What was copied together.
    flat: BytesMut,
    /// Octets in `pieces`.
    queued: usize,
}

impl Writer {
    /// An empty queue.
    pub fn new() -> Self {
        Self::default()
    }

    /// Room for small pieces: heads, chunk-size lines.
    pub fn flat(&mut self) -> &mut BytesMut {
        if self.flat.capacity() == 0 {
            self.flat = take_outgoing();
        }
        &mut self.flat
    }

    /// Queues a piece of payload.
    pub fn push(&mut self, piece: Bytes) {
        if piece.len() <= COPY_LIMIT {
            self.flat().extend_from_slice(&piece);
            return;
        }
        if !self.flat.is_empty() {
            let flat = self.flat.split().freeze();
            self.queued += flat.len();
            self.pieces.push_back(flat);
        }
        self.queued += piece.len();
        self.pieces.push_back(piece);
    }

    /// How many octets wait.
    pub fn len(&self) -> usize {
        self.queued + self.flat.len()
    }

    /// Whether nothing waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether enough waits that no more should be asked for.
    pub fn is_full(&self) -> bool {
        self.len() >= HIGH_WATER
    }

    /// Lets go of the room where nothing waits.
    pub fn release(&mut self) {
        if self.is_empty() {
            give_back_outgoing(std::mem::take(&mut self.flat));
            if self.pieces.capacity() > 0 {
                self.pieces = VecDeque::new();
            }
        }
    }

    /// Writes until nothing waits. `progress` is told of each write.
    ///
    /// # Errors
    /// Those of the stream; `WriteZero` where it takes nothing.
    pub fn poll_write_out(
        &mut self,
        io: &mut (impl AsyncWrite + Unpin),
        cx: &mut Context<'_>,
        progress: &mut bool,
    ) -> Poll<io::Result<()>> {
        while !self.is_empty() {
            let written = ready!(self.poll_write_some(io, cx))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            *progress = true;
            self.advance(written);
        }
        Pin::new(io).poll_flush(cx)
    }

    fn poll_write_some(&self, io: &mut (impl AsyncWrite + Unpin), cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.pieces.is_empty() {
            return Pin::new(io).poll_write(cx, &self.flat);
        }
        let mut slices = [IoSlice::new(&[]); MAX_SLICES];
        let mut count = 0;
        for piece in self.pieces.iter().map(|piece| &piece[..]).chain([&self.flat[..]]).take(MAX_SLICES) {
            slices[count] = IoSlice::new(piece);
            count += 1;
        }
        Pin::new(io).poll_write_vectored(cx, &slices[..count])
    }

    fn advance(&mut self, mut written: usize) {
        while let Some(piece) = self.pieces.front_mut() {
            let here = piece.len().min(written);
            piece.advance(here);
            self.queued -= here;
            written -= here;
            if !piece.is_empty() {
                return;
            }
            self.pieces.pop_front();
        }
        if written == self.flat.len() {
            // Keeps the room, which `advance` would use up.
            self.flat.clear();
        } else {
            self.flat.advance(written);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::task::Waker;

    /// Takes at most `step` bytes a write.
    struct Slow {
        step: usize,
        seen: Vec<u8>,
    }

    impl AsyncWrite for Slow {
        fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
            let here = buf.len().min(self.step);
            self.seen.extend_from_slice(&buf[..here]);
            Poll::Ready(Ok(here))
        }
        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    #[test]
    fn order_is_kept_whatever_the_sizes() {
        for step in [1, 7, 1000, COPY_LIMIT, 10 * COPY_LIMIT] {
            let (mut writer, mut expected) = (Writer::new(), Vec::new());
            for (index, size) in [3, COPY_LIMIT + 1, 5, 0, COPY_LIMIT, 2 * COPY_LIMIT, 9].into_iter().enumerate() {
                let piece = vec![b'a' + index as u8; size];
                expected.extend_from_slice(&piece);
                writer.push(piece.into());
            }
            assert_eq!(writer.len(), expected.len());
            let mut slow = Slow { step, seen: Vec::new() };
            let mut cx = Context::from_waker(Waker::noop());
            let mut progress = false;
            assert!(matches!(writer.poll_write_out(&mut slow, &mut cx, &mut progress), Poll::Ready(Ok(()))));
            assert!(progress && writer.is_empty());
            assert_eq!(slow.seen, expected);
        }
    }
}
