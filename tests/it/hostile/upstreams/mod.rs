//! Hostile upstreams: whatever one says, a client gets a whole response, an error, or a response that it can tell is broken off; and
//! nothing of it reaches the next request.

mod frames;
mod http1;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use crate::support::frames::{DATA_FRAME, END_STREAM, Fate, FrameClient, headers, pseudo};
use crate::support::{Edge, Proxy, Wire};

/// Far longer than any timeout of these stories.
const PATIENCE: Duration = Duration::from_secs(10);
/// What a second request on the hostile connection would get.
const POISON: &str = "HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\npoison";

/// What a client makes of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    /// All of it, and its end.
    Whole(u16, String),
    /// Its beginning, and no end: it can tell.
    Broken,
}

/// How a client asks.
type Ask = fn(&Proxy, &str) -> Outcome;

/// An upstream that says the same bytes to the first request of its first connection, and is honest on all others.
struct Liar {
    address: SocketAddr,
}

impl Liar {
    /// After the lie the connection is closed, or stays.
    fn saying(lie: impl Into<Vec<u8>>, closes: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let lie: Arc<Vec<u8>> = Arc::new(lie.into());
        thread::spawn(move || {
            for (number, stream) in listener.incoming().flatten().enumerate() {
                let lie = lie.clone();
                thread::spawn(move || {
                    let mut wire = Wire::over_tcp(stream);
                    let mut turn = 0;
                    while let Some(head) = wire.head() {
                        let honest = "HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ngood";
                        let head_only = head.starts_with("HEAD");
                        let answer: &[u8] = match (number, turn) {
                            (0, 0) => &lie,
                            (0, _) => POISON.as_bytes(),
                            _ if head_only => b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n",
                            _ => honest.as_bytes(),
                        };
                        if wire.try_send(answer).is_err() || (number == 0 && closes) {
                            return;
                        }
                        turn += 1;
                    }
                });
            }
        });
        Self { address }
    }
}

/// The edge in front of it, which gives up soon.
fn edge(address: SocketAddr) -> Edge {
    Edge::to(address).upstream("response_timeout = \"1s\"\nresponse_body_timeout = \"1s\"\nretry.max_attempts = 1")
}

/// What a client of HTTP/1.1 makes of `GET /`.
fn over_http1(proxy: &Proxy, method: &str) -> Outcome {
    let mut wire = proxy.connect("web");
    wire.send(format!("{method} / HTTP/1.1\r\nHost: a\r\n\r\n"));
    wire.stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut bytes = Vec::new();
    let mut piece = [0; 16 << 10];
    loop {
        if let Some(outcome) = whole(&bytes, method) {
            return outcome;
        }
        match wire.stream.read(&mut piece) {
            Ok(read @ 1..) => bytes.extend_from_slice(&piece[..read]),
            Ok(0) => return Outcome::Broken,
            Err(error) => {
                assert_ne!(error.kind(), std::io::ErrorKind::WouldBlock, "hangs: {}", String::from_utf8_lossy(&bytes));
                return Outcome::Broken;
            }
        }
    }
}

/// The response, once it is whole by its own framing.
fn whole(bytes: &[u8], method: &str) -> Option<Outcome> {
    let text = String::from_utf8_lossy(bytes);
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status: u16 = head.split(' ').nth(1)?.parse().unwrap();
    let field = |name: &str| {
        let lines = head.lines().skip(1).filter_map(|line| line.split_once(':'));
        lines.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned()).next()
    };
    if (100..200).contains(&status) {
        return whole(&bytes[head.len() + 4..], method);
    }
    if method == "HEAD" || status == 204 || status == 304 {
        return Some(Outcome::Whole(status, body.to_owned()));
    }
    if field("transfer-encoding").is_some() {
        let mut content = String::new();
        let mut rest = body;
        loop {
            let (size, more) = rest.split_once("\r\n")?;
            let size = usize::from_str_radix(size, 16).unwrap();
            if size == 0 {
                return more.contains("\r\n").then_some(Outcome::Whole(status, content));
            }
            content.push_str(more.get(..size)?);
            rest = more.get(size + 2..)?;
        }
    }
    let length: usize = field("content-length").expect("a response has a framing").parse().unwrap();
    assert!(body.len() <= length, "bytes behind the response: {text}");
    (body.len() == length).then(|| Outcome::Whole(status, body.to_owned()))
}

/// What a client of HTTP/2 makes of it.
fn over_http2(proxy: &Proxy, method: &str) -> Outcome {
    let mut client = FrameClient::begin(proxy.addr("web"), PATIENCE);
    client.send(headers(1, END_STREAM, pseudo(method, "/")));
    match client.fate(1) {
        Fate::Response(status) => {
            let body = client.seen.iter().filter(|frame| frame.kind == DATA_FRAME && frame.stream == 1);
            let body: Vec<u8> = body.flat_map(|frame| frame.payload.clone()).collect();
            Outcome::Whole(status, String::from_utf8_lossy(&body).into_owned())
        }
        Fate::Reset(_) | Fate::GoAway(_) | Fate::Closed => Outcome::Broken,
        Fate::Hangs => panic!("hangs"),
    }
}

/// The next request gets its own answer, and the program is well.
fn assert_clean(proxy: &Proxy, what: &str) {
    for _ in 0..2 {
        let answer = proxy.get("/next");
        assert_eq!((answer.status(), answer.text().as_str()), (200, "good"), "{what}");
    }
}
