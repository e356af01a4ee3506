//! WebSocket messages: each waits for the one before to come back.

use std::io;
use std::net::SocketAddr;
use std::time::Instant;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::own::{self, Tally};
use super::{Seen, Shot};
use crate::origin::KEY;

/// Any will do (RFC 6455 section 5.3).
const MASK: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];

impl Shot<'_> {
    pub(super) fn messages(&self, connections: usize) -> Result<Seen, String> {
        let (proxy, path, length) = (self.proxy, self.work.path, self.work.answer);
        let client = || move |end: Instant| run(proxy, path, length, end);
        own::clients(self.core, self.seconds, (0..connections).map(|_| client()).collect())
    }
}

async fn run(proxy: SocketAddr, path: &'static str, length: usize, end: Instant) -> Tally {
    let mut tally = Tally::default();
    let mut stream = match open(proxy, path).await {
        Ok(stream) => stream,
        Err(error) => {
            tally.count(Instant::now(), Err(error.to_string()));
            return tally;
        }
    };
    let [sent, expected] = frames(length);
    let mut came = vec![0; expected.len()];
    while Instant::now() < end {
        let begun = Instant::now();
        let outcome = async {
            stream.write_all(&sent).await?;
            stream.read_exact(&mut came).await
        };
        let outcome = outcome.await.map_err(|error| error.to_string()).and_then(|_| match came == expected {
            true => Ok(()),
            false => Err("another message came back".to_owned()),
        });
        let broken = outcome.is_err();
        tally.count(begun, outcome);
        if broken {
            break;
        }
    }
    tally
}

/// A text message as a client sends it, and as it comes back.
fn frames(length: usize) -> [Vec<u8>; 2] {
    let short = u8::try_from(length).unwrap_or(0) & 0x7f;
    let text = vec![b'w'; length];
    let masked = text.iter().zip(MASK.iter().cycle()).map(|(octet, mask)| octet ^ mask);
    let sent = [0x81, 0x80 | short].into_iter().chain(MASK).chain(masked).collect();
    let back = [0x81, short].into_iter().chain(text.iter().copied()).collect();
    [sent, back]
}

async fn open(proxy: SocketAddr, path: &str) -> io::Result<TcpStream> {
    let mut stream = TcpStream::connect(proxy).await?;
    stream.set_nodelay(true)?;
    let key = KEY.0;
    let head = format!(
        "GET {path} HTTP/1.1\r\nHost: {proxy}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await?);
    }
    let answer = String::from_utf8_lossy(&answer).into_owned();
    match answer.starts_with("HTTP/1.1 101 ") && answer.contains(KEY.1) {
        true => Ok(stream),
        false => Err(io::Error::other(format!("no upgrade: {}", answer.lines().next().unwrap_or_default()))),
    }
}
