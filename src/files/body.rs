//! Octets of a file as they are read: one read at a time, on a blocking thread, at most one ahead of what is being written.

use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::os::fd::OwnedFd;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::task::{JoinHandle, spawn_blocking};

use super::folder;
use crate::http::multipart::Piece;
use crate::http::{BodyError, BodyStream, Frame, Length};

/// Octets of a read for a client that is slow or new: that much memory a slow client can hold.
const SMALL_READ: u64 = 64 * 1024;
/// Octets of a read for a client that keeps up.
const LARGE_READ: u64 = 256 * 1024;
/// Whoever comes for the next octets within this time keeps up; reading ahead is for nobody else.
const QUICK: Duration = Duration::from_millis(100);

/// A body made of parts of one file.
#[derive(Debug)]
pub(super) struct FileBody {
    file: Arc<OwnedFd>,
    pieces: VecDeque<Piece>,
    /// Octets that were not handed out yet.
    left: u64,
    read: Option<JoinHandle<io::Result<Bytes>>>,
    read_size: u64,
    handed: Option<Instant>,
}

impl FileBody {
    /// The pieces one after another; parts that the file does not have break the body off.
    pub(super) fn new(file: Arc<OwnedFd>, pieces: impl IntoIterator<Item = Piece>) -> Self {
        let pieces: VecDeque<_> = pieces.into_iter().filter(|piece| piece.octets() > 0).collect();
        let left = pieces.iter().map(Piece::octets).sum();
        Self { file, pieces, left, read: None, read_size: SMALL_READ, handed: None }
    }

    /// Begins the read of what comes next, unless that is here already.
    fn begin(&mut self) {
        let Some(Piece::Part { offset, octets }) = self.pieces.front_mut() else { return };
        let (at, now) = (*offset, (*octets).min(self.read_size));
        (*offset, *octets) = (at + now, *octets - now);
        if *octets == 0 {
            self.pieces.pop_front();
        }
        let file = Arc::clone(&self.file);
        self.read = Some(spawn_blocking(move || {
            // At most `LARGE_READ`.
            let octets = usize::try_from(now).map_err(|_| io::ErrorKind::InvalidInput)?;
            let bytes = folder::read_at(&*file, at, octets)?;
            if bytes.len() == octets { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
        }));
    }

    /// Notes when the client came back, and takes larger steps while it does so quickly.
    fn adapt(&mut self) -> bool {
        let quick = self.handed.is_some_and(|handed| handed.elapsed() < QUICK);
        self.read_size = if quick { (self.read_size * 2).min(LARGE_READ) } else { SMALL_READ };
        quick
    }

    fn hand(&mut self, bytes: Bytes) -> Poll<Option<Result<Frame, BodyError>>> {
        self.left -= bytes.len() as u64;
        self.handed = Some(Instant::now());
        Poll::Ready(Some(Ok(Frame::Data(bytes))))
    }

    fn fail(&mut self) -> Poll<Option<Result<Frame, BodyError>>> {
        self.pieces.clear();
        self.left = 0;
        Poll::Ready(Some(Err(BodyError::Source)))
    }
}

impl BodyStream for FileBody {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        if self.read.is_none() {
            match self.pieces.front() {
                None => return Poll::Ready(None),
                Some(Piece::Ready(_)) => {
                    let Some(Piece::Ready(bytes)) = self.pieces.pop_front() else { return Poll::Ready(None) };
                    return self.hand(bytes);
                }
                Some(Piece::Part { .. }) => self.begin(),
            }
        }
        let Some(read) = &mut self.read else { return Poll::Ready(None) };
        let done = ready!(Pin::new(read).poll(cx));
        self.read = None;
        let Ok(Ok(bytes)) = done else { return self.fail() };
        if self.adapt() {
            self.begin();
        }
        self.hand(bytes)
    }

    fn length(&self) -> Length {
        Length::Known(self.left)
    }
}

impl Drop for FileBody {
    fn drop(&mut self) {
        // A read that has not begun need not.
        if let Some(read) = &self.read {
            read.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::io::Write;

    fn file_of(octets: usize) -> Arc<OwnedFd> {
        let path = std::env::temp_dir().join(format!("tidegate-body-{}-{octets}", std::process::id()));
        let mut file = std::fs::File::create(&path).expect("a file in the temporary folder");
        let content: Vec<u8> = (0..octets).map(pattern).collect();
        file.write_all(&content).expect("room in the temporary folder");
        let file = std::fs::File::open(&path).expect("just made");
        std::fs::remove_file(path).expect("just made");
        Arc::new(file.into())
    }

    fn pattern(at: usize) -> u8 {
        u8::try_from(at % 251).expect("less than 251")
    }

    async fn collect(mut body: FileBody) -> Result<Vec<u8>, BodyError> {
        let mut out = Vec::new();
        loop {
            let Length::Known(left) = body.length() else { panic!("a file's length is known") };
            let Some(frame) = poll_fn(|cx| body.poll_frame(cx)).await else {
                assert_eq!(left, 0);
                return Ok(out);
            };
            let Frame::Data(bytes) = frame? else { panic!("a file has no trailers") };
            assert!(!bytes.is_empty() && bytes.len() as u64 <= LARGE_READ);
            assert_eq!(body.length(), Length::Known(left - bytes.len() as u64));
            out.extend_from_slice(&bytes);
        }
    }

    fn part(offset: u64, octets: u64) -> Piece {
        Piece::Part { offset, octets }
    }

    #[tokio::test]
    async fn a_large_file_comes_whole_and_in_order() {
        let octets = 3_000_001;
        let got = collect(FileBody::new(file_of(octets), [part(0, octets as u64)])).await.expect("readable");
        assert!(got.len() == octets && got.iter().enumerate().all(|(at, byte)| *byte == pattern(at)));
    }

    #[tokio::test]
    async fn pieces_come_in_their_order() {
        let text = |text: &'static str| Piece::Ready(Bytes::from_static(text.as_bytes()));
        let pieces = [text("a"), part(5, 2), text(""), part(0, 0), text("b"), part(0, 1), text("c")];
        let got = collect(FileBody::new(file_of(1000), pieces)).await.expect("readable");
        assert_eq!(got, [b'a', 5, 6, b'b', 0, b'c']);
    }

    #[tokio::test]
    async fn a_file_that_shrank_breaks_off() {
        assert_eq!(collect(FileBody::new(file_of(70_000), [part(0, 70_001)])).await, Err(BodyError::Source));
    }

    #[tokio::test]
    async fn a_slow_client_holds_one_small_read() {
        let mut body = FileBody::new(file_of(1_000_000), [part(0, 1_000_000)]);
        for _ in 0..3 {
            // The client comes back late.
            body.handed = body.handed.and_then(|handed| handed.checked_sub(QUICK));
            let frame = poll_fn(|cx| body.poll_frame(cx)).await;
            assert!(matches!(frame, Some(Ok(Frame::Data(bytes))) if bytes.len() as u64 == SMALL_READ));
            assert!(body.read.is_none());
        }
        let _ = poll_fn(|cx| body.poll_frame(cx)).await;
        assert!(body.read.is_some() && body.read_size == LARGE_READ / 2);
    }
}
