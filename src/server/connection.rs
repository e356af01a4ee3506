//! A connection from its first byte: PROXY header, TLS, and then the protocol that it speaks.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::ready;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, Interest};
use tokio_rustls::TlsAcceptor;

use crate::config::model::ListenerLimits;
use crate::listener::{Accepted, ClientPlace, Clients};
use crate::observe::metrics::Refused;
use crate::proxy::{Client, Worker};
use crate::snapshot::{Listener, Pressure};
use crate::tls::{ServerTls, Session};
use crate::wire::DrainWatch;
use crate::wire::h1::parse::HeadLimits;
use crate::wire::h1::server::{self as h1, Served};
use crate::wire::h2::server as h2;
use crate::wire::pace::Patience;
use crate::wire::proxy_protocol::{self, Header, Parse};
use crate::wire::stream::{Plain, Stream};
use crate::wire::turns::Turns;

/// The two ends of a connection.
#[derive(Clone, Copy, Debug)]
struct Ends {
    peer: Option<SocketAddr>,
    local: Option<SocketAddr>,
}

/// Serves a connection until it ends.
pub(super) async fn serve(
    worker: Rc<Worker>,
    (listener, clients): (Arc<Listener>, Arc<Clients>),
    accepted: Accepted,
    watch: DrainWatch,
) {
    let metrics = worker.observer.metrics().clone();
    let Accepted { mut plain, peer } = accepted;
    let mut ends = Ends { peer, local: None };
    let limits = listener.limits;
    if listener.proxy_protocol {
        match Box::pin(within(limits.handshake_timeout, proxy_header(&mut plain, &listener, peer))).await {
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
    let Ok(place) = place(&listener, &clients, peer, ends.peer) else {
        return metrics.connection_refused(listener.id, Refused::MaxConnectionsPerClient);
    };
    let begun = Instant::now();
    let (stream, session) = match &listener.tls {
        None => (Stream::plain(plain), None),
        // What a connection begins with is in a box, so that it does not keep the room for it.
        Some(tls) => match Box::pin(within(limits.handshake_timeout, handshake(tls, plain))).await {
            Some(Ok((stream, session))) => {
                metrics.handshake(listener.id, &session.facts(), begun.elapsed());
                (stream, Some(session))
            }
            Some(Err(_)) | None => return metrics.handshake_failed(listener.id),
        },
    };
    metrics.connection_opened(listener.id);
    let requests = place.as_ref().map(|place| place.requests.clone());
    let client = Client::new(worker, &listener, (ends.peer, ends.local), session, requests);
    speak(Rc::new(client), &listener, ends, stream, &watch).await;
    metrics.connection_closed(listener.id);
}

/// The client's place by its address. Proxies that speak for others are not counted as one client.
fn place(
    listener: &Listener,
    clients: &Arc<Clients>,
    peer: Option<SocketAddr>,
    client: Option<SocketAddr>,
) -> Result<Option<ClientPlace>, ()> {
    let limits = &listener.limits;
    let Some(client) = client.filter(|_| limits.max_connections_per_client > 0 || limits.max_requests_per_client > 0)
    else {
        return Ok(None);
    };
    let forwards = peer == Some(client) && listener.trusted.trusts(Some(client.ip()));
    if forwards {
        return Ok(None);
    }
    clients.enter(client.ip(), limits.max_connections_per_client).map(Some).ok_or(())
}

/// Speaks the protocol that the client speaks.
async fn speak(client: Rc<Client>, listener: &Listener, ends: Ends, stream: Stream, watch: &DrainWatch) {
    let http2 = client.tls.as_ref().is_some_and(Session::http2);
    let stream = if http2 {
        stream
    } else {
        match h1::serve(stream, &*client, &http1_settings(listener), watch).await {
            Served::Closed => return,
            Served::Http2(stream) => stream,
        }
    };
    let settings = http2_settings(listener, client.worker.pressure());
    // In a box, so that a connection of HTTP/1 does not keep the room for it.
    if let Some(abuse) = Box::pin(h2::serve(stream, client.clone(), settings, watch)).await {
        client.worker.observer.abused((listener.id, &listener.name), abuse, ends.peer);
    }
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
        reading: reading(limits),
        writing: writing(limits),
    }
}

fn reading(limits: &ListenerLimits) -> Patience {
    Patience { timeout: limits.request_body_timeout, rate: limits.min_request_rate }
}

fn writing(limits: &ListenerLimits) -> Patience {
    Patience { timeout: limits.write_timeout, rate: limits.min_response_rate }
}

fn http2_settings(listener: &Listener, pressure: Pressure) -> h2::Settings {
    let limits = &listener.limits;
    h2::Settings {
        scheme: listener.scheme(),
        max_streams: pressure.streams(limits.max_streams),
        max_head_size: u32::try_from(limits.max_head_size).unwrap_or(u32::MAX),
        handshake_timeout: limits.handshake_timeout,
        idle_timeout: limits.idle_timeout,
        head_timeout: limits.request_head_timeout,
        reading: reading(limits),
        writing: writing(limits),
        abuse: limits.abuse,
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
    let mut accepting = pin!(TlsAcceptor::from(handshake.config()).accept(plain));
    let mut turns = Turns::newcomer();
    let stream = poll_fn(|cx| {
        ready!(turns.poll(cx));
        accepting.as_mut().poll(cx)
    })
    .await?;
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
