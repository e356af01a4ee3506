//! Buffers that idle connections do not keep: a small store for each worker thread.
//!
//! A connection that waits for a request holds no buffer. It takes one when bytes are there, or are to be written, and gives it back when they are
//! used up. So many connections use few buffers, which the processor has near.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::BytesMut;
use tokio::io::AsyncRead;

/// Room that a read finds at least, in octets: a request head of the usual kind, and the body of a small response.
const READ_ROOM: usize = 8 * 1024;
/// Room of a new buffer for what is written, in octets: a head and a small body.
const WRITE_ROOM: usize = 2 * 1024;
/// Buffers of each kind that a worker keeps at most.
const KEPT: usize = 64;
/// A buffer larger than this, in octets, is given back to the allocator.
const KEPT_SIZE: usize = 64 * 1024;

thread_local! {
    static STORE: RefCell<Vec<BytesMut>> = const { RefCell::new(Vec::new()) };
    /// Apart from those that are read into: nobody has slices of these.
    static OUTGOING: RefCell<Vec<BytesMut>> = const { RefCell::new(Vec::new()) };
}

/// Gives a buffer back. Slices of it that still live keep their bytes.
pub fn give_back(buffer: &mut BytesMut) {
    let mut buffer = std::mem::take(buffer);
    buffer.clear();
    // One that has no room would be taken in the place of one that has.
    if !(1..=KEPT_SIZE).contains(&buffer.capacity()) {
        return;
    }
    STORE.with_borrow_mut(|store| {
        if store.len() < KEPT {
            store.push(buffer);
        }
    });
}

/// A buffer to write heads and small bodies into.
pub fn take_outgoing() -> BytesMut {
    let kept = OUTGOING.with_borrow_mut(Vec::pop);
    kept.unwrap_or_else(|| BytesMut::with_capacity(WRITE_ROOM))
}

/// Gives it back, once all of it is written.
pub fn give_back_outgoing(buffer: BytesMut) {
    if (1..=KEPT_SIZE).contains(&buffer.capacity()) {
        OUTGOING.with_borrow_mut(|store| {
            if store.len() < KEPT {
                store.push(buffer);
            }
        });
    }
}

/// Reads what is there behind what the buffer has; `want` is the room to make at least. A buffer that stays empty is not kept.
///
/// # Errors
/// Those of the stream. 0 is the end of the stream.
pub fn poll_fill(
    io: &mut (impl AsyncRead + Unpin),
    buffer: &mut BytesMut,
    want: usize,
    cx: &mut Context<'_>,
) -> Poll<io::Result<usize>> {
    let room = want.max(READ_ROOM);
    if buffer.capacity() == 0 {
        *buffer = STORE.with_borrow_mut(Vec::pop).unwrap_or_default();
    }
    // A quarter of the room is enough to go on without moving bytes.
    if buffer.capacity() - buffer.len() < room / 4 {
        buffer.reserve(room);
    }
    let read = tokio_util::io::poll_read_buf(Pin::new(io), cx, buffer);
    if buffer.is_empty() && !matches!(read, Poll::Ready(Ok(1..))) {
        give_back(buffer);
    }
    read
}
