//! Answers each gRPC call with its own message.

use bytes::{Bytes, BytesMut};
use h2::RecvStream;
use h2::server::{self, SendResponse};
use http::{HeaderMap, HeaderValue, Request, Response};
use tokio::net::TcpStream;

/// The windows of hyper's server, which tonic keeps: those of the h2 crate itself are small, and so is what it then lets come in small
/// frames.
const WINDOW: u32 = 1 << 20;
/// Likewise.
const STREAMS: u32 = 200;
/// Calls that are taken back before they were looked at.
const RESETS: usize = 4096;

/// A connection.
pub(crate) async fn serve(stream: TcpStream) {
    let mut builder = server::Builder::new();
    builder.initial_window_size(WINDOW).initial_connection_window_size(WINDOW).max_concurrent_streams(STREAMS);
    // When the load ends, proxies take back all that is under way at once.
    builder.max_pending_accept_reset_streams(RESETS);
    let Ok(mut connection) = builder.handshake(stream).await else { return };
    while let Some(accepted) = connection.accept().await {
        match accepted {
            // A call that breaks is seen on the client's side.
            Ok((request, respond)) => drop(tokio::spawn(async move { drop(answer(request, respond).await) })),
            // Calls under way end with it, so it must be known.
            Err(error) if error.is_io() => return,
            Err(error) => return eprintln!("  the origin of calls: {error}"),
        }
    }
}

async fn answer(request: Request<RecvStream>, mut respond: SendResponse<Bytes>) -> Result<(), h2::Error> {
    let mut body = request.into_body();
    let mut message = BytesMut::new();
    while let Some(part) = body.data().await {
        let part = part?;
        message.extend_from_slice(&part);
        body.flow_control().release_capacity(part.len())?;
    }
    let mut response = Response::new(());
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/grpc"));
    let mut send = respond.send_response(response, false)?;
    send.send_data(message.freeze(), false)?;
    let mut trailers = HeaderMap::new();
    trailers.insert("grpc-status", HeaderValue::from_static("0"));
    send.send_trailers(trailers)
}
