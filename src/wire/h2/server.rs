//! The client side of HTTP/2: one task for the connection and one for each stream.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::server::{Connection, SendResponse};
use h2::{Reason, RecvStream};
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Method, StatusCode, Version};

use super::inflow::Inflow;
use super::outflow::{Broken, Outflow};
use super::{CONNECTION_WINDOW, SEND_BUFFER, STREAM_WINDOW, declared, names_are_tokens};
use crate::http::{Body, Length, Request, Response, Scheme, Target, Text, Upgrade};
use crate::wire::exchange::{Answer, Delivery, DrainWatch, End, Exchanges, Task};
use crate::wire::stream::Stream;
use crate::wire::timer::{Timer, deadline};

/// How long a client may take to close after GOAWAY when nothing runs.
const GOODBYE: Duration = Duration::from_secs(5);

/// Limits and timeouts of one connection.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// `https` where TLS was terminated here.
    pub scheme: Scheme,
    /// Streams at the same time.
    pub max_streams: u32,
    /// Octets of all fields of a head (RFC 9113 §6.5.2).
    pub max_head_size: u32,
    /// To the end of the client's preface and SETTINGS.
    pub handshake_timeout: Option<Duration>,
    /// Without a stream.
    pub idle_timeout: Option<Duration>,
    /// Between two reads of a request body.
    pub body_timeout: Option<Duration>,
    /// A client that gives no window.
    pub write_timeout: Option<Duration>,
}

/// Serves a connection until it ends.
pub async fn serve<E: Exchanges + 'static>(io: Stream, exchanges: Rc<E>, settings: Settings, watch: &DrainWatch) {
    let mut builder = h2::server::Builder::new();
    builder
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(settings.max_streams)
        .max_header_list_size(settings.max_head_size)
        .max_send_buffer_size(SEND_BUFFER)
        .enable_connect_protocol();
    let handshake = builder.handshake::<_, Bytes>(io);
    let connection = match settings.handshake_timeout {
        Some(timeout) => tokio::time::timeout(timeout, handshake).await.ok().and_then(Result::ok),
        None => handshake.await.ok(),
    };
    let Some(connection) = connection else { return };
    let mut serving = Serving {
        connection,
        exchanges,
        settings,
        watch,
        streams: Rc::default(),
        timer: Timer::new(),
        idle_since: None,
        leaving: false,
    };
    poll_fn(|cx| serving.poll(cx)).await;
}

struct Serving<'a, E> {
    connection: Connection<Stream, Bytes>,
    exchanges: Rc<E>,
    settings: Settings,
    watch: &'a DrainWatch,
    /// Streams whose tasks run.
    streams: Rc<Cell<usize>>,
    timer: Timer,
    idle_since: Option<Instant>,
    /// GOAWAY was sent.
    leaving: bool,
}

impl<E: Exchanges + 'static> Serving<'_, E> {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.watch.register(cx.waker());
        if self.watch.is_draining() {
            self.leave();
        }
        loop {
            match self.connection.poll_accept(cx) {
                Poll::Ready(Some(Ok((request, respond)))) => self.begin(request, respond),
                Poll::Ready(Some(Err(_)) | None) => return Poll::Ready(()),
                Poll::Pending if self.streams.get() > 0 => {
                    self.idle_since = None;
                    return Poll::Pending;
                }
                Poll::Pending => {
                    let since = *self.idle_since.get_or_insert_with(Instant::now);
                    let timeout = if self.leaving { Some(GOODBYE) } else { self.settings.idle_timeout };
                    let Some(due) = deadline(since, timeout) else { return Poll::Pending };
                    if self.timer.poll(due, cx).is_pending() {
                        return Poll::Pending;
                    }
                    if self.leaving {
                        return Poll::Ready(());
                    }
                    self.leave();
                }
            }
        }
    }

    fn leave(&mut self) {
        if !self.leaving {
            self.leaving = true;
            self.idle_since = None;
            self.connection.graceful_shutdown();
        }
    }

    fn begin(&mut self, request: http::Request<RecvStream>, respond: SendResponse<Bytes>) {
        self.idle_since = None;
        let running = Running::begin(&self.streams);
        let (exchanges, settings) = (self.exchanges.clone(), self.settings);
        tokio::task::spawn_local(async move {
            serve_stream(request, respond, &*exchanges, &settings).await;
            drop(running);
        });
    }
}

/// Counts a stream until it is dropped.
struct Running(Rc<Cell<usize>>);

