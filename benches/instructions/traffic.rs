//! Both ends: an origin, and a client with one connection.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

const ANSWER: &[u8] =
    b"HTTP/1.1 200 OK\r\nServer: origin\r\nDate: Mon, 01 Jan 2024 00:00:00 GMT\r\nContent-Type: text/plain\r\n\
                        Content-Length: 3\r\nConnection: keep-alive\r\n\r\nok\n";

/// Starts an origin that answers every request with three octets.
pub(crate) fn origin() -> io::Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // A connection that breaks is seen by the client.
            thread::spawn(move || drop(answer(stream)));
        }
    });
    Ok(address)
}

fn answer(stream: TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream);
    loop {
        let mut empty = true;
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line)? == 0 {
                return Ok(());
            }
            if line == "\r\n" {
                break;
            }
            empty = false;
        }
        if !empty {
            reader.get_mut().write_all(ANSWER)?;
        }
    }
}

/// Makes so many requests, as wrk does, one after the other on one connection.
pub(crate) fn requests(proxy: SocketAddr, count: u32) -> io::Result<()> {
    let mut stream = TcpStream::connect(proxy)?;
    stream.set_nodelay(true)?;
    let request = format!("GET /small HTTP/1.1\r\nHost: {proxy}\r\n\r\n");
    let mut reader = BufReader::new(stream.try_clone()?);
    for _ in 0..count {
        stream.write_all(request.as_bytes())?;
        one(&mut reader)?;
    }
    Ok(())
}

fn one(reader: &mut BufReader<TcpStream>) -> io::Result<()> {
    let mut status = String::new();
    reader.read_line(&mut status)?;
    if !status.starts_with("HTTP/1.1 200 ") {
        return Err(io::Error::other(format!("the answer is {status:?}")));
    }
    let mut line = String::new();
    while line != "\r\n" {
        line.clear();
        if reader.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    let mut body = [0; 3];
    reader.read_exact(&mut body)?;
    if &body == b"ok\n" { Ok(()) } else { Err(io::Error::other("another body")) }
}
