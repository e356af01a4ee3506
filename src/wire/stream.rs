//! One type for every byte stream: TCP, Unix, and TLS of either side over them. A `match` a call costs less than a type parameter everywhere.

use std::io::{self, IoSlice, Write as _};
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::{Buf, BytesMut};
use rustls::{ConnectionCommon, SideData};
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::{client, server};

/// What lies below TLS, or is the stream itself.
#[derive(Debug)]
pub enum Plain {
    /// TCP.
    Tcp(TcpStream),
    /// A Unix socket.
    Unix(UnixStream),
}

/// A connected byte stream.
#[derive(Debug)]
pub struct Stream {
    kind: Kind,
    /// Bytes that were read already and belong in front.
    front: BytesMut,
}

#[derive(Debug)]
enum Kind {
    Plain(Plain),
    /// TLS that we terminate.
    Accepted(Box<server::TlsStream<Plain>>),
    /// TLS that we began.
    Connected(Box<client::TlsStream<Plain>>),
}

impl Stream {
    /// In clear text.
    pub fn plain(plain: Plain) -> Self {
        Self { kind: Kind::Plain(plain), front: BytesMut::new() }
    }

    /// A handshake that a client began with us.
    pub fn accepted(tls: server::TlsStream<Plain>) -> Self {
        Self { kind: Kind::Accepted(Box::new(tls)), front: BytesMut::new() }
    }

    /// A handshake that we began.
    pub fn connected(tls: client::TlsStream<Plain>) -> Self {
        Self { kind: Kind::Connected(Box::new(tls)), front: BytesMut::new() }
    }

    /// The same stream, which gives these bytes first.
    #[must_use]
    pub fn with_front(mut self, front: BytesMut) -> Self {
        self.front = front;
        self
    }

    /// Whether there is TLS.
    pub fn is_tls(&self) -> bool {
        !matches!(self.kind, Kind::Plain(_))
    }

    /// Whether nothing has come that was not read, neither bytes nor an end; what has come may be lost by this question. Nobody is woken
    /// when something comes later.
    pub fn is_silent(&mut self) -> bool {
        let mut byte = [0u8; 1];
        let would_block = |read: io::Result<usize>| read.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock);
        match &mut self.kind {
            _ if !self.front.is_empty() => false,
            // The runtime knows it, and no waker has to be put in the place of another for that.
            Kind::Plain(Plain::Tcp(stream)) => would_block(stream.try_read(&mut byte)),
            Kind::Plain(Plain::Unix(stream)) => would_block(stream.try_read(&mut byte)),
            Kind::Accepted(_) | Kind::Connected(_) => {
                let mut cx = Context::from_waker(std::task::Waker::noop());
                Pin::new(self).poll_read(&mut cx, &mut ReadBuf::new(&mut byte)).is_pending()
            }
        }
    }

    /// Whether something may have come since a read was pending: bytes, or an end. Where nothing has, the waker of that read is in place.
    pub fn has_news(&self) -> bool {
        if !self.front.is_empty() {
            return true;
        }
        // Asks the runtime alone; one that is ready stays so.
        match self.below() {
            Plain::Tcp(stream) => stream.try_io(Interest::READABLE, || Ok(())).is_ok(),
            Plain::Unix(stream) => stream.try_io(Interest::READABLE, || Ok(())).is_ok(),
        }
    }

    /// What lies below TLS, or is the stream itself.
    fn below(&self) -> &Plain {
        match &self.kind {
            Kind::Plain(plain) => plain,
            Kind::Accepted(tls) => tls.get_ref().0,
            Kind::Connected(tls) => tls.get_ref().0,
        }
    }

    /// The protocol that ALPN agreed on.
    pub fn alpn(&self) -> Option<&[u8]> {
        match &self.kind {
            Kind::Plain(_) => None,
            Kind::Accepted(tls) => tls.get_ref().1.alpn_protocol(),
            Kind::Connected(tls) => tls.get_ref().1.alpn_protocol(),
        }
    }
}

/// Records that wait, on their way into the socket.
struct Sink<'a, 'b> {
    io: &'a mut Plain,
    cx: &'a mut Context<'b>,
}

impl Sink<'_, '_> {
    fn now<T>(polled: Poll<io::Result<T>>) -> io::Result<T> {
        match polled {
            Poll::Ready(result) => result,
            Poll::Pending => Err(io::ErrorKind::WouldBlock.into()),
        }
    }
}

