//! The good client.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicU16, Ordering::Relaxed};
use std::time::{Duration, Instant};

use socket2::{Domain, Socket, Type};

/// Between two requests of a good client.
const PAUSE: Duration = Duration::from_millis(2);
/// Whoever waits longer has failed.
const PATIENCE: Duration = Duration::from_secs(5);
/// Its own ports, below those that the system gives to others.
const FIRST_PORT: u16 = 4096;
const PORTS: u16 = 28_000;
static NEXT: AtomicU16 = AtomicU16::new(0);

/// How long requests took, in microseconds.
#[derive(Default)]
pub struct Times(Vec<f64>);

impl Times {
    /// 99 of 100 took at most that long.
    pub fn p99(&self) -> f64 {
        let mut times = self.0.clone();
        times.sort_unstable_by(f64::total_cmp);
        times.get(times.len() * 99 / 100).copied().unwrap_or(f64::NAN)
    }
}

/// What it felt.
#[derive(Default)]
pub struct Felt {
    /// On the connection that it keeps.
    pub kept: Times,
    /// On a new one for each request, connecting included.
    pub fresh: Times,
    /// Requests without a 200 in time.
    pub failed: usize,
}

impl Felt {
    /// How often it asked.
    pub fn asked(&self) -> usize {
        self.kept.0.len() + self.fresh.0.len() + self.failed
    }
}

/// Asks for so long.
pub fn ask(address: SocketAddr, time: Duration) -> Felt {
    let mut felt = Felt::default();
    let mut kept = connect(address).ok();
    let end = Instant::now() + time;
    while Instant::now() < end {
        let start = Instant::now();
        match kept.as_mut().map(exchange) {
            Some(Ok(())) => felt.kept.0.push(micros(start)),
            _ => {
                felt.failed += 1;
                kept = connect(address).ok();
            }
        }
        std::thread::sleep(PAUSE);
        let start = Instant::now();
        match connect(address).and_then(|mut stream| exchange(&mut stream)) {
            Ok(()) => felt.fresh.0.push(micros(start)),
            Err(_) => felt.failed += 1,
        }
        std::thread::sleep(PAUSE);
    }
    felt
}

fn micros(start: Instant) -> f64 {
    start.elapsed().as_secs_f64() * 1e6
}

/// From an address of its own, as a client has one: what is bounded for each address is bounded for the attacker's.
fn connect(address: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    // The system would look for a port among those of the attack, for milliseconds.
    let port = FIRST_PORT + NEXT.fetch_add(1, Relaxed) % PORTS;
    socket.bind(&SocketAddr::from(([127, 0, 0, 2], port)).into())?;
    socket.connect_timeout(&address.into(), PATIENCE)?;
    let stream = TcpStream::from(socket);
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Ok(stream)
}

fn exchange(stream: &mut TcpStream) -> std::io::Result<()> {
    stream.write_all(b"GET /good HTTP/1.1\r\nHost: a.example\r\n\r\n")?;
    let (mut answer, mut piece) = (Vec::new(), [0; 4096]);
    while !answer.ends_with(b"\r\n\r\nok\n") {
        match stream.read(&mut piece)? {
            0 => return Err(std::io::ErrorKind::UnexpectedEof.into()),
            read => answer.extend_from_slice(&piece[..read]),
        }
    }
    if answer.starts_with(b"HTTP/1.1 200") { Ok(()) } else { Err(std::io::ErrorKind::InvalidData.into()) }
}
