//! An origin that answers at once: `/large` with 4 MiB, everything else with three octets.
//!
//! One thread for all connections: an attack brings thousands, and a thread for each would keep the good client's core busy. There are two, so
//! that it is the proxy which is measured, and not how an origin bears what it is asked by an attacker.

use std::net::SocketAddr;
use std::sync::LazyLock;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::machine;

/// What the system holds for a client that takes nothing, in octets: no more, or the machine is busy filling buffers.
const SENT_AHEAD: u32 = 64 << 10;

static LARGE: LazyLock<Vec<u8>> =
    LazyLock::new(|| [b"HTTP/1.1 200 OK\r\ncontent-length: 4194304\r\n\r\n".as_slice(), &vec![b'x'; 4 << 20]].concat());

/// Starts it; it ends with this process. The good client's comes before the attacker's.
pub fn start(is_good: bool) -> SocketAddr {
    let (tell, told) = std::sync::mpsc::channel();
    LazyLock::force(&LARGE);
    std::thread::spawn(move || {
        if is_good {
            machine::be_good_origin();
        }
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = listen();
            tell.send(listener.local_addr().unwrap()).unwrap();
            loop {
                if let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(serve(stream));
                }
            }
        });
    });
    told.recv().unwrap()
}

fn listen() -> TcpListener {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_send_buffer_size(SENT_AHEAD).unwrap();
    socket.bind(SocketAddr::from(([127, 0, 0, 1], 0))).unwrap();
    socket.listen(4096).unwrap()
}

async fn serve(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let (lines, mut out) = stream.split();
    let mut lines = BufReader::with_capacity(4096, lines);
    let mut line = String::new();
    loop {
        let (mut is_large, mut body, mut chunked) = (false, 0, false);
        loop {
            line.clear();
            if lines.read_line(&mut line).await? == 0 {
                return Ok(());
            }
            line.make_ascii_lowercase();
            is_large |= line.starts_with("get /large");
            chunked |= line.starts_with("transfer-encoding:");
            if let Some(length) = line.strip_prefix("content-length:") {
                body = length.trim().parse().unwrap_or(0);
            }
            if line == "\r\n" {
                break;
            }
        }
        // Who answers an upload before it has ended lets go of the connection.
        pass_over(&mut lines, body).await?;
        if chunked && !pass_over_chunks(&mut lines).await? {
            return Ok(());
        }
        let small = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok\n".as_slice();
        out.write_all(if is_large { &LARGE } else { small }).await?;
    }
}

async fn pass_over(lines: &mut (impl AsyncBufReadExt + Unpin), octets: u64) -> std::io::Result<u64> {
    tokio::io::copy(&mut lines.take(octets), &mut tokio::io::sink()).await
}

/// By their end alone: to read chunks of one octet is more work than an origin should have here.
async fn pass_over_chunks(lines: &mut (impl AsyncBufReadExt + Unpin)) -> std::io::Result<bool> {
    const END: &[u8] = b"0\r\n\r\n";
    let mut tail = Vec::new();
    while !tail.ends_with(END) {
        let piece = lines.fill_buf().await?;
        let length = piece.len();
        if length == 0 {
            return Ok(false);
        }
        tail.extend_from_slice(piece);
        tail.drain(..tail.len().saturating_sub(END.len()));
        lines.consume(length);
    }
    Ok(true)
}
