//! The other side of an attack that is no proxy: it takes what comes, and does nothing with it. What the good client feels beside such an
//! attack is the machine's part, not the proxy's.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A connection that sends more is put out, about where a score does it.
const ENOUGH: usize = 16 << 10;

/// Takes connections at both addresses until the process is killed. Who waits for an answer gets one, and the end.
pub fn go(plain: SocketAddr, tls: SocketAddr, answers: bool) -> ! {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async move {
        let listeners = [plain, tls].map(|address| async move {
            let listener = TcpListener::bind(address).await.unwrap();
            loop {
                if let Ok((stream, _)) = listener.accept().await {
                    tokio::spawn(take(stream, answers));
                }
            }
        });
        let [one, other] = listeners;
        tokio::join!(one, other);
    });
    std::process::exit(1)
}

async fn take(mut stream: TcpStream, answers: bool) {
    let mut piece = vec![0; ENOUGH];
    let mut taken = 0;
    while let Ok(read @ 1..) = stream.read(&mut piece).await {
        taken += read;
        if answers {
            let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
        }
        if answers || taken >= ENOUGH {
            return;
        }
    }
}