impl Running {
    fn begin(streams: &Rc<Cell<usize>>) -> Self {
        streams.set(streams.get() + 1);
        Self(streams.clone())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

async fn serve_stream<E: Exchanges>(
    request: http::Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    exchanges: &E,
    settings: &Settings,
) {
    let task = Task::new(Timer::new());
    let Some(request) = message(request, settings, &task) else {
        respond.send_reset(Reason::PROTOCOL_ERROR);
        return;
    };
    let head = request.method == Method::HEAD;
    let mut answer = pin!(exchanges.answer(request, task.clone()));
    let answered = poll_fn(|cx| {
        let answer = answer.as_mut().poll(cx);
        while let Some(interim) = task.take_interim() {
            let mut response = http::Response::new(());
            *response.status_mut() = interim.status;
            *response.headers_mut() = HeaderMap::from(interim.headers);
            // Where it cannot be sent the stream is gone, which the next poll tells.
            let _ = respond.send_informational(response);
        }
        match answer {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending => respond.poll_reset(cx).map(|_| None),
        }
    });
    if let Some(answer) = answered.await {
        send(answer, respond, head, task.timer().clone(), settings.write_timeout).await;
    }
}

/// A request of ours from one of theirs; `None` where it is malformed.
fn message(request: http::Request<RecvStream>, settings: &Settings, task: &Task) -> Option<Request> {
    let (parts, stream) = request.into_parts();
    if !names_are_tokens(&parts.headers) {
        return None;
    }
    let text = |text: &str| Text::visible(Bytes::copy_from_slice(text.as_bytes()));
    let target = match parts.uri.path_and_query() {
        Some(target) => Target::parse(text(target.as_str())?)?,
        // CONNECT without :protocol names an authority only; what to say of it is not for this place.
        None => Target::parse(Text::from_static("/"))?,
    };
    let authority = parts.uri.authority().map_or(Some(Text::default()), |authority| text(authority.as_str()))?;
    let protocol = parts.extensions.get::<h2::ext::Protocol>();
    let upgrade = protocol.map(|protocol| text(protocol.as_str())).map(|text| text.map(Upgrade::ExtendedConnect));
    let upgrade = match upgrade {
        Some(None) => return None,
        Some(upgrade) => upgrade,
        None => None,
    };
    let expects_continue = parts
        .headers
        .get(http::header::EXPECT)
        .is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    // In a tunnel silence is no fault of either side.
    let timeout = if upgrade.is_some() { None } else { settings.body_timeout };
    let body = if stream.is_end_stream() {
        Body::Empty
    } else {
        Body::stream(Inflow::new(stream, declared(&parts.headers), task.clone(), timeout, None).counted())
    };
    Some(Request {
        method: parts.method,
        scheme: settings.scheme,
        authority,
        target,
        version: Version::HTTP_2,
        headers: parts.headers.into(),
        upgrade,
        expects_continue,
        body,
    })
}

async fn send(
    answer: Answer,
    mut respond: SendResponse<Bytes>,
    to_head: bool,
    timer: Timer,
    write_timeout: Option<Duration>,
) {
    let Answer { response, receipt } = answer;
    let Response { status, mut headers, body } = response;
    let bodiless = to_head || status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED;
    match body.length() {
        Length::Known(length) if !bodiless || (to_head && length > 0 && !headers.contains(&CONTENT_LENGTH)) => {
            headers.set(CONTENT_LENGTH, length.into());
        }
        _ => {}
    }
    let body = if bodiless { Body::Empty } else { body };
    let mut head = http::Response::new(());
    *head.status_mut() = status;
    *head.headers_mut() = headers.into();
    let delivery = match respond.send_response(head, body.is_empty()) {
        Err(_) => Delivery { body: 0, end: End::ClientGone },
        Ok(_) if body.is_empty() => Delivery { body: 0, end: End::Complete },
        Ok(stream) => {
            let mut outflow = Outflow::new(body, stream, timer, write_timeout);
            let end = match poll_fn(|cx| outflow.poll(cx)).await {
                Ok(()) => End::Complete,
                Err(Broken::Source(error)) => End::Source(error),
                Err(Broken::Gone) => End::ClientGone,
                Err(Broken::Stalled) => End::ClientStalled,
            };
            Delivery { body: outflow.sent(), end }
        }
    };
    if let Some(receipt) = receipt {
        receipt.delivered(delivery);
    }
}
