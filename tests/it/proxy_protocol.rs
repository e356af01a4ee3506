//! PROXY protocol, versions 1 and 2, in and out.

use std::sync::{Arc, Mutex};

use crate::support::{Authority, Edge, Folder, Origin, Proxy, Wire, eventually, ok, tls_config};

const GET: &str = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";

/// A header of version 2: the command and the family, then what they say.
fn version2(command: u8, family: u8, rest: &[u8]) -> Vec<u8> {
    let mut header = b"\r\n\r\n\0\r\nQUIT\n".to_vec();
    header.extend([command, family]);
    header.extend((rest.len() as u16).to_be_bytes());
    header.extend(rest);
    header
}

/// From 203.0.113.9:1000 to 192.0.2.1:443, and something behind it that is to be skipped.
fn version2_of_tcp4() -> Vec<u8> {
    version2(0x21, 0x11, &[203, 0, 113, 9, 192, 0, 2, 1, 3, 232, 1, 187, 0x04, 0, 1, 0])
}

fn believing() -> (Origin, Proxy) {
    let origin = Origin::answering(ok("x"));
    let edge = Edge::to(origin.address).listener("proxy_protocol = true\ntrusted_proxies = [\"127.0.0.0/8\"]");
    let proxy = edge.start();
    (origin, proxy)
}

#[test]
fn the_client_is_who_the_header_says() {
    let (origin, proxy) = believing();
    let version2_of_tcp6 = version2(
        0x21,
        0x21,
        &[[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9].as_slice(), &[0; 16], &[3, 232, 1, 187]].concat(),
    );
    for (header, client) in [
        (b"PROXY TCP4 203.0.113.9 192.0.2.1 1000 443\r\n".to_vec(), "203.0.113.9"),
        (b"PROXY TCP6 2001:db8::9 2001:db8::1 1000 443\r\n".to_vec(), "2001:db8::9"),
        (b"PROXY UNKNOWN\r\n".to_vec(), "127.0.0.1"),
        (version2_of_tcp4(), "203.0.113.9"),
        (version2_of_tcp6, "2001:db8::9"),
        (version2(0x20, 0x00, &[]), "127.0.0.1"),
    ] {
        let before = origin.requests().len();
        let mut wire = proxy.connect("web");
        wire.send([&header, GET.as_bytes()].concat());
        assert_eq!(wire.response("GET").text(), "x", "{header:?}");
        assert_eq!(origin.request(before + 1).header("x-forwarded-for"), Some(client));
    }
}

#[test]
fn a_header_may_come_in_pieces() {
    let (origin, proxy) = believing();
    let mut wire = proxy.connect("web");
    for byte in [version2_of_tcp4(), GET.as_bytes().to_vec()].concat() {
        wire.send([byte]);
    }
    assert_eq!(wire.response("GET").text(), "x");
    assert_eq!(origin.request(1).header("x-forwarded-for"), Some("203.0.113.9"));
}

#[test]
fn a_connection_without_a_header_is_closed() {
    let (origin, proxy) = believing();
    for bytes in
        [GET, "PROXY TCP4 nonsense\r\n", "PROXY TCP4 1.2.3.4 5.6.7.8 99999 1\r\n", "\r\n\r\n\0\r\nQUIT\x0a\x31\x11\0\0"]
    {
        let mut wire = proxy.connect("web");
        wire.send(bytes);
        assert!(wire.is_closed(), "{bytes:?}");
    }
    assert_eq!(origin.requests().len(), 0);
    assert!(proxy.metric("tidegate_connections_refused_total{listener=\"web\",reason=\"proxy_protocol\"}") >= 4.0);
}

#[test]
fn a_header_from_somebody_else_is_not_believed() {
    let origin = Origin::answering(ok("x"));
    let edge = Edge::to(origin.address).listener("proxy_protocol = true\ntrusted_proxies = [\"192.0.2.0/24\"]");
    let proxy = edge.start();
    let mut wire = proxy.connect("web");
    let _ = wire.try_send("PROXY TCP4 203.0.113.9 192.0.2.1 1000 443\r\n");
    let _ = wire.try_send(GET);
    assert!(wire.is_closed());
    assert_eq!(origin.requests().len(), 0);
}

