//! TLS handshakes, each on a connection of its own that is closed right after.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use rustls::HandshakeKind;
use rustls::client::Resumption;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::own::{self, Tally};
use super::{Seen, Shot};

impl Shot<'_> {
    pub(super) fn handshakes(&self, connections: usize, resumed: bool) -> Result<Seen, String> {
        let proxy = self.proxy;
        let client = || {
            // Each client has tickets of its own. rustls uses one once.
            let tickets = if resumed { Resumption::in_memory_sessions(16) } else { Resumption::disabled() };
            let config = Arc::new(own::tls(self.certificate, tickets)?);
            Ok(move |end: Instant| run(proxy, config, resumed, end))
        };
        let clients: Result<Vec<_>, String> = (0..connections).map(|_| client()).collect();
        own::clients(self.core, self.seconds, clients?)
    }
}

async fn run(proxy: SocketAddr, config: Arc<rustls::ClientConfig>, resumed: bool, end: Instant) -> Tally {
    let connector = TlsConnector::from(config);
    let mut tally = Tally::default();
    if resumed {
        // For the first ticket. The one full handshake is in the proxy's CPU time, and is nothing beside the others.
        let _ = handshake(&connector, proxy, HandshakeKind::Full).await;
    }
    let kind = if resumed { HandshakeKind::Resumed } else { HandshakeKind::Full };
    while Instant::now() < end {
        let begun = Instant::now();
        tally.count(begun, handshake(&connector, proxy, kind).await);
    }
    tally
}

/// Up to the end of the connection, which the proxy only gets to when it has read our Finished. Tickets come on the way.
async fn handshake(connector: &TlsConnector, proxy: SocketAddr, kind: HandshakeKind) -> Result<(), String> {
    let done = async {
        let tcp = TcpStream::connect(proxy).await?;
        tcp.set_nodelay(true)?;
        let mut stream = connector.connect(own::name(), tcp).await?;
        let made = stream.get_ref().1.handshake_kind();
        stream.shutdown().await?;
        let mut rest = Vec::new();
        match stream.read_to_end(&mut rest).await {
            // Not all say goodbye, and not all read ours before they close. An alert is another kind of error.
            Err(error) if !matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => Err(error),
            Ok(_) | Err(_) => Ok(made),
        }
    };
    match done.await {
        Ok(made) if made == Some(kind) => Ok(()),
        Ok(made) => Err(format!("the handshake is {made:?}, not {kind:?}")),
        Err(error) => Err(error.to_string()),
    }
}
