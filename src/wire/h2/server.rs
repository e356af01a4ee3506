//! The client side of HTTP/2: one task for the connection and one for each stream.

mod stream;

use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::{Duration, Instant};

use bytes::Bytes;
use h2::server::{Connection, SendResponse};
use h2::{Reason, RecvStream};

use super::abuse::Conduct;
use super::streams::{Running, Streams};
use super::watched::{Watch, Watched};
use super::{CONNECTION_WINDOW, SEND_BUFFER, STREAM_WINDOW};
use crate::config::model::AbuseLimits;
use crate::http::Scheme;
use crate::observe::Abuse;
use crate::wire::exchange::{DrainWatch, Exchanges};
use crate::wire::pace::Patience;
use crate::wire::stream::Stream;
use crate::wire::timer::{Timer, deadline, earlier};
use crate::wire::turns::Turns;

/// How long a client may take to close after GOAWAY when nothing runs.
const GOODBYE: Duration = Duration::from_secs(5);
/// How long GOAWAY may take to reach a client that is put out.
const LAST_WORD: Duration = Duration::from_millis(500);
/// Between two streams of a newcomer that takes nothing of those that it has.
const HELD: Duration = Duration::from_secs(1);
/// Resets of streams that nobody has looked at yet, at most. The score counts resets; this bounds what they hold until then.
const PENDING_RESETS: usize = 100;

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
    /// To the end of a field block.
    pub head_timeout: Option<Duration>,
    /// A client that is slow with a request body.
    pub reading: Patience,
    /// A client that gives no window, or takes nothing.
    pub writing: Patience,
    /// What a connection may do to us; `None` is anything.
    pub abuse: Option<AbuseLimits>,
}

/// Serves a connection until it ends; why, where it was put out.
pub async fn serve<E: Exchanges + 'static>(
    io: Stream,
    exchanges: Rc<E>,
    settings: Settings,
    drain: &DrainWatch,
) -> Option<Abuse> {
    let watch = Watch::new(io, settings.abuse, settings.writing);
    let handshake = builder(&settings).handshake::<_, Bytes>(Watched(watch.clone()));
    let connection = match settings.handshake_timeout {
        Some(timeout) => tokio::time::timeout(timeout, handshake).await.ok()?.ok()?,
        None => handshake.await.ok()?,
    };
    let mut serving = Serving {
        connection,
        watch,
        exchanges,
        settings: Rc::new(settings),
        drain,
        streams: Rc::default(),
        turns: Turns::newcomer(),
        timer: Timer::new(),
        idle_since: None,
        held_until: None,
        leaving: false,
        out: None,
    };
    poll_fn(|cx| serving.poll(cx)).await;
    serving.streams.end();
    serving.out.map(|(abuse, _)| abuse)
}

fn builder(settings: &Settings) -> h2::server::Builder {
    let mut builder = h2::server::Builder::new();
    builder
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_concurrent_streams(settings.max_streams)
        .max_header_list_size(settings.max_head_size)
        .max_send_buffer_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(PENDING_RESETS)
        .enable_connect_protocol();
    builder
}

type Accepted = (http::Request<RecvStream>, SendResponse<Bytes>);

struct Serving<'a, E> {
    connection: Connection<Watched, Bytes>,
    watch: Rc<RefCell<Watch>>,
    exchanges: Rc<E>,
    /// Each stream has them too.
    settings: Rc<Settings>,
    drain: &'a DrainWatch,
    streams: Rc<Streams>,
    /// Those of a newcomer.
    turns: Turns,
    timer: Timer,
    idle_since: Option<Instant>,
    /// When the next stream begins although the client takes nothing of what it has.
    held_until: Option<Instant>,
    /// GOAWAY was sent.
    leaving: bool,
    /// Why the client was put out, and when the connection ends whether it has heard or not.
    out: Option<(Abuse, Instant)>,
}

