//! The client side of HTTP/1: reads requests one after the other, has them answered, writes the answers.

mod inbound;
mod reply;

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_LENGTH, HOST};
use http::{HeaderValue, Method, Version};

use self::inbound::{Inbound, RequestBody};
use super::framing::Decoder;
use super::parse::{self, Framing, HeadError, HeadLimits, HeadScan, RequestHead};
use crate::http::{Body, Request, Scheme, Target, Text, Upgrade};
use crate::wire::buffers::{give_back, poll_fill};
use crate::wire::exchange::{Answer, DrainWatch, Exchanges, Refused, Task};
use crate::wire::pace::Patience;
use crate::wire::stream::Stream;
use crate::wire::timer::{Timer, deadline, earlier};
use crate::wire::writer::Writer;

/// What HTTP/2 begins with (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How long a connection that is new when draining begins may take to send its request.
const LAST_CALL: Duration = Duration::from_secs(1);

/// Limits and timeouts of one connection.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// What a head may take.
    pub head: HeadLimits,
    /// `https` where TLS was terminated here.
    pub scheme: Scheme,
    /// Whether a connection that begins with the HTTP/2 preface is one.
    pub prior_knowledge: bool,
    /// From the first byte of a request to the end of its head.
    pub head_timeout: Option<Duration>,
    /// Without a request.
    pub idle_timeout: Option<Duration>,
    /// A client that is slow with a request body.
    pub reading: Patience,
    /// A client that is slow to take a response.
    pub writing: Patience,
}

/// How serving a connection ended.
#[derive(Debug)]
pub enum Served {
    /// The connection is closed.
    Closed,
    /// It speaks HTTP/2: the stream from its first byte on.
    Http2(Stream),
}

/// Serves a connection until it ends.
pub async fn serve<E: Exchanges>(io: Stream, exchanges: &E, settings: &Settings, watch: &DrainWatch) -> Served {
    let timer = Timer::new();
    let task = Task::new(timer.clone());
    let inbound = Rc::new(RefCell::new(Inbound::new(io, task.clone(), settings.reading)));
    let mut connection = Connection { inbound, task, writer: Writer::new(), exchanges, settings, watch };
    let mut run = pin!(connection.run());
    let mut registered = false;
    poll_fn(|cx| {
        if !std::mem::replace(&mut registered, true) {
            watch.register(cx.waker());
        }
        timer.begin_turn();
        let served = run.as_mut().poll(cx);
        timer.end_turn();
        served
    })
    .await
}

struct Connection<'a, E> {
    inbound: Rc<RefCell<Inbound>>,
    task: Task,
    writer: Writer,
    exchanges: &'a E,
    settings: &'a Settings,
    watch: &'a DrainWatch,
}

/// What came next on a connection.
enum Next {
    Head(RequestHead),
    Http2,
    Refused(Refused),
    /// The end, between two requests or within one.
    Closed,
}

/// What of a request matters for the response to it.
struct Asked {
    head: bool,
    version: Version,
    keep_alive: bool,
    switching: bool,
}

