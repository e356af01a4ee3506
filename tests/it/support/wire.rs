//! A connection, seen as bytes.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::Path;

use super::{Message, PATIENCE};

/// A connection with a buffer for what was read too far.
pub struct Wire<S = TcpStream> {
    /// What is underneath.
    pub stream: S,
    buffer: Vec<u8>,
}

impl Wire<TcpStream> {
    /// Connects.
    pub fn connect(address: SocketAddr) -> Self {
        let stream = TcpStream::connect(address).unwrap_or_else(|error| panic!("connect to {address}: {error}"));
        Self::over_tcp(stream)
    }

    /// Takes a connection; nothing on it may take for ever.
    pub fn over_tcp(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self::over(stream)
    }

    /// Ends both directions with a reset.
    pub fn reset(&mut self) {
        let socket = socket2::SockRef::from(&self.stream);
        socket.set_linger(Some(std::time::Duration::ZERO)).unwrap();
        self.stream = unconnected();
    }
}

/// Something to put in the place of a socket that has to be closed.
fn unconnected() -> TcpStream {
    socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap().into()
}

impl Wire<UnixStream> {
    /// Connects to a unix socket.
    pub fn connect_unix(path: &Path) -> Self {
        let stream = UnixStream::connect(path).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self::over(stream)
    }
}

impl<S: Read + Write> Wire<S> {
    /// Over any stream.
    pub fn over(stream: S) -> Self {
        Self { stream, buffer: Vec::new() }
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.try_send(bytes).expect("the other side takes bytes");
    }

    /// Sends bytes to somebody who may have gone.
    pub fn try_send(&mut self, bytes: impl AsRef<[u8]>) -> std::io::Result<()> {
        self.stream.write_all(bytes.as_ref())?;
        self.stream.flush()
    }

    /// Sends a request and reads the response to it.
    pub fn ask(&mut self, request: &str) -> Message {
        self.send(request);
        self.response(request.split(' ').next().unwrap())
    }

    /// Reads the next response, final or 1xx, to a request of that method.
    pub fn response(&mut self, method: &str) -> Message {
        let head = self.head().expect("a response, not the end of the connection");
        let status = Message::status_of(&head);
        let bodiless = method == "HEAD" || status < 200 || status == 204 || status == 304;
        if bodiless { Message::of(head) } else { Message::of(head).with_body_from(self) }
    }

    /// Reads a head with its blank line; `None` where the connection ends before the first byte.
    pub fn head(&mut self) -> Option<String> {
        loop {
            if let Some(at) = self.buffer.windows(4).position(|four| four == b"\r\n\r\n") {
                let head: Vec<u8> = self.buffer.drain(..at + 4).collect();
                return Some(String::from_utf8_lossy(&head).into_owned());
            }
            if !self.fill() {
                assert!(self.buffer.is_empty(), "cut off: {:?}", String::from_utf8_lossy(&self.buffer));
                return None;
            }
        }
    }

    /// Reads up to and with a line feed.
    pub fn line(&mut self) -> String {
        loop {
            if let Some(at) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=at).collect();
                return String::from_utf8_lossy(&line).into_owned();
            }
            assert!(self.fill(), "the connection ends within a line");
        }
    }

    /// Reads so many bytes.
    pub fn exactly(&mut self, length: usize) -> Vec<u8> {
        while self.buffer.len() < length {
            assert!(self.fill(), "the connection ends {} of {length} bytes into a body", self.buffer.len());
        }
        self.buffer.drain(..length).collect()
    }

    /// Reads one chunk of a chunked body (RFC 9112 §7.1), without its frame; `None` for the last one, before the trailers.
    pub fn chunk(&mut self) -> Option<Vec<u8>> {
        let line = self.line();
        let size = line.trim_end().split(';').next().unwrap();
        let size = usize::from_str_radix(size, 16).unwrap_or_else(|_| panic!("no chunk size: {line:?}"));
        if size == 0 {
            return None;
        }
        let data = self.exactly(size);
        assert_eq!(self.exactly(2), b"\r\n");
        Some(data)
    }

    /// Reads to the end of the connection.
    pub fn rest(&mut self) -> Vec<u8> {
        while self.fill() {}
        std::mem::take(&mut self.buffer)
    }

    /// Reads some bytes; empty at the end.
    pub fn some(&mut self) -> Vec<u8> {
        if self.buffer.is_empty() {
            self.fill();
        }
        std::mem::take(&mut self.buffer)
    }

    /// Whether the other side closes (or resets) without another byte.
    pub fn is_closed(&mut self) -> bool {
        self.buffer.is_empty() && !self.fill()
    }

    /// Reads and forgets so many bytes, for bodies that are too large to hold.
    pub fn discard(&mut self, length: u64) {
        let mut left = length - (self.buffer.len() as u64).min(length);
        let buffered = self.buffer.len().min(length as usize);
        self.buffer.drain(..buffered);
        let mut scratch = vec![0; 256 * 1024];
        while left > 0 {
            let want = scratch.len().min(left as usize);
            let read = self.stream.read(&mut scratch[..want]).expect("more of the body");
            assert!(read > 0, "the connection ends {left} bytes before the end of the body");
            left -= read as u64;
        }
    }

    /// Reads once; false at the end of the connection, which a reset and a TLS stream without close_notify are too.
    fn fill(&mut self) -> bool {
        let mut scratch = [0; 16 * 1024];
        match self.stream.read(&mut scratch) {
            Ok(read) => {
                self.buffer.extend_from_slice(&scratch[..read]);
                read > 0
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                panic!("nothing came within {PATIENCE:?}; so far {:?}", String::from_utf8_lossy(&self.buffer))
            }
            Err(_) => false,
        }
    }
}
