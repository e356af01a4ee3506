//! HTTP/2 with the `h2` crate: an origin that does what a script says, and a client.

use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use bytes::Bytes;
use h2::client::SendRequest;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::{HeaderMap, Request, Response, StatusCode};
use rustls::ServerConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{LocalSet, spawn_local};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::PATIENCE;

/// An origin of HTTP/2 in clear text, by prior knowledge, on a thread of its own.
pub struct H2Origin {
    /// Where it listens.
    pub address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl H2Origin {
    /// Runs the script for every request.
    pub fn scripted<F, S>(script: S) -> Self
    where
        S: Fn(Request<RecvStream>, SendResponse<Bytes>) -> F + Send + 'static,
        F: Future<Output = ()> + 'static,
    {
        Self::start(None, script)
    }

    /// The same under TLS.
    pub fn under_tls<F, S>(config: Arc<ServerConfig>, script: S) -> Self
    where
        S: Fn(Request<RecvStream>, SendResponse<Bytes>) -> F + Send + 'static,
        F: Future<Output = ()> + 'static,
    {
        Self::start(Some(TlsAcceptor::from(config)), script)
    }

    fn start<F, S>(tls: Option<TlsAcceptor>, script: S) -> Self
    where
        S: Fn(Request<RecvStream>, SendResponse<Bytes>) -> F + Send + 'static,
        F: Future<Output = ()> + 'static,
    {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let connections = Arc::new(AtomicUsize::new(0));
        let origin = Self { address, connections: Arc::clone(&connections) };
        thread::spawn(move || {
            block_on(async move {
                let listener = TcpListener::from_std(listener).unwrap();
                let script = Rc::new(script);
                while let Ok((stream, _)) = listener.accept().await {
                    stream.set_nodelay(true).unwrap();
                    connections.fetch_add(1, Ordering::SeqCst);
                    let (script, tls) = (Rc::clone(&script), tls.clone());
                    spawn_local(async move {
                        match tls {
                            None => serve(stream, script).await,
                            Some(tls) => {
                                if let Ok(stream) = tls.accept(stream).await {
                                    serve(stream, script).await
                                }
                            }
                        }
                    });
                }
            });
        });
        origin
    }

    /// How many connections have come.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

async fn serve<T, F, S>(stream: T, script: Rc<S>)
where
    T: AsyncRead + AsyncWrite + Unpin,
    S: Fn(Request<RecvStream>, SendResponse<Bytes>) -> F + 'static,
    F: Future<Output = ()> + 'static,
{
    let Ok(mut connection) = h2::server::handshake(stream).await else { return };
    while let Some(Ok((request, respond))) = connection.accept().await {
        spawn_local(script(request, respond));
    }
}

/// Runs a story in HTTP/2 to its end, or fails when it takes too long.
pub fn block_on<T>(story: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    LocalSet::new().block_on(&runtime, story)
}

/// What a client of HTTP/2 got.
#[derive(Debug)]
pub struct H2Answer {
    /// Status.
    pub status: StatusCode,
    /// Fields.
    pub headers: HeaderMap,
    /// Body.
    pub body: Vec<u8>,
    /// Trailers; empty where there are none.
    pub trailers: HeaderMap,
}

/// A client by prior knowledge.
pub async fn h2_connect(address: SocketAddr) -> SendRequest<Bytes> {
    h2_over(connect(address).await).await
}

/// A client by ALPN under TLS; the settings must offer `h2`.
pub async fn h2_connect_tls(address: SocketAddr, name: &str, config: Arc<rustls::ClientConfig>) -> SendRequest<Bytes> {
    let stream = connect(address).await;
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let stream = tokio_rustls::TlsConnector::from(config).connect(name, stream).await.unwrap();
    assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
    h2_over(stream).await
}

async fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).await.unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

async fn h2_over<S: AsyncRead + AsyncWrite + Unpin + 'static>(stream: S) -> SendRequest<Bytes> {
    let (send, connection) = h2::client::handshake(stream).await.unwrap();
    spawn_local(async move {
        let _ = connection.await;
    });
    send
}

/// Sends a request with a body and reads the whole response.
pub async fn h2_ask(client: &SendRequest<Bytes>, request: Request<()>, body: &[u8]) -> Result<H2Answer, h2::Error> {
    let mut client = timeout(PATIENCE, client.clone().ready()).await.expect("a stream in time")?;
    let (response, mut stream) = client.send_request(request, body.is_empty())?;
    if !body.is_empty() {
        stream.send_data(Bytes::copy_from_slice(body), true)?;
    }
    h2_answer(timeout(PATIENCE, response).await.expect("a response in time")?).await
}

/// Reads a response to its end.
pub async fn h2_answer(response: Response<RecvStream>) -> Result<H2Answer, h2::Error> {
    let (parts, stream) = response.into_parts();
    let (body, trailers) = timeout(PATIENCE, h2_body(stream)).await.expect("a whole body in time")?;
    Ok(H2Answer { status: parts.status, headers: parts.headers, body, trailers })
}

/// Reads a body to its end, with its trailers.
pub async fn h2_body(mut stream: RecvStream) -> Result<(Vec<u8>, HeaderMap), h2::Error> {
    let mut body = Vec::new();
    while let Some(data) = stream.data().await {
        let data = data?;
        stream.flow_control().release_capacity(data.len())?;
        body.extend_from_slice(&data);
    }
    Ok((body, stream.trailers().await?.unwrap_or_default()))
}

/// Whether a body ends here. The end may come with a frame of no bytes.
pub async fn h2_ends(stream: &mut RecvStream) -> bool {
    match timeout(PATIENCE, stream.data()).await.expect("an end in time") {
        Some(Ok(data)) => data.is_empty() && stream.is_end_stream(),
        Some(Err(_)) => false,
        None => true,
    }
}

/// Whether the peer reset the stream (or ended the connection) for that reason.
pub fn h2_reason<T>(outcome: Result<T, h2::Error>) -> Option<Reason> {
    outcome.err().and_then(|error| error.reason())
}