impl<E: Exchanges> Connection<'_, E> {
    async fn run(&mut self) -> Served {
        let mut first = true;
        loop {
            let (request, asked) = match self.next(first).await {
                Next::Head(head) => match self.request(head) {
                    Ok(request) => request,
                    Err(error) => return Box::pin(self.refuse(Refused::Head(error))).await,
                },
                Next::Http2 => return self.hand_over(),
                Next::Refused(refused) => return Box::pin(self.refuse(refused)).await,
                Next::Closed => return Served::Closed,
            };
            first = false;
            self.task.begin(asked.version == Version::HTTP_11);
            if let Body::Full(whole) = &request.body {
                self.task.receive(whole.len());
            }
            let Some(answer) = self.answer(request).await else { return Served::Closed };
            if !self.send(answer, &asked).await {
                return Served::Closed;
            }
        }
    }

    fn hand_over(&self) -> Served {
        let mut inbound = self.inbound.borrow_mut();
        let front = std::mem::take(&mut inbound.read);
        inbound.io.take().map_or(Served::Closed, |io| Served::Http2(io.with_front(front)))
    }

    /// Waits for the head of the next request.
    async fn next(&mut self, first: bool) -> Next {
        let mut scan = HeadScan::default();
        let mut due: Option<Instant> = None;
        let mut begun = false;
        let mut leaving: Option<Instant> = None;
        poll_fn(|cx| {
            let inbound = &mut *self.inbound.borrow_mut();
            loop {
                if first
                    && self.settings.prior_knowledge
                    && PREFACE.starts_with(truncated(&inbound.read, PREFACE.len()))
                {
                    if inbound.read.len() >= PREFACE.len() {
                        return Poll::Ready(Next::Http2);
                    }
                } else if let Some(next) = self.scan(&mut scan, &mut inbound.read) {
                    return Poll::Ready(next);
                }
                if !begun && !inbound.read.is_empty() {
                    begun = true;
                    due = deadline(self.task.timer().now(), self.settings.head_timeout);
                }
                let Some(io) = &mut inbound.io else { return Poll::Ready(Next::Closed) };
                // The exchange asked already, and its waker is the same: without news there is nothing to ask for.
                let awaited = std::mem::take(&mut inbound.awaited) && !io.has_news();
                let filled = if awaited { Poll::Pending } else { poll_fill(io, &mut inbound.read, 0, cx) };
                match filled {
                    Poll::Ready(Ok(0) | Err(_)) => return Poll::Ready(Next::Closed),
                    Poll::Ready(Ok(_)) => {}
                    Poll::Pending => {
                        if !begun && self.watch.is_draining() {
                            let now = self.task.timer().now();
                            let linger = self.watch.lingers_until().filter(|until| *until > now);
                            // Where it was just accepted, its request is on the way.
                            let last_call = if first { Some(*leaving.get_or_insert(now + LAST_CALL)) } else { None };
                            let Some(wait) = linger.max(last_call) else { return Poll::Ready(Next::Closed) };
                            due = earlier(due, Some(wait));
                        }
                        if due.is_none() && !begun {
                            // The first request has as long as any other to begin.
                            due = deadline(self.task.timer().now(), self.settings.idle_timeout);
                        }
                        return expired(inbound.task.timer(), due, cx)
                            .map(|()| if begun { Next::Refused(Refused::HeadTimeout) } else { Next::Closed });
                    }
                }
            }
        })
        .await
    }

    /// Looks for a head in what was read.
    fn scan(&self, scan: &mut HeadScan, read: &mut BytesMut) -> Option<Next> {
        // Empty lines before a request line are passed over (RFC 9112 §2.2).
        while read.starts_with(b"\r\n") {
            bytes::Buf::advance(read, 2);
            *scan = HeadScan::default();
        }
        if read.is_empty() || *read == b"\r"[..] {
            return None;
        }
        let head = match scan.find(read, &self.settings.head) {
            Ok(None) => return None,
            Ok(Some(end)) => parse::request(read.split_to(end), &self.settings.head),
            Err(error) => Err(error),
        };
        Some(head.map_or_else(|error| Next::Refused(Refused::Head(error)), Next::Head))
    }

    /// From a head to a request whose body reads from this connection.
    fn request(&self, head: RequestHead) -> Result<(Request, Asked), HeadError> {
        let RequestHead { method, target, version, headers, host, framing, wishes } = head;
        let mut headers = headers;
        let (scheme, named, target) = origin_form(&method, target, self.settings.scheme)?;
        let authority = if named.is_empty() {
            host.unwrap_or_default()
        } else {
            // The target's authority counts; that `Host` agrees is checked later.
            let host = host.and_then(|host| HeaderValue::from_str(host.as_str()).ok());
            host.into_iter().for_each(|host| headers.append(HOST, host));
            if version == Version::HTTP_11 && !headers.contains(&HOST) {
                // Some servers look at `Host` alone (RFC 9112 §3.2).
                return Err(HeadError::HostMissing);
            }
            named
        };
        let switching = wishes.upgrade.is_some() && framing == Framing::None;
        let upgrade = wishes.upgrade.filter(|_| switching).map(Upgrade::Http1);
        let asked = Asked { head: method == Method::HEAD, version, keep_alive: wishes.keep_alive, switching };
        let expects_continue = wishes.expects_continue && framing != Framing::None;
        let body = self.body(framing, switching);
        if framing == Framing::Chunked {
            headers.remove(&CONTENT_LENGTH);
        }
        let request = Request { method, scheme, authority, target, version, headers, upgrade, expects_continue, body };
        Ok((request, asked))
    }

    fn body(&self, framing: Framing, switching: bool) -> Body {
        let mut inbound = self.inbound.borrow_mut();
        if switching {
            inbound.await_switch();
            return Body::stream(RequestBody::new(self.inbound.clone()));
        }
        match framing {
            Framing::None | Framing::UntilClose => {
                inbound.decoder = Decoder::Done;
                Body::Empty
            }
            Framing::Length(length) if length <= inbound.read.len() as u64 => {
                inbound.decoder = Decoder::Done;
                let whole: Bytes = inbound.read.split_to(length as usize).freeze();
                Body::Full(whole)
            }
            framing => {
                inbound.await_body(Decoder::new(framing));
                Body::stream(RequestBody::new(self.inbound.clone()))
            }
        }
    }

    /// Has a request answered, passing on 1xx responses; `None` where the client left.
    async fn answer(&mut self, request: Request) -> Option<Answer> {
        // In a box: an idle connection does not keep the room of the largest exchange.
        let mut answer = Box::pin(self.exchanges.answer(request, self.task.clone()));
        let (writer, inbound, task) = (&mut self.writer, &self.inbound, &self.task);
        poll_fn(|cx| {
            if let Poll::Ready(answer) = answer.as_mut().poll(cx) {
                reply::queue_interims(writer, task);
                return Poll::Ready(Some(answer));
            }
            reply::queue_interims(writer, task);
            let mut inbound = inbound.borrow_mut();
            if !writer.is_empty() && inbound.write_out(writer, cx).is_err() {
                return Poll::Ready(None);
            }
            inbound.poll_gone(cx).map(|()| None)
        })
        .await
    }

    /// Answers what was not a request and closes.
    async fn refuse(&mut self, refused: Refused) -> Served {
        self.task.begin(false);
        let answer = self.exchanges.refuse(refused, self.task.clone());
        let asked = Asked { head: false, version: Version::HTTP_11, keep_alive: false, switching: false };
        self.inbound.borrow_mut().broken = true;
        self.send(answer, &asked).await;
        Served::Closed
    }
}

