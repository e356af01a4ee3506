//! Writing a response: its head, its body as it comes, and what the end of it means for the connection.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use http::header::CONTENT_LENGTH;
use http::{StatusCode, Version};
use tokio::io::AsyncWrite;

use super::inbound::Inbound;
use super::{Asked, Connection, expired};
use crate::http::{Body, Length, Response};
use crate::wire::buffers::{give_back, poll_fill};
use crate::wire::exchange::{Answer, Delivery, End, Exchanges, Task};
use crate::wire::h1::encode::{self, Outgoing, Persistence};
use crate::wire::h1::outgoing::Outflow;
use crate::wire::pace::Pace;
use crate::wire::writer::Writer;

/// How long a client whose request was not read to its end may take to read the response, before a reset could take it away.
const LINGER: Duration = Duration::from_secs(2);
/// How much it may send in that time, in octets.
const LINGER_SIZE: usize = 1024 * 1024;

/// Queues the 1xx responses that wait.
pub(super) fn queue_interims(writer: &mut Writer, task: &Task) {
    while let Some(interim) = task.take_interim() {
        encode::response_head(writer.flat(), interim.status, &interim.headers, Outgoing::None, Persistence::Implied);
    }
}

impl<E: Exchanges> Connection<'_, E> {
    /// Writes the answer; true where the connection can carry another request.
    pub(super) async fn send(&mut self, answer: Answer, asked: &Asked) -> bool {
        let Answer { response, receipt } = answer;
        let Response { status, headers, body } = response;
        let switched = self.settle_switch(asked, status);
        let framing = framing(asked, status, &body, switched);
        let last = self.persistence(asked, framing, switched);
        let mut headers = headers;
        if framing == Outgoing::Described && asked.head && !headers.contains(&CONTENT_LENGTH) {
            // What a source of our own would have sent to GET.
            if let Length::Known(length @ 1..) = body.length() {
                headers.append(CONTENT_LENGTH, length.into());
            }
        }
        encode::response_head(self.writer.flat(), status, &headers, framing, last);
        drop(headers);
        let mut outflow = Outflow::new(body, framing);
        let end = self.pump(&mut outflow, switched).await;
        let body = outflow.sent();
        // The body goes before the receipt: what it still holds (an upload, an upstream connection) is over.
        drop(outflow);
        self.writer.release();
        if let Some(receipt) = receipt {
            receipt.delivered(Delivery { body, end });
        }
        self.close_or_go_on(end, last, framing).await
    }

    fn settle_switch(&self, asked: &Asked, status: StatusCode) -> bool {
        let switched = asked.switching && status == StatusCode::SWITCHING_PROTOCOLS;
        if asked.switching {
            self.inbound.borrow_mut().switch(switched);
        }
        switched
    }

    fn persistence(&self, asked: &Asked, framing: Outgoing, switched: bool) -> Persistence {
        let inbound = self.inbound.borrow();
        if switched {
            Persistence::Upgrade
        } else if !asked.keep_alive
            || framing == Outgoing::UntilClose
            || inbound.broken
            || !inbound.decoder.is_done()
            || self.watch.is_draining()
        {
            Persistence::Close
        } else if asked.version == Version::HTTP_10 {
            Persistence::KeepAlive
        } else {
            Persistence::Implied
        }
    }

    /// Moves the response out, until all of it is written or something breaks.
    async fn pump(&mut self, outflow: &mut Outflow, switched: bool) -> End {
        let (writer, shared) = (&mut self.writer, &self.inbound);
        let mut pace = Pace::new(self.settings.writing);
        poll_fn(|cx| {
            // The body may read from this very connection (an upload that still runs), so no borrow is held here.
            let filled = match outflow.poll_queue(writer, cx) {
                Poll::Ready(Err(error)) => return Poll::Ready(End::Source(error)),
                filled => filled.is_ready(),
            };
            let mut inbound = shared.borrow_mut();
            let Some(io) = &mut inbound.io else { return Poll::Ready(End::ClientGone) };
            let before = writer.len();
            match writer.poll_write_out(io, cx, &mut false) {
                Poll::Ready(Err(_)) => return Poll::Ready(End::ClientGone),
                Poll::Ready(Ok(())) => {
                    pace.relieve();
                    if outflow.ended() {
                        return Poll::Ready(End::Complete);
                    }
                    if filled {
                        // There may be more at once; other connections go first.
                        cx.waker().wake_by_ref();
                    }
                }
                Poll::Pending => {
                    match before - writer.len() {
                        0 => {}
                        octets => pace.passed(octets, Instant::now),
                    }
                    if expired(inbound.task.timer(), pace.wait(Instant::now), cx).is_ready() {
                        return Poll::Ready(End::ClientStalled);
                    }
                }
            }
            if switched { Poll::Pending } else { inbound.poll_gone(cx).map(|()| End::ClientGone) }
        })
        .await
    }

    /// True where the connection can carry another request; otherwise it is closed as the client should see it.
    async fn close_or_go_on(&mut self, end: End, last: Persistence, framing: Outgoing) -> bool {
        match end {
            End::Complete => {}
            End::Source(_) => {
                self.break_off(framing);
                return false;
            }
            End::ClientGone => return false,
            End::ClientStalled => {
                // The kernel would keep what it has for the client, and the connection with it.
                if let Some(io) = &self.inbound.borrow().io {
                    io.reset_on_drop();
                }
                return false;
            }
        }
        let lingers = {
            let inbound = &mut *self.inbound.borrow_mut();
            let unread = inbound.broken || !inbound.decoder.is_done();
            if !unread && matches!(last, Persistence::Implied | Persistence::KeepAlive) {
                if inbound.read.is_empty() {
                    give_back(&mut inbound.read);
                }
                return true;
            }
            unread || !inbound.read.is_empty()
        };
        let inbound = &self.inbound;
        if lingers {
            Box::pin(linger(inbound)).await;
        } else {
            // TLS says goodbye; for a plain stream its close does, and spares a call.
            poll_fn(|cx| {
                if let Some(io) = inbound.borrow_mut().io.as_mut().filter(|io| io.is_tls()) {
                    let _ = Pin::new(io).poll_shutdown(cx);
                }
                Poll::Ready(())
            })
            .await;
        }
        false
    }

    /// The body was not whole, and the client must be able to tell: its framing stays open. Only a reset tells one that reads to the end.
    fn break_off(&mut self, framing: Outgoing) {
        let inbound = &mut *self.inbound.borrow_mut();
        if framing == Outgoing::UntilClose {
            if let Some(io) = &inbound.io {
                io.reset_on_drop();
            }
            return;
        }
        // What was whole of it may still go out.
        let _ = inbound.write_out(&mut self.writer, &mut Context::from_waker(std::task::Waker::noop()));
    }
}

