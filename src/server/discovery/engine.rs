//! The engine's socket: questions, one connection each, and the events. Only GET is ever sent, and what comes back is bounded.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::HOST;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;

use super::said::Event;

/// How long the engine may take for an answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Octets of an answer.
const ANSWER: usize = 16 << 20;
/// Octets of one event.
const EVENT: usize = 1 << 20;
/// Of containers, and of who joins or leaves a network.
const EVENTS: &str = "/events?filters=%7B%22type%22%3A%5B%22container%22%2C%22network%22%5D%7D";

/// Where it is.
#[derive(Clone, Debug)]
pub(super) struct Engine {
    socket: PathBuf,
}

/// What happens, as it happens.
pub(super) struct Events {
    body: Incoming,
    rest: BytesMut,
}

impl Engine {
    pub(super) fn at(socket: &Path) -> Self {
        Self { socket: socket.to_path_buf() }
    }

    /// One answer; `None`: there is no such thing.
    pub(super) async fn ask<T: DeserializeOwned>(&self, path: &str) -> Result<Option<T>, String> {
        let answer = async {
            let Some(body) = self.open(path).await? else { return Ok(None) };
            let whole = Limited::new(body, ANSWER).collect().await.map_err(|error| format!("{path}: {error}"))?;
            serde_json::from_slice(&whole.to_bytes()).map(Some).map_err(|error| format!("{path}: {error}"))
        };
        in_time(answer).await
    }

    /// From now on.
    pub(super) async fn events(&self) -> Result<Events, String> {
        let body = in_time(self.open(EVENTS)).await?.ok_or("this is no engine: it has no events")?;
        Ok(Events { body, rest: BytesMut::new() })
    }

    async fn open(&self, path: &str) -> Result<Option<Incoming>, String> {
        let failed = |error: &dyn std::fmt::Display| format!("{}: {error}", self.socket.display());
        let stream = UnixStream::connect(&self.socket).await.map_err(|error| failed(&error))?;
        let (mut ask, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| failed(&error))?;
        // It ends with the answer, or when nobody reads that any more.
        tokio::task::spawn_local(connection);
        let request = Request::get(path).header(HOST, "docker").body(Empty::<Bytes>::new());
        let request = request.map_err(|error| failed(&error))?;
        let response = ask.send_request(request).await.map_err(|error| failed(&error))?;
        match response.status() {
            StatusCode::NOT_FOUND => Ok(None),
            status if status.is_success() => Ok(Some(response.into_body())),
            status => Err(format!("{path}: it answers {status}")),
        }
    }
}

impl Events {
    /// The next one. They are JSON, one after the other, with or without a line end between them.
    pub(super) async fn next(&mut self) -> Result<Event, String> {
        loop {
            if let Some(event) = take(&mut self.rest)? {
                return Ok(event);
            }
            let frame = self.body.frame().await.ok_or("the engine has closed the events")?;
            if let Ok(data) = frame.map_err(|error| error.to_string())?.into_data() {
                self.rest.extend_from_slice(&data);
            }
        }
    }
}

/// The first whole event; what stands behind it stays.
fn take(rest: &mut BytesMut) -> Result<Option<Event>, String> {
    let mut values = serde_json::Deserializer::from_slice(rest).into_iter::<Event>();
    match values.next() {
        Some(Ok(event)) => {
            let read = values.byte_offset();
            drop(rest.split_to(read));
            Ok(Some(event))
        }
        Some(Err(error)) if !error.is_eof() => Err(format!("the engine sends no events: {error}")),
        _ if rest.len() > EVENT => Err("the engine sends an event without an end".to_owned()),
        _ => Ok(None),
    }
}

async fn in_time<T>(answer: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    tokio::time::timeout(PATIENCE, answer).await.unwrap_or_else(|_| Err("the engine does not answer".to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_come_in_any_pieces() {
        let text = b"{\"Action\":\"start\"}\n{\"Action\":\"die\",\"Actor\":{\"ID\":\"a\"}}{\"Action\":\"x\"}\n";
        for size in 1..text.len() {
            let (mut rest, mut count) = (BytesMut::new(), 0);
            for piece in text.chunks(size) {
                rest.extend_from_slice(piece);
                while take(&mut rest).expect("events").is_some() {
                    count += 1;
                }
            }
            assert_eq!(count, 3, "pieces of {size}");
        }
        assert!(take(&mut BytesMut::from(&b"<html>"[..])).is_err());
        let endless = format!("{{\"Action\":\"{}", "x".repeat(EVENT));
        assert!(take(&mut BytesMut::from(endless.as_bytes())).is_err());
    }
}
