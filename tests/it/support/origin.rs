//! An origin of HTTP/1 that does what a script says.

use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use super::{Message, Wire, eventually};

/// An origin that keeps connections alive and remembers what it saw.
pub struct Origin {
    /// Where it listens.
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Message>>>,
    connections: Arc<AtomicUsize>,
}

type Script = dyn Fn(&mut Visit<'_>) + Send + Sync;

/// One request at the origin, in the hands of the script.
pub struct Visit<'a> {
    /// The request; its body is empty until [`Visit::read_body`].
    pub request: Message,
    /// The request on the connection: 0 is the first.
    pub turn: usize,
    /// The bytes themselves.
    pub wire: &'a mut Wire,
    body_read: bool,
    open: bool,
}

/// A whole response of 200 with that body.
pub fn ok(body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: {}\r\n\r\n{body}", body.len())
}

impl Origin {
    /// Answers every request with the same bytes, after it has read the body.
    pub fn answering(response: impl Into<String>) -> Self {
        let response = response.into();
        Self::scripted(move |visit| {
            visit.read_body();
            visit.send(&response);
        })
    }

    /// Answers every request with its own target.
    pub fn echoing_target() -> Self {
        Self::scripted(|visit| {
            visit.read_body();
            let target = visit.request.first_line().split(' ').nth(1).unwrap().to_owned();
            visit.send(ok(&target));
        })
    }

    /// Runs the script for every request.
    pub fn scripted(script: impl Fn(&mut Visit<'_>) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, connections) = (Arc::default(), Arc::new(AtomicUsize::new(0)));
        let origin = Self { address, seen: Arc::clone(&seen), connections: Arc::clone(&connections) };
        let script: Arc<Script> = Arc::new(script);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                connections.fetch_add(1, Ordering::SeqCst);
                let (script, seen) = (Arc::clone(&script), Arc::clone(&seen));
                thread::spawn(move || serve(Wire::over_tcp(stream), &*script, &seen));
            }
        });
        origin
    }

    /// Answers every connection on a unix socket with the same bytes, once for each head.
    pub fn on_unix(path: &Path, response: String) {
        let listener = UnixListener::bind(path).unwrap();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let response = response.clone();
                thread::spawn(move || {
                    let mut wire = Wire::over(stream);
                    while wire.head().is_some() && wire.try_send(&response).is_ok() {}
                });
            }
        });
    }

    /// The requests so far that were answered or given up, in order.
    pub fn requests(&self) -> Vec<Message> {
        self.seen.lock().unwrap().clone()
    }

    /// The newest request, once there are so many.
    pub fn request(&self, number: usize) -> Message {
        eventually("a request reaches the origin", || self.requests().len() >= number);
        self.requests()[number - 1].clone()
    }

    /// How many connections have come.
    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }
}

/// One connection, to its end.
fn serve(mut wire: Wire, script: &Script, seen: &Mutex<Vec<Message>>) {
    for turn in 0.. {
        let Some(head) = wire.head() else { return };
        let request = Message::of(head);
        let mut visit = Visit { request, turn, wire: &mut wire, body_read: false, open: true };
        // A script that panics (the proxy hung up) ends its connection; what the client saw decides the story.
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| script(&mut visit)));
        seen.lock().unwrap().push(visit.request);
        if outcome.is_err() || !visit.open {
            return;
        }
    }
}

impl Visit<'_> {
    /// Reads the rest of the request.
    pub fn read_body(&mut self) -> &Message {
        if !std::mem::replace(&mut self.body_read, true) {
            let request = std::mem::replace(&mut self.request, Message::of(String::new()));
            self.request = request.with_body_from(self.wire);
        }
        &self.request
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.wire.send(bytes);
    }

    /// Ends the connection after the script.
    pub fn close(&mut self) {
        self.open = false;
    }

    /// Resets the connection now.
    pub fn reset(&mut self) {
        self.wire.reset();
        self.open = false;
    }
}
