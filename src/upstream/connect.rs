//! Opening a connection to an endpoint: name, TCP or Unix socket, PROXY header, TLS.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::TlsConnector;

use super::{Endpoint, endpoint::Connected};
use crate::config::model::EndpointAddress;
use crate::wire::stream::{Plain, Stream};

/// Why a connection to an endpoint could not be made. Whatever it is: the request has not left, and may go elsewhere.
#[derive(Debug)]
pub enum ConnectFailure {
    /// Its name has no address.
    Unresolved,
    /// Nobody listens there.
    Refused,
    /// It took too long.
    Timeout,
    /// The TLS handshake failed, or the certificate is not accepted.
    Tls(io::Error),
    /// `max_connections` of the upstream is reached.
    Full,
    /// Something else that the system says.
    Other(io::Error),
}

impl ConnectFailure {
    /// The word for logs and metrics.
    pub const fn label(&self) -> &'static str {
        match self {
            Self::Unresolved => "dns_error",
            Self::Refused => "connect_refused",
            Self::Timeout => "connect_timeout",
            Self::Tls(_) => "upstream_tls_error",
            Self::Full => "upstream_connections_full",
            Self::Other(_) => "connect_failed",
        }
    }
}

impl std::fmt::Display for ConnectFailure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tls(error) | Self::Other(error) => write!(f, "upstream: {}: {error}", self.label()),
            _ => write!(f, "upstream: {}", self.label()),
        }
    }
}

/// A connection that stands.
#[derive(Debug)]
pub struct Opened {
    /// The bytes.
    pub stream: Stream,
    /// Counts it.
    pub connected: Connected,
    /// Whether ALPN chose HTTP/2.
    pub http2: bool,
}

/// Opens a connection. `front` is sent before anything else: the PROXY header.
///
/// # Errors
/// [`ConnectFailure`]. The caller bounds the time.
pub async fn open(endpoint: &Arc<Endpoint>, limit: usize, front: Option<&[u8]>) -> Result<Opened, ConnectFailure> {
    let connected = endpoint.admit_connection(limit).ok_or(ConnectFailure::Full)?;
    let (stream, http2) = dial(endpoint, front).await?;
    Ok(Opened { stream, connected, http2 })
}

/// Opens a connection that nobody counts, and tells whether ALPN chose HTTP/2.
///
/// # Errors
/// [`ConnectFailure`]. The caller bounds the time.
pub async fn dial(endpoint: &Endpoint, front: Option<&[u8]>) -> Result<(Stream, bool), ConnectFailure> {
    let mut plain = match &endpoint.identity.address {
        EndpointAddress::Unix(path) => Plain::Unix(UnixStream::connect(path).await.map_err(failure)?),
        EndpointAddress::Ip(_) | EndpointAddress::Name { .. } | EndpointAddress::Service(_) => {
            Plain::Tcp(tcp(&endpoint.addresses).await?)
        }
    };
    if let Some(front) = front {
        plain.write_all(front).await.map_err(failure)?;
    }
    let Some(tls) = &endpoint.identity.tls else { return Ok((Stream::plain(plain), false)) };
    let host = match &endpoint.identity.address {
        EndpointAddress::Ip(address) => address.ip().to_string(),
        EndpointAddress::Name { host, .. } => host.clone(),
        EndpointAddress::Unix(_) | EndpointAddress::Service(_) => String::new(),
    };
    let none = || ConnectFailure::Tls(io::Error::other("the endpoint has no name to verify"));
    let name = tls.server_name(&host).ok_or_else(none)?;
    let stream = TlsConnector::from(tls.config()).connect(name, plain).await.map_err(ConnectFailure::Tls)?;
    let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
    Ok((Stream::connected(stream), http2))
}

/// Tries the addresses of a name one after the other.
async fn tcp(addresses: &[SocketAddr]) -> Result<TcpStream, ConnectFailure> {
    let mut last = ConnectFailure::Unresolved;
    for address in addresses {
        match TcpStream::connect(address).await {
            Ok(stream) => {
                // Heads and small bodies leave at once; where it cannot be set, the stream is dead already.
                let _ = stream.set_nodelay(true);
                return Ok(stream);
            }
            Err(error) => last = failure(error),
        }
    }
    Err(last)
}

fn failure(error: io::Error) -> ConnectFailure {
    match error.kind() {
        io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => ConnectFailure::Refused,
        io::ErrorKind::TimedOut => ConnectFailure::Timeout,
        _ => ConnectFailure::Other(error),
    }
}
