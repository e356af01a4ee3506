//! The thread of the origins of this program.

use std::io;
use std::net::{SocketAddr, TcpListener as Bound};
use std::thread;

use tokio::net::{TcpListener, TcpStream};

use super::{calls, echo, upload};
use crate::process::pin_thread;

/// Where they listen, as long as this program runs.
pub(crate) struct Own {
    /// Reads bodies.
    pub(crate) upload: SocketAddr,
    /// gRPC.
    pub(crate) calls: SocketAddr,
    /// WebSocket.
    pub(crate) echo: SocketAddr,
}

/// Starts them on a core.
pub(crate) fn start(core: usize) -> io::Result<Own> {
    let bound = [bind()?, bind()?, bind()?];
    let [upload, calls, echo] = [bound[0].local_addr()?, bound[1].local_addr()?, bound[2].local_addr()?];
    thread::Builder::new().name("origins".to_owned()).spawn(move || {
        if let Err(error) = serve(core, bound) {
            eprintln!("peers: the origins of this program ended: {error}");
        }
    })?;
    Ok(Own { upload, calls, echo })
}

fn bind() -> io::Result<Bound> {
    let bound = Bound::bind("127.0.0.1:0")?;
    bound.set_nonblocking(true)?;
    Ok(bound)
}

fn serve(core: usize, bound: [Bound; 3]) -> io::Result<()> {
    pin_thread(core)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let [uploads, calls, echoes] = bound.map(TcpListener::from_std);
        tokio::try_join!(
            accept(uploads?, |stream| drop(tokio::spawn(upload::serve(stream)))),
            accept(calls?, |stream| drop(tokio::spawn(calls::serve(stream)))),
            accept(echoes?, |stream| drop(tokio::spawn(echo::serve(stream)))),
        )
        .map(drop)
    })
}

async fn accept(listener: TcpListener, serve: impl Fn(TcpStream)) -> io::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        serve(stream);
    }
}