/// How the response is framed for this client (RFC 9112 §6).
fn framing(asked: &Asked, status: StatusCode, body: &Body, switched: bool) -> Outgoing {
    if switched {
        Outgoing::UntilClose
    } else if status == StatusCode::NO_CONTENT || status.is_informational() {
        Outgoing::None
    } else if asked.head || status == StatusCode::NOT_MODIFIED {
        Outgoing::Described
    } else {
        Outgoing::of(body.length(), asked.version == Version::HTTP_11)
    }
}

/// Closes our half and reads what still comes, so that no reset overtakes the response (RFC 9112 §9.6).
async fn linger(shared: &RefCell<Inbound>) {
    let due = Instant::now() + LINGER;
    let mut left = LINGER_SIZE;
    let mut shut = false;
    poll_fn(|cx| {
        let inbound = &mut *shared.borrow_mut();
        let Some(io) = &mut inbound.io else { return Poll::Ready(()) };
        if !shut && Pin::new(&mut *io).poll_shutdown(cx).is_ready() {
            shut = true;
        }
        loop {
            inbound.read.clear();
            match poll_fill(io, &mut inbound.read, 0, cx) {
                Poll::Ready(Ok(read @ 1..)) if read <= left => left -= read,
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => return expired(inbound.task.timer(), Some(due), cx),
            }
        }
    })
    .await;
}
