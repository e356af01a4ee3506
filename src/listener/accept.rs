//! The accept loop of one socket in one worker. It never resigns: when the system has nothing to give it waits and tries again.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::Poll;
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};

use super::Clients;
use crate::observe::log;
use crate::wire::Drain;
use crate::wire::stream::Plain;

/// The first and the longest wait after an error such as "too many open files".
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

/// Connections that are taken before others on the worker have their turn: thousands may come in one moment.
const TURN: usize = 4;

/// A listening socket of this worker.
#[derive(Debug)]
pub enum Acceptor {
    /// TCP.
    Tcp(TcpListener),
    /// Unix.
    Unix(UnixListener),
}

/// How many connections a listener has, in the whole process.
#[derive(Debug, Default)]
pub struct Gate {
    count: AtomicUsize,
    /// Who has them.
    pub clients: Arc<Clients>,
    /// Those of all listeners.
    pub all: Arc<AtomicUsize>,
}

impl Gate {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.count.load(Relaxed)
    }

    /// A place, unless `limit` are taken.
    pub fn enter(self: &Arc<Self>, limit: usize) -> Option<Place> {
        let before = self.count.fetch_add(1, Relaxed);
        self.all.fetch_add(1, Relaxed);
        let place = Place(self.clone());
        (before < limit).then_some(place)
    }

    /// Whether all listeners together have more than `limit`; 0 is no limit.
    pub fn is_over(&self, limit: usize) -> bool {
        limit > 0 && self.all.load(Relaxed) > limit
    }

    /// The gate of another listener.
    #[must_use]
    pub fn beside(all: &Arc<AtomicUsize>) -> Arc<Self> {
        Arc::new(Self { all: all.clone(), ..Self::default() })
    }
}

/// A connection's place among those of its listener, until it is dropped.
#[derive(Debug)]
pub struct Place(Arc<Gate>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.count.fetch_sub(1, Relaxed);
        self.0.all.fetch_sub(1, Relaxed);
    }
}

/// A connection that was accepted.
#[derive(Debug)]
pub struct Accepted {
    /// The bytes.
    pub plain: Plain,
    /// The other end; none for a Unix socket.
    pub peer: Option<SocketAddr>,
}

impl Acceptor {
    fn poll(&self, cx: &mut std::task::Context<'_>) -> Poll<io::Result<Accepted>> {
        match self {
            Self::Tcp(socket) => {
                socket.poll_accept(cx).map_ok(|(stream, peer)| Accepted { plain: Plain::Tcp(stream), peer: Some(peer) })
            }
            Self::Unix(socket) => {
                socket.poll_accept(cx).map_ok(|(stream, _)| Accepted { plain: Plain::Unix(stream), peer: None })
            }
        }
    }
}

/// Accepts until `drain` begins; then takes what has come by that moment, and closes the socket.
pub async fn accept(socket: Acceptor, name: &str, drain: &std::rc::Rc<Drain>, mut serve: impl FnMut(Accepted)) {
    let watch = drain.watch_quietly();
    let mut wait = BACK_OFF.0;
    let mut failing = false;
    let mut taken = 0;
    loop {
        let next = poll_fn(|cx| {
            watch.register(cx.waker());
            match socket.poll(cx) {
                Poll::Pending if watch.is_draining() => Poll::Ready(None),
                accepted => accepted.map(Some),
            }
        })
        .await;
        match next {
            None => return,
            Some(Ok(accepted)) => {
                if std::mem::take(&mut failing) {
                    wait = BACK_OFF.0;
                    log::note("accepting again", &[("listener", name.into())]);
                }
                serve(accepted);
                taken = (taken + 1) % TURN;
                if taken == 0 {
                    tokio::task::yield_now().await;
                }
            }
            Some(Err(error)) if is_the_clients(&error) => {}
            Some(Err(error)) => {
                if !std::mem::replace(&mut failing, true) {
                    let fields = [("listener", name.into()), ("error", log::show(&error))];
                    log::error("cannot accept connections; trying on", &fields);
                }
                if watch.is_draining() {
                    return;
                }
                tokio::time::sleep(wait).await;
                wait = (wait * 2).min(BACK_OFF.1);
            }
        }
    }
}

/// The connection was gone before it was accepted: nothing is wrong with the socket.
fn is_the_clients(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionReset | Interrupted)
}
