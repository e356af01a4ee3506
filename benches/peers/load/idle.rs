//! Connections that are kept.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::client::Resumption;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use super::own;
use crate::certificate::Certificate;
use crate::work::Work;

/// Opened at the same time.
const AT_ONCE: usize = 32;

/// They close when this goes.
pub(crate) struct Held(Vec<TlsStream<TcpStream>>);

impl Held {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}

/// Opens so many, with one request on each, calls `then` while they are kept, and says what that says.
pub(crate) fn open<T: Send>(
    core: usize,
    work: &Work,
    target: (SocketAddr, usize),
    certificate: &Certificate,
    then: impl FnOnce(&Held) -> T + Send,
) -> Result<T, String> {
    let (proxy, connections) = target;
    let connector = TlsConnector::from(Arc::new(own::tls(certificate, Resumption::disabled())?));
    let request = format!("GET {} HTTP/1.1\r\nHost: localhost\r\n\r\n", work.path);
    let answer = work.answer;
    own::on_core(core, move |runtime| {
        // The streams belong to the runtime, so it has to outlive them.
        let held = runtime.block_on(all(connector, proxy, connections, request, answer))?;
        Ok(then(&held))
    })?
}

async fn all(
    connector: TlsConnector,
    proxy: SocketAddr,
    connections: usize,
    request: String,
    answer: usize,
) -> Result<Held, String> {
    let mut held = Vec::with_capacity(connections);
    let mut opening = JoinSet::new();
    for _ in 0..connections {
        if opening.len() == AT_ONCE {
            held.extend(next(&mut opening).await?);
        }
        opening.spawn(one(connector.clone(), proxy, request.clone(), answer));
    }
    while let Some(stream) = next(&mut opening).await? {
        held.push(stream);
    }
    Ok(Held(held))
}

type Opening = JoinSet<std::io::Result<TlsStream<TcpStream>>>;

async fn next(opening: &mut Opening) -> Result<Option<TlsStream<TcpStream>>, String> {
    match opening.join_next().await {
        None => Ok(None),
        Some(Ok(Ok(stream))) => Ok(Some(stream)),
        Some(Ok(Err(error))) => Err(format!("an idle connection: {error}")),
        Some(Err(error)) => Err(error.to_string()),
    }
}

async fn one(
    connector: TlsConnector,
    proxy: SocketAddr,
    request: String,
    answer: usize,
) -> std::io::Result<TlsStream<TcpStream>> {
    let tcp = TcpStream::connect(proxy).await?;
    let mut stream = connector.connect(own::name(), tcp).await?;
    stream.write_all(request.as_bytes()).await?;
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await?);
    }
    if !head.starts_with(b"HTTP/1.1 200 ") {
        return Err(std::io::Error::other(String::from_utf8_lossy(&head).into_owned()));
    }
    stream.read_exact(&mut vec![0; answer]).await?;
    Ok(stream)
}