impl<E: Exchanges + 'static> Serving<'_, E> {
    /// All frames that there are to send go out together, when there is nothing more to do.
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.watch.borrow_mut().hold(true);
        let polled = self.poll_frames(cx);
        let mut watch = self.watch.borrow_mut();
        watch.hold(false);
        if let Poll::Ready(Err(error)) = watch.poll_send(cx) {
            drop(watch);
            self.lost(&error);
            return Poll::Ready(());
        }
        polled
    }

    fn poll_frames(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.drain.register(cx.waker());
        if self.drain.is_draining() {
            self.leave();
        }
        if self.streams.is_newcomer() || self.watch.borrow().is_odd() {
            ready!(self.turns.poll(cx));
        } else {
            self.turns.leave();
        }
        let mut begun = 0;
        loop {
            match self.poll_next(cx) {
                Poll::Ready(Some(Ok((request, mut respond)))) => {
                    // What the client has taken back already is not begun.
                    if self.out.is_some() || respond.poll_reset(cx).is_ready() {
                        continue;
                    }
                    self.begin(request, respond);
                    begun += 1;
                    if begun >= self.streams.turn() && !self.judge() {
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    self.note(&error);
                    return Poll::Ready(());
                }
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Pending => {
                    if self.judge() {
                        continue;
                    }
                    // Whether the client takes it decides what is due.
                    let sent = self.watch.borrow_mut().poll_send(cx);
                    if let Poll::Ready(Err(error)) = sent {
                        self.lost(&error);
                        return Poll::Ready(());
                    }
                    match self.poll_due(cx) {
                        Poll::Ready(true) => return Poll::Ready(()),
                        Poll::Ready(false) => {}
                        Poll::Pending => return Poll::Pending,
                    }
                }
            }
        }
    }

    /// The next stream to begin. While the client is to take something first, there is one now and then: it may want to know more before it does.
    fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Accepted, h2::Error>>> {
        if self.streams.holds_back() {
            let now = Instant::now();
            if now < *self.held_until.get_or_insert(now + HELD) {
                return self.connection.poll_closed(cx).map(|closed| closed.err().map(Err));
            }
        }
        self.held_until = None;
        self.connection.poll_accept(cx)
    }

    /// Looks at how the client behaves; whether it was put out for that now.
    fn judge(&mut self) -> bool {
        let conduct = self.watch.borrow().conduct();
        match conduct {
            Conduct::Bad(abuse) if self.out.is_none() => {
                self.put_out(abuse);
                return true;
            }
            Conduct::Suspect => self.leave(),
            _ => {}
        }
        false
    }

    /// Nothing can be done but wait: until when, and what then. True is the end of the connection, false is something to send.
    fn poll_due(&mut self, cx: &mut Context<'_>) -> Poll<bool> {
        if let Some((_, end)) = self.out {
            return self.timer.poll(end, cx).map(|()| true);
        }
        let idle = self.idle_due();
        let (stuck, block) = {
            let watch = self.watch.borrow();
            let block = watch.block_since().and_then(|since| deadline(since, self.settings.head_timeout));
            (watch.write_due(), block)
        };
        let Some(due) = earlier(earlier(idle, self.held_until), earlier(stuck, block)) else { return Poll::Pending };
        ready!(self.timer.poll(due, cx));
        if self.held_until == Some(due) {
            return Poll::Ready(false);
        }
        if stuck == Some(due) {
            // A last word would not come through either.
            self.watch.borrow_mut().reset_on_drop();
            self.out = Some((Abuse::ReadsNothing, due));
            return Poll::Ready(true);
        }
        if block == Some(due) {
            self.put_out(Abuse::SlowFieldBlock);
            return Poll::Ready(false);
        }
        if self.leaving {
            return Poll::Ready(true);
        }
        self.leave();
        Poll::Ready(false)
    }

    fn idle_due(&mut self) -> Option<Instant> {
        if self.streams.running() > 0 {
            self.idle_since = None;
            return None;
        }
        let since = *self.idle_since.get_or_insert_with(Instant::now);
        deadline(since, if self.leaving { Some(GOODBYE) } else { self.settings.idle_timeout })
    }

    fn put_out(&mut self, abuse: Abuse) {
        self.out = Some((abuse, Instant::now() + LAST_WORD));
        self.connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
    }

    /// The codec has bounds of its own; that one was passed it says by a code, and which one in the words of its GOAWAY.
    fn note(&mut self, error: &h2::Error) {
        if let Some(error) = error.get_io() {
            self.lost(error);
        }
        if self.out.is_some() || error.is_remote() || error.reason() != Some(Reason::ENHANCE_YOUR_CALM) {
            return;
        }
        let watch = self.watch.borrow();
        let said = |words: &str| watch.goodbye().windows(words.len()).any(|part| part == words.as_bytes());
        let abuse = match () {
            () if said("header_list") => Abuse::FieldBlock,
            () if said("continuations") => Abuse::Continuations,
            () if said("data_frames") => watch.latest().unwrap_or(Abuse::TinyData),
            () if said("internal_resets") => Abuse::ProvokedResets,
            () => Abuse::Resets,
        };
        self.out = Some((abuse, Instant::now()));
    }

    /// The stream failed.
    fn lost(&mut self, error: &std::io::Error) {
        if error.kind() == std::io::ErrorKind::TimedOut {
            // What the system holds for the client was not taken.
            self.out.get_or_insert((Abuse::ReadsNothing, Instant::now()));
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
        let (exchanges, settings) = (self.exchanges.clone(), self.settings.clone());
        // In a box: the runtime moves what it is given several times before it first runs.
        tokio::task::spawn_local(Box::pin(async move {
            stream::serve(request, respond, &*exchanges, &settings, &running).await;
            drop(running);
        }));
    }
}
