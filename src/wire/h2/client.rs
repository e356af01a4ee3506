//! The upstream side of HTTP/2: a few connections of a worker to an endpoint, and exchanges as streams on them.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use http::uri::PathAndQuery;
use http::{Method, StatusCode, Uri, Version};
use std::future::Future;
use std::pin::Pin;

use super::inflow::Inflow;
use super::outflow::{Broken, Outflow};
use super::{CONNECTION_WINDOW, SEND_BUFFER, STREAM_WINDOW, declared, names_are_tokens};
use crate::http::sanitize;
use crate::http::{Body, BodyError, BodyStream, Frame, Headers, Interim, Length, Response, Scheme};
use crate::wire::exchange::Task;
use crate::wire::h1::client::{Failure, Held, MAX_INTERIMS, Outbound, Settings};
use crate::wire::h1::parse::HeadError;
use crate::wire::pace::Patience;
use crate::wire::stream::Stream;
use crate::wire::timer::{deadline, earlier};

/// The largest response head, in octets by the measure of RFC 9113 §6.5.2.
const MAX_HEAD_SIZE: u32 = 32 * 1024;
/// How long the other side may take to begin the connection.
const HANDSHAKE: Duration = Duration::from_secs(5);

/// The connections of a worker to one endpoint.
#[derive(Debug, Default)]
pub struct Connections(RefCell<Vec<Connection>>);

#[derive(Debug)]
struct Connection {
    send: SendRequest<Bytes>,
    state: Rc<State>,
}

/// What the connection's task and its streams share.
#[derive(Debug)]
struct State {
    streams: Cell<usize>,
    idle_since: Cell<Instant>,
    /// It is over, or going away.
    closed: Cell<bool>,
}

/// A place for one stream on a connection.
#[derive(Debug)]
pub struct Sender {
    send: SendRequest<Bytes>,
    /// Whether the connection carried a stream before.
    pub reused: bool,
    state: Rc<State>,
}

impl Drop for Sender {
    fn drop(&mut self) {
        self.state.streams.set(self.state.streams.get() - 1);
        self.state.idle_since.set(Instant::now());
    }
}

impl Connections {
    /// A place on a connection that stands, if one is free.
    pub fn sender(&self) -> Option<Sender> {
        let mut connections = self.0.borrow_mut();
        connections.retain(|connection| !connection.state.closed.get());
        connections.iter().find_map(|connection| connection.sender(true))
    }

    /// Begins HTTP/2 on a stream; `held` is dropped when the connection is over.
    ///
    /// # Errors
    /// Where the other side does not speak HTTP/2.
    pub async fn begin(&self, io: Stream, held: Box<dyn Held>) -> io::Result<Sender> {
        let mut builder = h2::client::Builder::new();
        builder
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(MAX_HEAD_SIZE)
            .max_send_buffer_size(SEND_BUFFER)
            .enable_push(false);
        let handshake = tokio::time::timeout(HANDSHAKE, builder.handshake::<_, Bytes>(io)).await;
        let (send, driver) = handshake.map_err(|_| io::ErrorKind::TimedOut)?.map_err(io::Error::other)?;
        let state =
            Rc::new(State { streams: Cell::new(0), idle_since: Cell::new(Instant::now()), closed: Cell::new(false) });
        let over = state.clone();
        tokio::task::spawn_local(async move {
            // Each stream hears of the end itself.
            let _ = driver.await;
            over.closed.set(true);
            drop(held);
        });
        let connection = Connection { send, state };
        let sender = connection.sender(false).ok_or(io::ErrorKind::ConnectionAborted)?;
        self.0.borrow_mut().push(connection);
        Ok(sender)
    }

    /// No new streams; those that run end in peace.
    pub fn retire(&self) {
        self.0.take();
    }

    /// Lets go of connections that have been idle for too long.
    pub fn sweep(&self, now: Instant, timeout: Option<Duration>) {
        self.0.borrow_mut().retain(|Connection { state, .. }| {
            let idle = now.saturating_duration_since(state.idle_since.get());
            let old = state.streams.get() == 0 && timeout.is_some_and(|timeout| idle >= timeout);
            !old && !state.closed.get()
        });
    }
}

impl Connection {
    fn sender(&self, reused: bool) -> Option<Sender> {
        if self.state.closed.get() || self.state.streams.get() >= self.send.current_max_send_streams() {
            return None;
        }
        self.state.streams.set(self.state.streams.get() + 1);
        Some(Sender { send: self.send.clone(), reused, state: self.state.clone() })
    }
}

/// Sends a request and reads the head of the response.
///
/// # Errors
/// [`Failure`]; [`Failure::Unprocessed`] where the other side says that it did not look at the request.
pub async fn exchange(
    sender: Sender,
    outbound: &Outbound<'_>,
    scheme: Scheme,
    body: Body,
    settings: &Settings,
    task: &Task,
) -> Result<Response, Failure> {
    let request = message(outbound, scheme, &body).ok_or(Failure::Malformed(HeadError::Target))?;
    let mut send = sender.send.clone();
    poll_fn(|cx| send.poll_ready(cx)).await.map_err(|_| Failure::Unprocessed)?;
    let none = body.is_empty();
    let (response, stream) = send.send_request(request, none).map_err(|error| failure(&error))?;
    let upload =
        (!none).then(|| Outflow::new(body, stream, task.timer().clone(), Patience::pauses(settings.write_timeout)));
    let expects_continue = outbound.expects_continue;
    let mut running = Running { response, upload, settings, task, due: None, expects_continue, interim_count: 0 };
    let response = poll_fn(|cx| running.poll(cx)).await?;
    Ok(incoming(response, sender, running.upload, settings, task))
}

