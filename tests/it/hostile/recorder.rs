//! An origin that keeps every byte and reads it strictly.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use super::strict::{self, Reading, Strict};
use crate::support::eventually;

/// What an origin saw.
#[derive(Clone, Debug)]
pub enum Seen {
    /// One request.
    Request(Strict),
    /// Bytes that are none, and why.
    Wrong(String, Vec<u8>),
}

/// The origin. It answers each request with 200 and keeps connections alive.
pub struct Recorder {
    /// Where it listens.
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Recorder {
    /// Starts one.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let recorder = Self { address: listener.local_addr().unwrap(), seen: Arc::default() };
        let seen = Arc::clone(&recorder.seen);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let seen = Arc::clone(&seen);
                thread::spawn(move || record(stream, &seen));
            }
        });
        recorder
    }

    /// What was seen since the last time, up to the request of that target, for which this waits and which is left out.
    pub fn take_until(&self, target: &str) -> Vec<Seen> {
        let line = format!("GET {target}");
        let is_last = |seen: &Seen| matches!(seen, Seen::Request(request) if request.line == line);
        eventually("the last request arrives", || self.seen.lock().unwrap().iter().any(is_last));
        let mut seen = std::mem::take(&mut *self.seen.lock().unwrap());
        seen.retain(|one| !is_last(one));
        seen
    }
}

fn record(mut stream: TcpStream, seen: &Mutex<Vec<Seen>>) {
    let _ = stream.set_nodelay(true);
    let _ = stream.set_read_timeout(Some(Duration::from_secs(60)));
    let (mut bytes, mut piece) = (Vec::new(), [0; 16 * 1024]);
    loop {
        match strict::request(&bytes) {
            Reading::Whole(request, length) => {
                let head = request.line.starts_with("HEAD ");
                bytes.drain(..length);
                seen.lock().unwrap().push(Seen::Request(request));
                let answer: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nfine";
                if stream.write_all(&answer[..answer.len() - if head { 4 } else { 0 }]).is_err() {
                    return;
                }
            }
            Reading::Wrong(why) => {
                seen.lock().unwrap().push(Seen::Wrong(why, bytes));
                return;
            }
            // A request that breaks off with its connection is none.
            Reading::Part => match stream.read(&mut piece) {
                Ok(read @ 1..) => bytes.extend_from_slice(&piece[..read]),
                _ => return,
            },
        }
    }
}
