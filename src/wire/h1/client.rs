//! The upstream side of HTTP/1: sends one request on a connection, reads the response, and gives the connection back when both are over.
//!
//! Request and response flow at the same time in the same task: the body that is returned still sends what is left of the request.

mod response;

use std::future::poll_fn;
use std::io;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use http::header::{CONTENT_LENGTH, UPGRADE};
use http::{HeaderName, HeaderValue, Method, StatusCode};

use self::response::Times;
use super::encode::{self, Outgoing, Persistence, RequestLine};
use super::outgoing::{Broken, Outflow};
use super::parse::{self, Framing, HeadError, HeadLimits, HeadScan, ResponseHead, TransferCodings};
use crate::http::sanitize;
use crate::http::{Body, BodyError, Headers, Interim, Length, Response};
use crate::wire::buffers::{give_back, poll_fill};
use crate::wire::exchange::Task;
use crate::wire::stream::Stream;
use crate::wire::timer::{deadline, earlier};
use crate::wire::writer::Writer;

/// 1xx responses taken before the final one; an upstream that sends more has lost its way.
pub(in crate::wire) const MAX_INTERIMS: usize = 32;

/// Where a connection goes when it can carry another exchange.
pub trait Home {
    /// Takes it back, at that time.
    fn take_back(&self, connection: Box<Connection>, now: Instant);
}

/// A connection to an endpoint.
#[derive(Debug)]
pub struct Connection {
    io: Stream,
    read: BytesMut,
    writer: Writer,
    /// How many exchanges it carried.
    pub exchanges: u64,
    /// When it was last given back.
    pub idle_since: Option<Instant>,
    /// Whatever is to live as long as the connection: its place in a count.
    _held: Box<dyn Held>,
}

/// What is dropped with a connection.
pub trait Held: std::fmt::Debug {}

impl<T: std::fmt::Debug> Held for T {}

/// A request as it is to be sent. The body is apart, so that what was not touched can be sent elsewhere.
#[derive(Debug)]
pub struct Outbound<'a> {
    /// Method.
    pub method: &'a Method,
    /// Path and query.
    pub target: &'a [u8],
    /// `Host`
    pub host: &'a [u8],
    /// Fields without framing.
    pub headers: &'a Headers,
    /// The protocol to switch to.
    pub upgrade: Option<&'a str>,
    /// Whether the body waits for `100 Continue`.
    pub expects_continue: bool,
    /// Fields of this attempt alone.
    pub more: &'a [(HeaderName, HeaderValue)],
}

/// Limits and timeouts of an exchange.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// What a response head may take.
    pub head: HeadLimits,
    /// The codings that a response may be in.
    pub codings: TransferCodings,
    /// To the first byte of the response.
    pub response_timeout: Option<Duration>,
    /// Between two reads of its body.
    pub body_timeout: Option<Duration>,
    /// An endpoint that takes no byte.
    pub write_timeout: Option<Duration>,
    /// The end of the whole exchange.
    pub until: Option<Instant>,
}

/// Why there is no response.
#[derive(Debug)]
pub enum Failure {
    /// The connection ended before a byte of the response. On a connection that carried an exchange before, it had most likely gone stale.
    Closed,
    /// The endpoint says that it did not look at the request (HTTP/2: REFUSED_STREAM, GOAWAY).
    Unprocessed,
    /// The connection was reset, or ended within the head.
    Reset(io::ErrorKind),
    /// What came is no response.
    Malformed(HeadError),
    /// No byte of the response in time.
    ResponseTimeout,
    /// The endpoint takes no byte of the request.
    WriteTimeout,
    /// The whole exchange took too long.
    ExchangeTimeout,
    /// The client's body broke off.
    Request(BodyError),
}

impl Connection {
    /// Over a connected stream; `held` is dropped with the connection.
    pub fn new(io: Stream, held: Box<dyn Held>) -> Box<Self> {
        Box::new(Self { io, read: BytesMut::new(), writer: Writer::new(), exchanges: 0, idle_since: None, _held: held })
    }

    /// Whether a pooled connection is still fit: nothing has come on it, neither bytes nor an end.
    pub fn is_fit(&mut self) -> bool {
        self.read.is_empty() && self.io.is_silent()
    }
}

