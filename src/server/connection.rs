//! A connection from its first byte: PROXY header, TLS, and then the protocol that it speaks.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, Interest};
use tokio_rustls::TlsAcceptor;

use crate::config::model::ListenerLimits;
use crate::listener::Accepted;
use crate::observe::metrics::{Handshake, Refused};
use crate::proxy::{Client, Worker};
use crate::snapshot::Listener;
use crate::tls::{ServerTls, Session};
use crate::wire::DrainWatch;
use crate::wire::h1::parse::HeadLimits;
use crate::wire::h1::server::{self as h1, Served};
use crate::wire::h2::server as h2;
use crate::wire::proxy_protocol::{self, Header, Parse};
use crate::wire::stream::{Plain, Stream};

/// The two ends of a connection.
#[derive(Clone, Copy, Debug)]
struct Ends {
    peer: Option<SocketAddr>,
    local: Option<SocketAddr>,
}

/// Serves a connection until it ends.
pub(super) async fn serve(worker: Rc<Worker>, listener: Arc<Listener>, accepted: Accepted, watch: DrainWatch) {
    let metrics = worker.observer.metrics().clone();
    let Accepted { mut plain, peer } = accepted;
    let mut ends = Ends { peer, local: None };
    let limits = listener.limits;
    if listener.proxy_protocol {
        match within(limits.handshake_timeout, proxy_header(&mut plain, &listener, peer)).await {
            Some(Ok(Header::Tcp { source, destination })) => {
                ends = Ends { peer: Some(source), local: Some(destination) };
            }
            Some(Ok(_)) => {}
            Some(Err(_)) | None => return metrics.connection_refused(listener.id, Refused::ProxyProtocol),
        }
    }
    if ends.local.is_none()
        && worker.world().snapshot.tells_destination
        && let Plain::Tcp(tcp) = &plain
    {
        ends.local = tcp.local_addr().ok();
    }
    let (stream, session) = match &listener.tls {
        None => (Stream::plain(plain), None),
        Some(tls) => match within(limits.handshake_timeout, handshake(tls, plain)).await {
            Some(Ok((stream, session))) => {
                let resumed = session.facts().resumed;
                metrics.handshake(listener.id, if resumed { Handshake::Resumed } else { Handshake::Full });
                (stream, Some(session))
            }
            Some(Err(_)) | None => return metrics.handshake(listener.id, Handshake::Failed),
        },
    };
    metrics.connection_opened(listener.id);
    speak(worker, &listener, ends, stream, session, &watch).await;
    metrics.connection_closed(listener.id);
}

/// Speaks the protocol that the client speaks.
async fn speak(
    worker: Rc<Worker>,
    listener: &Listener,
    ends: Ends,
    stream: Stream,
    session: Option<Session>,
    watch: &DrainWatch,
) {
    let http2 = session.as_ref().is_some_and(Session::http2);
    let client = Rc::new(Client::new(worker, listener, ends.peer, ends.local, session));
    let stream = if http2 {
        stream
    } else {
        match h1::serve(stream, &*client, &http1_settings(listener), watch).await {
            Served::Closed => return,
            Served::Http2(stream) => stream,
        }
    };
    h2::serve(stream, client, http2_settings(listener), watch).await;
}

fn http1_settings(listener: &Listener) -> h1::Settings {
    let limits = &listener.limits;
    h1::Settings {
        head: HeadLimits {
            head: limits.max_head_size,
            field: limits.max_field_size,
            fields: limits.max_fields,
            target: limits.max_target_size,
        },
        scheme: listener.scheme(),
        prior_knowledge: listener.http2 && listener.tls.is_none(),
        head_timeout: limits.request_head_timeout,
        idle_timeout: limits.idle_timeout,
        body_timeout: limits.request_body_timeout,
        write_timeout: limits.write_timeout,
    }
}

fn http2_settings(listener: &Listener) -> h2::Settings {
    let ListenerLimits { max_streams, max_head_size, .. } = listener.limits;
    h2::Settings {
        scheme: listener.scheme(),
        max_streams,
        max_head_size: u32::try_from(max_head_size).unwrap_or(u32::MAX),
        handshake_timeout: listener.limits.handshake_timeout,
        idle_timeout: listener.limits.idle_timeout,
        body_timeout: listener.limits.request_body_timeout,
        write_timeout: listener.limits.write_timeout,
    }
}

/// `None` where it took too long.
async fn within<T>(timeout: Option<Duration>, what: impl Future<Output = T>) -> Option<T> {
    match timeout {
        Some(timeout) => tokio::time::timeout(timeout, what).await.ok(),
        None => Some(what.await),
    }
}

async fn handshake(tls: &ServerTls, plain: Plain) -> io::Result<(Stream, Session)> {
    let handshake = tls.begin();
    let stream = TlsAcceptor::from(handshake.config()).accept(plain).await?;
    let session = handshake.finish(stream.get_ref().1).map_err(io::Error::other)?;
    Ok((Stream::accepted(stream), session))
}

/// Reads the PROXY header and not one byte more. Only those who are trusted may speak for others.
async fn proxy_header(plain: &mut Plain, listener: &Listener, peer: Option<SocketAddr>) -> io::Result<Header> {
    if !listener.trusted.trusts(peer.map(|peer| peer.ip())) {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let mut seen = [0u8; proxy_protocol::LONGEST];
    let mut known = 0;
    loop {
        let there = peek(plain, &mut seen, known).await?;
        match proxy_protocol::parse(&seen[..there]) {
            Parse::Done { header_len, header } => {
                plain.read_exact(&mut seen[..header_len]).await?;
                return Ok(header);
            }
            Parse::Incomplete => known = there,
            Parse::Invalid(_) => return Err(io::ErrorKind::InvalidData.into()),
        }
    }
}

/// What has come, without taking it, once it is more than is `known`.
async fn peek(plain: &Plain, buffer: &mut [u8], known: usize) -> io::Result<usize> {
    use std::os::fd::AsFd;

    use rustix::net::{RecvFlags, recv};
    let look = |socket: std::os::fd::BorrowedFd<'_>, buffer: &mut [u8]| -> io::Result<usize> {
        let (there, _) = recv(socket, &mut *buffer, RecvFlags::PEEK)?;
        match there {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            // Readiness is told again only when more comes.
            same if same == known => Err(io::ErrorKind::WouldBlock.into()),
            more => Ok(more),
        }
    };
    match plain {
        Plain::Tcp(socket) => socket.async_io(Interest::READABLE, || look(socket.as_fd(), buffer)).await,
        Plain::Unix(socket) => socket.async_io(Interest::READABLE, || look(socket.as_fd(), buffer)).await,
    }
}
