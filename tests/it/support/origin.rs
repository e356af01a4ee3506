//! An origin of HTTP/1 that does what a script says.

use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use super::{Gate, Message, Wire, eventually};

/// An origin that keeps connections alive and remembers what it saw.
pub struct Origin {
    /// Where it listens.
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Message>>>,
    connections: Arc<AtomicUsize>,
    visits: Arc<AtomicUsize>,
    open: Arc<Mutex<Vec<TcpStream>>>,
    stopped: Arc<AtomicBool>,
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
    /// The requests that came, and the place of this one among them.
    seen: &'a Mutex<Vec<Message>>,
    place: Option<usize>,
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

    /// Answers every request with the same bytes once the gate is open.
    pub fn gated(gate: &Gate, response: impl Into<String>) -> Self {
        let (gate, response) = (gate.clone(), response.into());
        Self::scripted(move |visit| {
            visit.read_body();
            gate.wait();
            visit.send(&response);
        })
    }

    /// Answers at once; what asks for `/slow`, once the gate is open.
    pub fn gated_where_slow(gate: &Gate, text: &str) -> Self {
        let (gate, response) = (gate.clone(), ok(text));
        Self::scripted(move |visit| {
            if visit.request.first_line().contains("/slow") {
                gate.wait();
            }
            visit.send(&response);
        })
    }

    /// Runs the script for every request.
    pub fn scripted(script: impl Fn(&mut Visit<'_>) + Send + Sync + 'static) -> Self {
        Self::begin(TcpListener::bind("127.0.0.1:0").unwrap(), script, false)
    }

    /// The same at that address, and mortal: it can be stopped. A script cannot end a connection of it.
    pub fn at(address: impl ToSocketAddrs, script: impl Fn(&mut Visit<'_>) + Send + Sync + 'static) -> Self {
        Self::begin(TcpListener::bind(address).unwrap(), script, true)
    }

    fn begin(listener: TcpListener, script: impl Fn(&mut Visit<'_>) + Send + Sync + 'static, mortal: bool) -> Self {
        let address = listener.local_addr().unwrap();
        let (seen, connections, visits) =
            (Arc::default(), Arc::<AtomicUsize>::default(), Arc::<AtomicUsize>::default());
        let (open, stopped) = (Arc::<Mutex<Vec<TcpStream>>>::default(), Arc::<AtomicBool>::default());
        let origin = Self {
            address,
            seen: Arc::clone(&seen),
            connections: Arc::clone(&connections),
            visits: Arc::clone(&visits),
            open: Arc::clone(&open),
            stopped: Arc::clone(&stopped),
        };
        let script: Arc<Script> = Arc::new(script);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                if mortal {
                    open.lock().unwrap().push(stream.try_clone().unwrap());
                }
                connections.fetch_add(1, Ordering::SeqCst);
                let (script, seen, visits) = (Arc::clone(&script), Arc::clone(&seen), Arc::clone(&visits));
                thread::spawn(move || serve(Wire::over_tcp(stream), &*script, &seen, &visits));
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

    /// Closes the socket and all connections of a mortal one, as if the program had ended.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts; the next one who comes is refused.
        drop(TcpStream::connect(self.address));
        eventually("nobody listens there", || TcpStream::connect(self.address).is_err());
        for stream in self.open.lock().unwrap().drain(..) {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// The requests so far that an answer has begun to go out to, or that were given up, in order; one with a body that was not read
    /// first when all is over.
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

    /// How many requests have come, answered or not.
    pub fn visits(&self) -> usize {
        self.visits.load(Ordering::SeqCst)
    }
}

/// One connection, to its end.
fn serve(mut wire: Wire, script: &Script, seen: &Mutex<Vec<Message>>, visits: &AtomicUsize) {
    for turn in 0.. {
        let Some(head) = wire.head() else { return };
        let request = Message::of(head);
        let mut visit = Visit { request, turn, wire: &mut wire, seen, place: None, body_read: false, open: true };
        visits.fetch_add(1, Ordering::SeqCst);
        // A script that panics (the proxy hung up) ends its connection; what the client saw decides the story.
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| script(&mut visit)));
        visit.note();
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
        // Before its client can know of an answer, so that whoever has one finds the request among those that came.
        let has_body = self.request.header("transfer-encoding").is_some()
            || self.request.header("content-length").is_some_and(|length| length != "0");
        if self.body_read || !has_body {
            self.note();
        }
        self.wire.send(bytes);
    }

    /// Puts the request, as far as it is known, among those that came.
    fn note(&mut self) {
        let mut seen = self.seen.lock().unwrap();
        match self.place {
            Some(place) => seen[place] = self.request.clone(),
            None => {
                self.place = Some(seen.len());
                seen.push(self.request.clone());
            }
        }
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