/// Sends a request and reads the head of the response. Of `body`, what was taken is gone; after a failure [`Body::length`] tells nothing,
/// and only a body that is empty or full can be sent again.
///
/// # Errors
/// [`Failure`]; the connection is closed then.
pub async fn exchange(
    mut connection: Box<Connection>,
    home: Rc<dyn Home>,
    outbound: &Outbound<'_>,
    body: Body,
    settings: &Settings,
    task: &Task,
) -> Result<Response, Failure> {
    let framing = request_framing(outbound, &body);
    queue_head(connection.writer.flat(), outbound, framing);
    let upload = Outflow::new(body, framing);
    // A body behind `Expect` is not held back here: its client does that, and may stop waiting whenever it likes (RFC 9110 §10.1.1).
    let gated = outbound.upgrade.is_some();
    let mut running = Running {
        connection: &mut connection,
        upload,
        gated,
        settings,
        task,
        scan: HeadScan::default(),
        due: None,
        upload_broken: false,
        head_only: *outbound.method == Method::HEAD,
        expects_continue: outbound.expects_continue,
        awaits_client: false,
        interim_count: 0,
    };
    let head = poll_fn(|cx| running.poll_head(cx)).await?;
    let refused = outbound.upgrade.is_some() && head.status != StatusCode::SWITCHING_PROTOCOLS;
    // A switch that is refused leaves a request without a body.
    let upload = if refused { Outflow::new(Body::Empty, Outgoing::None) } else { running.upload };
    let whole = upload.ended() && !running.upload_broken;
    connection.exchanges += 1;
    Ok(response::build(
        connection,
        home,
        head,
        upload,
        whole,
        Times { timer: task.timer().clone(), timeout: settings.body_timeout, until: settings.until },
    ))
}

/// How the request's body is framed. A method that usually has a body says so where it has none (RFC 9110 §8.6).
fn request_framing(outbound: &Outbound<'_>, body: &Body) -> Outgoing {
    if outbound.upgrade.is_some() {
        return Outgoing::UntilClose;
    }
    match body.length() {
        Length::Known(0) => {
            let usual = [Method::POST, Method::PUT, Method::PATCH].contains(outbound.method);
            let said = outbound.headers.contains(&CONTENT_LENGTH);
            if usual || said { Outgoing::Length(0) } else { Outgoing::None }
        }
        length => Outgoing::of(length, true),
    }
}

fn queue_head(out: &mut BytesMut, outbound: &Outbound<'_>, framing: Outgoing) {
    let Outbound { method, target, host, headers, upgrade, expects_continue, more } = *outbound;
    let persistence = if upgrade.is_some() { Persistence::Upgrade } else { Persistence::Implied };
    encode::request_head(out, &RequestLine { method, target, host, headers }, framing, persistence);
    let mut extra = |name: &[u8], value: &[u8]| {
        // In front of the empty line that ends the head.
        out.truncate(out.len() - 2);
        for part in [name, b": ", value, b"\r\n\r\n"] {
            out.extend_from_slice(part);
        }
    };
    for (name, value) in more {
        extra(name.as_str().as_bytes(), value.as_bytes());
    }
    if let Some(protocol) = upgrade {
        extra(UPGRADE.as_str().as_bytes(), protocol.as_bytes());
    }
    if expects_continue {
        extra(b"expect", b"100-continue");
    }
}

/// An exchange whose response head is awaited.
struct Running<'a> {
    connection: &'a mut Connection,
    upload: Outflow,
    /// What follows the head waits for 101.
    gated: bool,
    settings: &'a Settings,
    task: &'a Task,
    scan: HeadScan,
    due: Option<Due>,
    /// The endpoint does not read any more.
    upload_broken: bool,
    head_only: bool,
    expects_continue: bool,
    /// All that has come of the body is sent, and the client has more.
    awaits_client: bool,
    interim_count: usize,
}

/// What is waited for, and until when.
struct Due {
    at: Option<Instant>,
    writing: bool,
}

