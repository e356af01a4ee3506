//! HTTP/2 by the byte: frames that may lie (RFC 9113 §4, §6), and header blocks that may too (RFC 7541).

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// What a client begins with.
pub const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Kinds of frames (RFC 9113 §6).
pub const DATA_FRAME: u8 = 0;
pub const HEADERS: u8 = 1;
pub const PRIORITY: u8 = 2;
pub const RST_STREAM: u8 = 3;
pub const SETTINGS: u8 = 4;
pub const PUSH_PROMISE: u8 = 5;
pub const PING: u8 = 6;
pub const GOAWAY: u8 = 7;
pub const WINDOW_UPDATE: u8 = 8;
pub const CONTINUATION: u8 = 9;

/// Flags.
pub const END_STREAM: u8 = 1;
pub const ACK: u8 = 1;
pub const END_HEADERS: u8 = 4;
pub const PADDED: u8 = 8;
pub const WITH_PRIORITY: u8 = 0x20;

/// A frame: its length is the payload's.
pub fn frame(kind: u8, flags: u8, stream: u32, payload: impl AsRef<[u8]>) -> Vec<u8> {
    let payload = payload.as_ref();
    frame_of(payload.len(), kind, flags, stream, payload)
}

/// A frame that says whatever length.
pub fn frame_of(length: usize, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(length).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A SETTINGS frame.
pub fn settings(values: &[(u16, u32)]) -> Vec<u8> {
    let payload: Vec<u8> =
        values.iter().flat_map(|(name, value)| [&name.to_be_bytes()[..], &value.to_be_bytes()].concat()).collect();
    frame(SETTINGS, 0, 0, payload)
}

/// A HEADERS frame with all of the block.
pub fn headers(stream: u32, flags: u8, block: impl AsRef<[u8]>) -> Vec<u8> {
    frame(HEADERS, flags | END_HEADERS, stream, block)
}

/// A DATA frame.
pub fn payload(stream: u32, flags: u8, bytes: impl AsRef<[u8]>) -> Vec<u8> {
    frame(DATA_FRAME, flags, stream, bytes)
}

/// A RST_STREAM frame.
pub fn reset(stream: u32, code: u32) -> Vec<u8> {
    frame(RST_STREAM, 0, stream, code.to_be_bytes())
}

/// A WINDOW_UPDATE frame.
pub fn window_update(stream: u32, increment: u32) -> Vec<u8> {
    frame(WINDOW_UPDATE, 0, stream, increment.to_be_bytes())
}

/// An integer of RFC 7541 §5.1 behind the bits `first`.
pub fn integer(first: u8, prefix: u32, value: usize) -> Vec<u8> {
    let most = (1_usize << prefix) - 1;
    if value < most {
        return vec![first | value as u8];
    }
    let (mut out, mut left) = (vec![first | most as u8], value - most);
    while left >= 128 {
        out.push(left as u8 | 128);
        left /= 128;
    }
    out.push(left as u8);
    out
}

/// A field, literal and not indexed (RFC 7541 §6.2.2), whatever its bytes.
pub fn field(name: impl AsRef<[u8]>, value: impl AsRef<[u8]>) -> Vec<u8> {
    let (name, value) = (name.as_ref(), value.as_ref());
    [&[0][..], &integer(0, 7, name.len()), name, &integer(0, 7, value.len()), value].concat()
}

/// A block of such fields.
pub fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    fields.iter().flat_map(|(name, value)| field(name, value)).collect()
}

/// The pseudo-header fields of `GET` or another method on a path.
pub fn pseudo(method: &str, path: &str) -> Vec<u8> {
    block(&[(":method", method), (":scheme", "http"), (":authority", "a.example"), (":path", path)])
}

/// A frame as it came.
#[derive(Clone, Debug)]
pub struct Frame {
    /// Its kind.
    pub kind: u8,
    /// Its flags.
    pub flags: u8,
    /// Its stream.
    pub stream: u32,
    /// Its payload.
    pub payload: Vec<u8>,
}

