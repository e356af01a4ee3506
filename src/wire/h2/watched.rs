//! A client's stream with eyes: it counts the frames that pass both ways, and how long the client takes nothing.

use std::cell::RefCell;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Instant;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::abuse::{Conduct, Score};
use super::scan::Scan;
use crate::config::model::AbuseLimits;
use crate::observe::Abuse;
use crate::wire::pace::{Pace, Patience};
use crate::wire::stream::Stream;

/// Octets that are read before others on the worker have their turn.
const TURN: usize = 64 * 1024;
/// What a frame is worth beside its octets: the smallest cost as much as half a kibibyte of a large one.
const FRAME: usize = 512;

/// What is known of a connection from the bytes on it, and its stream.
#[derive(Debug)]
pub(super) struct Watch {
    stream: Stream,
    /// What is written goes out with [`Watch::poll_send`], all of it at once.
    holds: bool,
    inward: Scan,
    outward: Scan,
    score: Option<Score>,
    writing: Pace,
    /// Since when a field block is on the way.
    block_since: Option<Instant>,
    /// The connection ends with a reset, which lets go of what the system holds for the client.
    resets: bool,
    /// What was read since others had their turn, in octets.
    read: usize,
}

impl Watch {
    pub(super) fn new(stream: Stream, limits: Option<AbuseLimits>, writing: Patience) -> Rc<RefCell<Self>> {
        Rc::new(RefCell::new(Self {
            stream,
            holds: false,
            inward: Scan::of_client(),
            outward: Scan::of_server(),
            score: limits.map(Score::new),
            writing: Pace::new(writing),
            block_since: None,
            resets: false,
            read: 0,
        }))
    }

    /// Whether frames are kept until [`Self::poll_send`], where the stream can do that. Whoever begins with it has to call that.
    pub(super) fn hold(&mut self, holds: bool) {
        self.holds = holds && self.stream.is_tls();
    }

    /// Sends what was kept.
    pub(super) fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let Self { stream, writing, .. } = self;
        if !stream.is_tls() {
            return Poll::Ready(Ok(()));
        }
        match stream.poll_send(cx, |octets| writing.passed(octets, Instant::now)) {
            // Whoever polls the connection arms the timer.
            Poll::Pending => {
                let _ = writing.wait(Instant::now);
                Poll::Pending
            }
            sent => {
                writing.relieve();
                sent
            }
        }
    }

    fn poll_write(&mut self, bufs: &[IoSlice<'_>], cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.holds {
            let mut taken = self.stream.hold(bufs)?;
            if taken == 0 {
                ready!(self.poll_send(cx))?;
                taken = self.stream.hold(bufs)?;
            }
            self.wrote(bufs, taken);
            return Poll::Ready(Ok(taken));
        }
        match Pin::new(&mut self.stream).poll_write_vectored(cx, bufs) {
            Poll::Ready(Ok(written)) => {
                self.writing.passed(written, Instant::now);
                self.wrote(bufs, written);
                Poll::Ready(Ok(written))
            }
            Poll::Pending => {
                let _ = self.writing.wait(Instant::now);
                Poll::Pending
            }
            error => error,
        }
    }

    pub(super) fn conduct(&self) -> Conduct {
        self.score.as_ref().map_or(Conduct::Good, Score::conduct)
    }

    /// Whether it does what costs us much more often than others do.
    pub(super) fn is_odd(&self) -> bool {
        self.score.as_ref().is_some_and(|score| score.is_odd(Instant::now))
    }

    /// Until when the client must have taken something.
    pub(super) fn write_due(&self) -> Option<Instant> {
        self.writing.due()
    }

    /// Since when a field block is on the way.
    pub(super) fn block_since(&self) -> Option<Instant> {
        self.block_since
    }

    /// What the client did last that counts.
    pub(super) fn latest(&self) -> Option<Abuse> {
        self.score.as_ref().and_then(Score::latest)
    }

    /// What the codec said when it ended the connection.
    pub(super) fn goodbye(&self) -> &[u8] {
        self.outward.goodbye()
    }

    pub(super) fn reset_on_drop(&mut self) {
        self.resets = true;
    }

    fn received(&mut self, bytes: &[u8]) {
        let Self { inward, score, block_since, read, .. } = self;
        *read += bytes.len();
        inward.pass(bytes, |frame| {
            *read += FRAME;
            if let Some(score) = score {
                score.received(frame, Instant::now);
            }
        });
        if inward.in_block() {
            block_since.get_or_insert_with(Instant::now);
        } else {
            *block_since = None;
        }
    }

    fn wrote(&mut self, pieces: &[IoSlice<'_>], written: usize) {
        let Self { outward, score, .. } = self;
        let mut left = written;
        for piece in pieces {
            let here = piece.len().min(left);
            outward.pass(&piece[..here], |frame| {
                if let Some(score) = score {
                    score.sent(frame, Instant::now);
                }
            });
            left -= here;
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if self.resets {
            self.stream.reset_on_drop();
        }
    }
}

/// The stream below HTTP/2.
#[derive(Debug)]
pub(super) struct Watched(pub(super) Rc<RefCell<Watch>>);

impl AsyncRead for Watched {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let watch = &mut *self.0.borrow_mut();
        if matches!(watch.conduct(), Conduct::Bad(_)) {
            // Nothing more is read; who polled the connection sees why and ends it.
            return Poll::Pending;
        }
        if watch.read >= TURN {
            watch.read = 0;
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        let before = buf.filled().len();
        let Poll::Ready(read) = Pin::new(&mut watch.stream).poll_read(cx, buf) else {
            watch.read = 0;
            return Poll::Pending;
        };
        read?;
        watch.received(&buf.filled()[before..]);
        if matches!(watch.conduct(), Conduct::Bad(_)) {
            // What put it out is not worth the codec's work either.
            buf.set_filled(before);
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Watched {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.0.borrow_mut().poll_write(&[IoSlice::new(buf)], cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.borrow_mut().poll_write(bufs, cx)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let watch = &mut *self.0.borrow_mut();
        if watch.holds {
            return Poll::Ready(Ok(()));
        }
        // A plain stream has nothing of its own to flush, TLS has its records.
        ready!(watch.poll_send(cx))?;
        watch.writing.relieve();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let watch = &mut *self.0.borrow_mut();
        let Poll::Ready(shut) = Pin::new(&mut watch.stream).poll_shutdown(cx) else {
            let _ = watch.writing.wait(Instant::now);
            return Poll::Pending;
        };
        Poll::Ready(shut)
    }
}

#[cfg(test)]
mod tests {
    use super::super::scan::DATA_FRAME;
    use super::*;
    use crate::wire::stream::Plain;

    #[tokio::test]
    async fn small_frames_end_a_turn_long_before_large_ones() {
        for (payload, expected) in [(0, 126), (1000, 44), (16_384, 4)] {
            let (stream, _client) = tokio::net::UnixStream::pair().expect("a pair");
            let watch = Watch::new(Stream::plain(Plain::Unix(stream)), None, Patience::default());
            let mut watch = watch.borrow_mut();
            watch.received(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
            let length = (payload as u32).to_be_bytes();
            let frame = [&length[1..], &[DATA_FRAME, 0, 0, 0, 0, 1], &vec![0; payload]].concat();
            let frames = (1..).find(|_| {
                watch.received(&frame);
                watch.read >= TURN
            });
            assert_eq!(frames, Some(expected), "{payload}");
        }
    }
}