impl io::Write for Sink<'_, '_> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        Self::now(Pin::new(&mut *self.io).poll_write(self.cx, buf))
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        Self::now(Pin::new(&mut *self.io).poll_write_vectored(self.cx, bufs))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Sends what waits of a session; `passed` is told of each write.
fn send_records<S: SideData>(
    session: &mut ConnectionCommon<S>,
    sink: &mut Sink<'_, '_>,
    mut passed: impl FnMut(usize),
) -> Poll<io::Result<()>> {
    while session.wants_write() {
        match session.write_tls(sink) {
            Ok(0) => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            Ok(written) => passed(written),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Poll::Pending,
            Err(error) => return Poll::Ready(Err(error)),
        }
    }
    Poll::Ready(Ok(()))
}

impl Stream {
    /// Takes bytes and keeps them until [`Self::poll_send`], as far as there is room: TLS makes its records of them, so that many small
    /// writes are one call in the end. Where it is 0, what is kept has to be sent before.
    ///
    /// # Errors
    /// Those of the session; a stream in clear text keeps nothing.
    pub fn hold(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        match &mut self.kind {
            Kind::Plain(_) => Err(io::ErrorKind::Unsupported.into()),
            Kind::Accepted(tls) => tls.get_mut().1.writer().write_vectored(bufs),
            Kind::Connected(tls) => tls.get_mut().1.writer().write_vectored(bufs),
        }
    }

    /// Sends what is kept; `passed` is told of each write. Ready when nothing is.
    ///
    /// # Errors
    /// Those of the stream; `WriteZero` where it takes nothing.
    pub fn poll_send(&mut self, cx: &mut Context<'_>, passed: impl FnMut(usize)) -> Poll<io::Result<()>> {
        match &mut self.kind {
            Kind::Plain(_) => Poll::Ready(Ok(())),
            Kind::Accepted(tls) => {
                let (io, session) = tls.get_mut();
                send_records(session, &mut Sink { io, cx }, passed)
            }
            Kind::Connected(tls) => {
                let (io, session) = tls.get_mut();
                send_records(session, &mut Sink { io, cx }, passed)
            }
        }
    }
}

impl AsyncRead for Plain {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Plain {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write(cx, buf),
            Self::Unix(stream) => Pin::new(stream).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Self::Unix(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Unix(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.front.is_empty() {
            let here = this.front.len().min(buf.remaining());
            buf.put_slice(&this.front[..here]);
            this.front.advance(here);
            if this.front.is_empty() {
                this.front = BytesMut::new();
            }
            return Poll::Ready(Ok(()));
        }
        match &mut this.kind {
            Kind::Plain(stream) => Pin::new(stream).poll_read(cx, buf),
            Kind::Accepted(stream) => Pin::new(stream.as_mut()).poll_read(cx, buf),
            Kind::Connected(stream) => Pin::new(stream.as_mut()).poll_read(cx, buf),
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().kind {
            Kind::Plain(stream) => Pin::new(stream).poll_write(cx, buf),
            Kind::Accepted(stream) => Pin::new(stream.as_mut()).poll_write(cx, buf),
            Kind::Connected(stream) => Pin::new(stream.as_mut()).poll_write(cx, buf),
        }
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.get_mut().kind {
            Kind::Plain(stream) => Pin::new(stream).poll_write_vectored(cx, bufs),
            Kind::Accepted(stream) => Pin::new(stream.as_mut()).poll_write_vectored(cx, bufs),
            Kind::Connected(stream) => Pin::new(stream.as_mut()).poll_write_vectored(cx, bufs),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().kind {
            Kind::Plain(_) => Poll::Ready(Ok(())),
            Kind::Accepted(stream) => Pin::new(stream.as_mut()).poll_flush(cx),
            Kind::Connected(stream) => Pin::new(stream.as_mut()).poll_flush(cx),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().kind {
            Kind::Plain(stream) => Pin::new(stream).poll_shutdown(cx),
            Kind::Accepted(stream) => Pin::new(stream.as_mut()).poll_shutdown(cx),
            Kind::Connected(stream) => Pin::new(stream.as_mut()).poll_shutdown(cx),
        }
    }
}

impl Stream {
    /// When this stream is dropped, the other side sees a reset and not an end.
    pub fn reset_on_drop(&self) {
        if let Plain::Tcp(tcp) = self.below() {
            // Where it cannot be set, the stream is dead already.
            let _ = socket2::SockRef::from(tcp).set_linger(Some(std::time::Duration::ZERO));
        }
    }
}