impl Running<'_> {
    fn poll_head(&mut self, cx: &mut Context<'_>) -> Poll<Result<ResponseHead, Failure>> {
        let mut progress = false;
        let uploading = self.poll_upload(cx, &mut progress)?;
        loop {
            let end = self.scan.find(&self.connection.read, &self.settings.head).map_err(Failure::Malformed)?;
            if let Some(end) = end {
                let head = self.connection.read.split_to(end);
                self.scan = HeadScan::default();
                match self.head(head)? {
                    Some(head) => return Poll::Ready(Ok(head)),
                    None => continue,
                }
            }
            let connection = &mut *self.connection;
            match poll_fill(&mut connection.io, &mut connection.read, 0, cx) {
                Poll::Ready(Ok(1..)) => progress = true,
                Poll::Ready(Ok(0)) => return Poll::Ready(Err(self.ended(None))),
                Poll::Ready(Err(error)) => return Poll::Ready(Err(self.ended(Some(error.kind())))),
                Poll::Pending => return self.poll_due(cx, progress, uploading).map(Err),
            }
        }
    }

    /// Sends on; true while there is something that the endpoint does not take.
    fn poll_upload(&mut self, cx: &mut Context<'_>, progress: &mut bool) -> Result<bool, Failure> {
        self.awaits_client = false;
        if self.upload_broken {
            return Ok(false);
        }
        let connection = &mut *self.connection;
        let polled = if self.gated {
            connection.writer.poll_write_out(&mut connection.io, cx, progress).map_err(|_| Broken::Sink)
        } else {
            self.upload.poll(&mut connection.writer, &mut connection.io, cx, progress)
        };
        match polled {
            Poll::Ready(Err(Broken::Source(error))) => Err(Failure::Request(error)),
            Poll::Ready(Err(Broken::Sink)) => {
                // The endpoint may have answered before it stopped reading: its answer counts.
                self.upload_broken = true;
                Ok(false)
            }
            Poll::Ready(Ok(())) => {
                // While the endpoint thinks, another exchange has use for the room.
                self.connection.writer.release();
                Ok(false)
            }
            Poll::Pending => {
                let writing = !self.connection.writer.is_empty();
                // One that waits for 100 sends when the endpoint has said so.
                let invited = !self.expects_continue || self.interim_count > 0 || self.upload.sent() > 0;
                self.awaits_client = !writing && !self.gated && invited;
                Ok(writing)
            }
        }
    }

    /// Takes a head; `None` where it was of an interim response.
    fn head(&mut self, head: BytesMut) -> Result<Option<ResponseHead>, Failure> {
        let mut head = parse::response(head, &self.settings.head, self.settings.codings).map_err(Failure::Malformed)?;
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            // Never asked for, or the bytes that follow are not HTTP any more.
            if self.upload_is_http() {
                return Err(Failure::Malformed(HeadError::StartLine));
            }
            head.framing = Framing::UntilClose;
            head.keep_alive = false;
            return Ok(Some(head));
        }
        if head.status.is_informational() {
            self.interim_count += 1;
            if self.interim_count > MAX_INTERIMS {
                return Err(Failure::Malformed(HeadError::TooLarge));
            }
            let interim = Interim { status: head.status, headers: head.headers };
            self.task.put_interim(sanitize::interim(interim));
            return Ok(None);
        }
        if self.head_only {
            head.framing = Framing::None;
        }
        Ok(Some(head))
    }

    fn upload_is_http(&self) -> bool {
        !self.upload.is_tunnel()
    }

    /// The connection ended before a final head.
    fn ended(&mut self, error: Option<io::ErrorKind>) -> Failure {
        if self.connection.read.is_empty() && self.interim_count == 0 {
            return Failure::Closed;
        }
        Failure::Reset(error.unwrap_or(io::ErrorKind::UnexpectedEof))
    }

    /// Ready with the failure when what is waited for took too long.
    fn poll_due(&mut self, cx: &mut Context<'_>, progress: bool, writing: bool) -> Poll<Failure> {
        let Settings { response_timeout, write_timeout, until, .. } = *self.settings;
        let due = match &self.due {
            // The client's own gap timeout watches, and the endpoint's clock does not run yet.
            _ if self.awaits_client => {
                self.due = None;
                None
            }
            Some(due) if !progress && due.writing == writing => due.at,
            _ => {
                let at = deadline(self.task.timer().now(), if writing { write_timeout } else { response_timeout });
                self.due = Some(Due { at, writing });
                at
            }
        };
        let Some(at) = earlier(due, until) else { return Poll::Pending };
        self.task.timer().poll(at, cx).map(|()| {
            if until.is_some_and(|until| until <= at) {
                Failure::ExchangeTimeout
            } else if writing {
                Failure::WriteTimeout
            } else {
                Failure::ResponseTimeout
            }
        })
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        give_back(&mut self.read);
    }
}