#[test]
fn a_listener_that_wants_none_refuses_it() {
    let origin = Origin::answering(ok("x"));
    let proxy = Edge::to(origin.address).start();
    let mut wire = proxy.connect("web");
    wire.send("PROXY TCP4 203.0.113.9 192.0.2.1 1000 443\r\n".to_owned() + GET);
    assert_eq!(wire.response("GET").status(), 400);
}

#[test]
fn the_header_stands_before_the_handshake() {
    let (folder, authority) = (Folder::new(), Authority::new());
    let certificate = authority.issue(&["a.test"]).write(&folder, "a");
    let origin = Origin::answering(ok("x"));
    let listener = format!(
        "proxy_protocol = true\ntrusted_proxies = [\"127.0.0.1\"]\n[listeners.web.tls]\ncertificates = [{certificate}]"
    );
    let proxy = Edge::to(origin.address).listener(&listener).start_in(folder);
    let mut plain = proxy.connect("web");
    plain.send(version2_of_tcp4());
    let name = rustls::pki_types::ServerName::try_from("a.test").unwrap();
    let connection = rustls::ClientConnection::new(tls_config(&authority, &[], None), name).unwrap();
    let mut wire = Wire::over(rustls::StreamOwned::new(connection, plain.stream));
    assert_eq!(wire.ask("GET / HTTP/1.1\r\nHost: a.test\r\n\r\n").text(), "x");
    assert_eq!(origin.request(1).header("x-forwarded-for"), Some("203.0.113.9"));
}

/// An origin that remembers what stands before the first request of each connection, `length` bytes of it.
fn reading_headers(length: usize) -> (std::net::SocketAddr, Arc<Mutex<Vec<Vec<u8>>>>) {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let headers: Arc<Mutex<Vec<Vec<u8>>>> = Arc::default();
    let seen = Arc::clone(&headers);
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let seen = Arc::clone(&seen);
            std::thread::spawn(move || {
                let mut wire = Wire::over_tcp(stream);
                let header = if length == 0 { wire.line().into_bytes() } else { wire.exactly(length) };
                seen.lock().unwrap().push(header);
                while wire.head().is_some() && wire.try_send(ok("x")).is_ok() {}
            });
        }
    });
    (address, headers)
}

#[test]
fn an_endpoint_is_told_in_version_1() {
    let (address, headers) = reading_headers(0);
    let proxy = Edge::to(address).upstream("proxy_protocol = \"v1\"").start();
    let mut client = proxy.connect("web");
    let port = client.stream.local_addr().unwrap().port();
    assert_eq!(client.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").text(), "x");
    let header = String::from_utf8(headers.lock().unwrap()[0].clone()).unwrap();
    assert_eq!(header, format!("PROXY TCP4 127.0.0.1 127.0.0.1 {port} {}\r\n", proxy.port("web")));
}

#[test]
fn an_endpoint_is_told_in_version_2_on_a_connection_for_each_client() {
    let (address, headers) = reading_headers(28);
    let proxy = Edge::to(address).upstream("proxy_protocol = \"v2\"").start();
    let mut ports = Vec::new();
    let mut clients: Vec<_> = (0..3).map(|_| proxy.connect("web")).collect();
    for _ in 0..2 {
        for client in &mut clients {
            assert_eq!(client.ask("GET / HTTP/1.1\r\nHost: a\r\n\r\n").text(), "x");
            ports.push(client.stream.local_addr().unwrap().port());
        }
    }
    eventually("the headers are there", || headers.lock().unwrap().len() >= 3);
    for (header, port) in headers.lock().unwrap().iter().zip(&ports) {
        let expected = [version2(0x21, 0x11, &[0; 12])[..16].to_vec(), vec![127, 0, 0, 1, 127, 0, 0, 1]].concat();
        assert_eq!(header[..24], expected);
        assert_eq!(header[24..26], port.to_be_bytes());
        assert_eq!(header[26..28], proxy.port("web").to_be_bytes());
    }
}