impl Frame {
    /// The code of RST_STREAM or GOAWAY.
    pub fn code(&self) -> u32 {
        let at = if self.kind == GOAWAY { 4 } else { 0 };
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }
}

/// What became of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// A response, and whether it came to its end.
    Response(u16),
    /// RST_STREAM with that code.
    Reset(u32),
    /// GOAWAY with that code, then the end of the connection.
    GoAway(u32),
    /// The end of the connection.
    Closed,
    /// Nothing, in all the time there was.
    Hangs,
}

/// Bytes in both directions.
trait Duplex: Read + Write {}

impl<S: Read + Write> Duplex for S {}

/// A client that writes whatever it likes.
pub struct FrameClient {
    stream: Box<dyn Duplex>,
    /// What is below, for its timeouts.
    socket: TcpStream,
    bytes: Vec<u8>,
    /// All frames that came.
    pub seen: Vec<Frame>,
    ended: bool,
    patience: Duration,
}

impl FrameClient {
    /// Connects and sends nothing.
    pub fn connect(address: SocketAddr, patience: Duration) -> Self {
        let socket = TcpStream::connect(address).unwrap();
        Self::over(socket.try_clone().unwrap(), socket, patience)
    }

    /// Over a stream and the socket below it; sends nothing.
    pub fn over(stream: impl Read + Write + 'static, socket: TcpStream, patience: Duration) -> Self {
        socket.set_nodelay(true).unwrap();
        socket.set_write_timeout(Some(patience)).unwrap();
        Self { stream: Box::new(stream), socket, bytes: Vec::new(), seen: Vec::new(), ended: false, patience }
    }

    /// Connects and begins as a client of good will does; header blocks come back without references to a table.
    pub fn begin(address: SocketAddr, patience: Duration) -> Self {
        let mut client = Self::connect(address, patience);
        client.send([PREFACE, &settings(&[(1, 0)])].concat());
        client
    }