impl<E> Drop for Connection<'_, E> {
    fn drop(&mut self) {
        if let Ok(mut inbound) = self.inbound.try_borrow_mut() {
            give_back(&mut inbound.read);
        }
    }
}

/// Ready when the deadline has passed.
fn expired(timer: &Timer, due: Option<Instant>, cx: &mut Context<'_>) -> Poll<()> {
    due.map_or(Poll::Pending, |due| timer.poll(due, cx))
}

fn truncated(bytes: &[u8], length: usize) -> &[u8] {
    &bytes[..bytes.len().min(length)]
}

/// The target in origin form, and the scheme and authority where the target named them (RFC 9112 §3.2).
fn origin_form(method: &Method, target: Text, scheme: Scheme) -> Result<(Scheme, Text, Target), HeadError> {
    let bytes = target.as_bytes();
    if *method == Method::CONNECT {
        // Authority form: we are no tunnel.
        return Err(HeadError::Connect);
    }
    if bytes.first() == Some(&b'/') || (bytes == b"*" && *method == Method::OPTIONS) {
        return Ok((scheme, Text::default(), Target::parse(target).ok_or(HeadError::Target)?));
    }
    let lower = |end: usize| bytes.get(..end).map(<[u8]>::to_ascii_lowercase).unwrap_or_default();
    let (scheme, start) = if lower(7) == b"http://" {
        (Scheme::Http, 7)
    } else if lower(8) == b"https://" {
        (Scheme::Https, 8)
    } else {
        return Err(HeadError::Target);
    };
    let rest = &bytes[start..];
    let end = rest.iter().position(|byte| matches!(byte, b'/' | b'?' | b'#')).unwrap_or(rest.len());
    let authority = target.slice(start..start + end);
    let path = match rest.get(end) {
        None => Text::from_static("/"),
        Some(b'/') => target.slice(start + end..),
        // A query without a path stands for one of the root.
        Some(_) => {
            let whole = [b"/", &rest[end..]].concat();
            Text::visible(whole.into()).ok_or(HeadError::Target)?
        }
    };
    if authority.is_empty() {
        return Err(HeadError::Target);
    }
    Ok((scheme, authority, Target::parse(path).ok_or(HeadError::Target)?))
}

#[cfg(test)]
mod tests;