fn message(outbound: &Outbound<'_>, scheme: Scheme, body: &Body) -> Option<http::Request<()>> {
    let mut uri = http::uri::Parts::default();
    uri.scheme = Some(scheme.as_str().parse().ok()?);
    uri.authority = Some(outbound.host.try_into().ok()?);
    uri.path_and_query = Some(PathAndQuery::try_from(outbound.target).ok()?);
    let mut request = http::Request::new(());
    *request.method_mut() = outbound.method.clone();
    *request.uri_mut() = Uri::from_parts(uri).ok()?;
    *request.version_mut() = Version::HTTP_2;
    let mut headers: Headers = outbound.headers.clone();
    headers.remove(&http::header::CONTENT_LENGTH);
    match body.length() {
        Length::Known(0) if ![Method::POST, Method::PUT, Method::PATCH].contains(outbound.method) => {}
        Length::Known(length) => headers.append(http::header::CONTENT_LENGTH, length.into()),
        Length::Unknown => {}
    }
    outbound.more.iter().for_each(|(name, value)| headers.append(name.clone(), value.clone()));
    if outbound.expects_continue {
        headers.append(http::header::EXPECT, http::HeaderValue::from_static("100-continue"));
    }
    *request.headers_mut() = headers.into();
    Some(request)
}

struct Running<'a> {
    response: ResponseFuture,
    upload: Option<Outflow>,
    settings: &'a Settings,
    task: &'a Task,
    due: Option<Instant>,
    expects_continue: bool,
    interim_count: usize,
}

impl Running<'_> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<http::Response<h2::RecvStream>, Failure>> {
        while let Poll::Ready(Some(interim)) = self.response.poll_informational(cx) {
            let Ok(interim) = interim else { break };
            let (parts, ()) = interim.into_parts();
            self.interim_count += 1;
            // A switch of protocol is no answer in HTTP/2 (RFC 9113 §8.6).
            if parts.status == StatusCode::SWITCHING_PROTOCOLS || !names_are_tokens(&parts.headers) {
                return Poll::Ready(Err(Failure::Malformed(HeadError::StartLine)));
            }
            if self.interim_count > MAX_INTERIMS {
                return Poll::Ready(Err(Failure::Malformed(HeadError::TooLarge)));
            }
            let interim = Interim { status: parts.status, headers: parts.headers.into() };
            self.task.put_interim(sanitize::interim(interim));
        }
        if let Some(upload) = &mut self.upload {
            match upload.poll(cx) {
                Poll::Ready(Ok(()) | Err(Broken::Gone)) => self.upload = None,
                Poll::Ready(Err(Broken::Source(error))) => return Poll::Ready(Err(Failure::Request(error))),
                Poll::Ready(Err(Broken::Stalled)) => return Poll::Ready(Err(Failure::WriteTimeout)),
                Poll::Pending => {}
            }
        }
        if let Poll::Ready(response) = Pin::new(&mut self.response).poll(cx) {
            return Poll::Ready(match response {
                Ok(response) if !names_are_tokens(response.headers()) => Err(Failure::Malformed(HeadError::FieldName)),
                response => response.map_err(|error| failure(&error)),
            });
        }
        let sent = self.upload.as_ref().map(Outflow::sent);
        if sent.is_some_and(|sent| sent > 0 || self.interim_count > 0 || !self.expects_continue) {
            // Either the client has more, and its own gap timeout watches, or the endpoint takes no byte, and another timeout does.
            self.due = None;
        } else if self.due.is_none() {
            self.due = deadline(Instant::now(), self.settings.response_timeout);
        }
        let until = self.settings.until;
        let Some(at) = earlier(self.due, until) else { return Poll::Pending };
        self.task.timer().poll(at, cx).map(|()| {
            let whole = until.is_some_and(|until| until <= at);
            Err(if whole { Failure::ExchangeTimeout } else { Failure::ResponseTimeout })
        })
    }
}

fn failure(error: &h2::Error) -> Failure {
    if error.is_reset() && error.reason() == Some(h2::Reason::REFUSED_STREAM) || error.is_go_away() && error.is_remote()
    {
        // GOAWAY ends only streams above the last one that was looked at.
        return Failure::Unprocessed;
    }
    match error.reason() {
        Some(h2::Reason::PROTOCOL_ERROR) if !error.is_remote() => Failure::Malformed(HeadError::FieldValue),
        _ if error.is_io() => Failure::Closed,
        _ => Failure::Reset(io::ErrorKind::ConnectionReset),
    }
}

fn incoming(
    response: http::Response<h2::RecvStream>,
    sender: Sender,
    upload: Option<Outflow>,
    settings: &Settings,
    task: &Task,
) -> Response {
    let (parts, stream) = response.into_parts();
    let body = if stream.is_end_stream() && upload.is_none() {
        Body::Empty
    } else {
        let length = declared(&parts.headers);
        let inflow = Inflow::new(stream, length, task.clone(), Patience::pauses(settings.body_timeout), settings.until);
        Body::stream(ResponseBody { inflow, upload, _sender: sender })
    };
    Response { status: parts.status, headers: parts.headers.into(), body }
}

/// A response body, and what is left to send of the request.
struct ResponseBody {
    inflow: Inflow,
    upload: Option<Outflow>,
    /// Keeps the stream counted.
    _sender: Sender,
}

impl BodyStream for ResponseBody {
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame, BodyError>>> {
        if let Some(upload) = &mut self.upload
            && upload.poll(cx).is_ready()
        {
            // The response is whole or not whatever became of the request.
            self.upload = None;
        }
        self.inflow.poll_frame(cx)
    }

    fn length(&self) -> Length {
        self.inflow.length()
    }

    fn has_ended(&self) -> bool {
        self.inflow.has_ended()
    }
}
