//! What TLS takes: records on the wire, and memory of connections that wait.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};

use rustls::pki_types::ServerName;
use rustls::{ClientConnection, StreamOwned};

use crate::support::frames::{self, END_STREAM, FrameClient, PREFACE};
use crate::support::{Authority, Edge, Folder, Origin, PATIENCE, Proxy, ok, tls_config, tls_connect};

/// An origin that answers with that, behind a listener with TLS.
fn secure(authority: &Authority, body: &str) -> (Origin, Proxy) {
    let folder = Folder::new();
    let certificate = authority.issue(&["a.example"]).write(&folder, "a");
    let origin = Origin::answering(ok(body));
    let tls = format!("[listeners.web.tls]\ncertificates = [{certificate}]");
    let proxy = Edge::to(origin.address).listener(&tls).start_in(folder);
    (origin, proxy)
}

/// A socket that remembers what came.
struct Remembering(TcpStream, Arc<Mutex<Vec<u8>>>);

impl Read for Remembering {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        let read = self.0.read(buf)?;
        self.1.lock().unwrap().extend_from_slice(&buf[..read]);
        Ok(read)
    }
}

impl Write for Remembering {
    fn write(&mut self, buf: &[u8]) -> std::io::Result<usize> {
        self.0.write(buf)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_frame_of_http2_fits_into_one_record() {
    let authority = Authority::new();
    let (_origin, proxy) = secure(&authority, &"x".repeat(300_000));
    let socket = TcpStream::connect(proxy.addr("web")).unwrap();
    let name = ServerName::try_from("a.example").unwrap();
    let connection = ClientConnection::new(tls_config(&authority, &["h2"], None), name).unwrap();
    let seen = Arc::<Mutex<Vec<u8>>>::default();
    let stream = StreamOwned::new(connection, Remembering(socket.try_clone().unwrap(), seen.clone()));
    let mut client = FrameClient::over(stream, socket, PATIENCE);
    let window = 1 << 20;
    let begin = [PREFACE, &frames::settings(&[(1, 0), (4, window)]), &frames::window_update(0, window)].concat();
    client.send([begin, frames::headers(1, END_STREAM, frames::pseudo("GET", "/"))].concat());
    let last = client.wait(|frame| frame.kind == frames::DATA_FRAME && frame.flags & END_STREAM != 0);
    assert!(last.is_some(), "the whole response");
    let data = client.seen.iter().filter(|frame| frame.kind == frames::DATA_FRAME);
    assert_eq!(data.map(|frame| frame.payload.len()).sum::<usize>(), 300_000);
    let (mut tiny, mut bytes) = (0, &seen.lock().unwrap()[..]);
    while let [_, _, _, high, low, rest @ ..] = bytes {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        // Nine octets that a full record left over, the kind of the content, and the tag of the cipher.
        tiny += usize::from(length == 9 + 1 + 16);
        bytes = &rest[length.min(rest.len())..];
    }
    // SETTINGS are acknowledged in nine octets.
    assert!(tiny <= 1, "{tiny} records for what was left over");
}

#[test]
fn an_idle_connection_keeps_little() {
    const CONNECTIONS: usize = 200;
    let authority = Authority::new();
    let (_origin, proxy) = secure(&authority, "secret");
    let config = tls_config(&authority, &["http/1.1"], None);
    let open = || {
        let mut wire = tls_connect(proxy.addr("web"), "a.example", &config).unwrap();
        assert_eq!(wire.ask("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n").body, b"secret");
        wire
    };
    // What the first ones take is not theirs.
    let mut kept: Vec<_> = (0..CONNECTIONS).map(|_| open()).collect();
    let before = proxy.memory_kib("VmRSS:");
    kept.extend((0..CONNECTIONS).map(|_| open()));
    let each = proxy.memory_kib("VmRSS:").saturating_sub(before) as f64 / CONNECTIONS as f64;
    assert!(each < 17.0, "{each} KiB for each");
}
