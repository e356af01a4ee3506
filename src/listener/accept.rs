//! The accept loop of one socket in one worker. It never resigns: when the system has nothing to give it waits and tries again.

use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::task::Poll;
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};

use crate::observe::log;
use crate::wire::Drain;
use crate::wire::stream::Plain;

/// The first and the longest wait after an error such as "too many open files".
const BACK_OFF: (Duration, Duration) = (Duration::from_millis(10), Duration::from_secs(1));

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
pub struct Gate(AtomicUsize);

impl Gate {
    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.load(Relaxed)
    }

    /// A place, unless `limit` are taken.
    pub fn enter(self: &Arc<Self>, limit: usize) -> Option<Place> {
        let before = self.0.fetch_add(1, Relaxed);
        let place = Place(self.clone());
        (before < limit).then_some(place)
    }
}

/// A connection's place among those of its listener, until it is dropped.
#[derive(Debug)]
pub struct Place(Arc<Gate>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Relaxed);
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