    /// Sends bytes; whether they were taken.
    pub fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).and_then(|()| self.stream.flush()).is_ok()
    }

    /// Waits for a frame; `None` where the connection ends, or nothing of the kind comes in time.
    pub fn wait(&mut self, wanted: impl Fn(&Frame) -> bool) -> Option<Frame> {
        let end = Instant::now() + self.patience;
        let mut looked = 0;
        loop {
            if let Some(frame) = self.seen[looked..].iter().find(|frame| wanted(frame)) {
                return Some(frame.clone());
            }
            looked = self.seen.len();
            if self.ended || !self.fill(end.saturating_duration_since(Instant::now())) {
                return None;
            }
        }
    }

    /// Waits for the end of a stream, or of everything.
    pub fn fate(&mut self, stream: u32) -> Fate {
        let ends = |frame: &Frame| {
            let its = frame.stream == stream
                && (frame.kind == RST_STREAM || frame.kind <= HEADERS && frame.flags & END_STREAM != 0);
            its || frame.kind == GOAWAY && frame.code() != 0
        };
        match self.wait(ends) {
            Some(frame) if frame.kind == GOAWAY => Fate::GoAway(frame.code()),
            Some(frame) if frame.kind == RST_STREAM => Fate::Reset(frame.code()),
            Some(_) => self.status(stream).map_or(Fate::Hangs, Fate::Response),
            None if self.ended => Fate::Closed,
            None => Fate::Hangs,
        }
    }

    /// The error of a stream, or of the connection; a response is none.
    pub fn error_of(&mut self, stream: u32) -> Fate {
        let error = |frame: &Frame| {
            frame.kind == RST_STREAM && frame.stream == stream || frame.kind == GOAWAY && frame.code() != 0
        };
        match self.wait(error) {
            Some(frame) if frame.kind == GOAWAY => Fate::GoAway(frame.code()),
            Some(frame) => Fate::Reset(frame.code()),
            None if self.ended => Fate::Closed,
            None => Fate::Hangs,
        }
    }

    /// How the other side ended the connection; it is alive where it still answers.
    pub fn goodbye(&mut self) -> Fate {
        if self.is_alive() {
            return Fate::Hangs;
        }
        let last = self.seen.iter().rev().find(|frame| frame.kind == GOAWAY && frame.code() != 0);
        last.map_or(Fate::Closed, |frame| Fate::GoAway(frame.code()))
    }

    /// The status of the final response on a stream.
    pub fn status(&self, stream: u32) -> Option<u16> {
        let heads = self.seen.iter().filter(|frame| frame.kind == HEADERS && frame.stream == stream);
        heads.map(|frame| status(&frame.payload)).find(|status| *status >= 200)
    }

    /// Reads what comes for so long; whether the connection still stands.
    pub fn wait_for(&mut self, time: Duration) -> bool {
        self.fill(time);
        !self.ended
    }

    /// Whether the other side has read everything so far and is still there.
    pub fn is_alive(&mut self) -> bool {
        let token = (self.seen.len() as u64 | 1 << 40).to_be_bytes();
        self.send(frame(PING, 0, 0, token));
        self.wait(|frame| frame.kind == PING && frame.flags & ACK != 0 && frame.payload == token).is_some()
    }

    /// Waits for the end of the connection.
    pub fn is_closed(&mut self) -> bool {
        self.wait(|_| false);
        self.ended
    }

    fn fill(&mut self, patience: Duration) -> bool {
        self.socket.set_read_timeout(Some(patience.max(Duration::from_millis(1)))).unwrap();
        let mut piece = [0; 16 * 1024];
        match self.stream.read(&mut piece) {
            Ok(read @ 1..) => self.bytes.extend_from_slice(&piece[..read]),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => return false,
            _ => self.ended = true,
        }
        while let Some(frame) = self.next_frame() {
            self.seen.push(frame);
        }
        true
    }

    fn next_frame(&mut self) -> Option<Frame> {
        let head = self.bytes.get(..9)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]) as usize;
        let (kind, flags) = (head[3], head[4]);
        let stream = u32::from_be_bytes(head[5..9].try_into().unwrap());
        let payload = self.bytes.get(9..9 + length)?.to_vec();
        self.bytes.drain(..9 + length);
        Some(Frame { kind, flags, stream, payload })
    }
}

/// The status that a header block begins with: an entry of the static table, or a literal of three digits.
fn status(block: &[u8]) -> u16 {
    // Table size updates come first (RFC 7541 §4.2).
    let block = &block[block.iter().position(|byte| byte & 0xe0 != 0x20).unwrap()..];
    match block {
        [indexed @ 0x88..=0x8e, ..] => [200, 204, 206, 304, 400, 404, 500][usize::from(indexed - 0x88)],
        [0x08 | 0x18 | 0x48, 0x03, digits @ ..] => std::str::from_utf8(&digits[..3]).unwrap().parse().unwrap(),
        [0x08 | 0x18 | 0x48, length, digits @ ..] => squeezed(&digits[..usize::from(length & 0x7f)]),
        other => panic!("no status at the front: {other:x?}"),
    }
}

/// Three digits in the Huffman code of RFC 7541, Appendix B: 0 to 2 have five bits, 3 to 9 six.
fn squeezed(bytes: &[u8]) -> u16 {
    let mut bits = bytes.iter().flat_map(|byte| (0..8).rev().map(move |at| u16::from(byte >> at & 1)));
    (0..3).fold(0, |number, _| {
        let five = (0..5).fold(0, |code, _| code << 1 | bits.next().unwrap());
        let digit = if five < 3 { five } else { (five << 1 | bits.next().unwrap()) - 0x19 + 3 };
        number * 10 + digit
    })
}
