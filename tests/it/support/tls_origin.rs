//! An origin of HTTP/1.1 under TLS.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use super::{Authority, Issued, PATIENCE, Wire};

/// An origin that answers every request with the same bytes and remembers the handshakes.
pub struct TlsOrigin {
    /// Where it listens.
    pub address: SocketAddr,
    handshakes: Arc<Mutex<Vec<Handshake>>>,
}

/// What the proxy said in a handshake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handshake {
    /// The name that it asked for.
    pub server_name: Option<String>,
    /// What was agreed by ALPN.
    pub alpn: Option<String>,
    /// Whether it showed a certificate.
    pub client_certificate: bool,
}

/// Settings of a TLS server: its certificate, what it speaks, whose clients it takes.
pub fn tls_server_config(issued: &Issued, alpn: &[&str], clients: Option<&Authority>) -> Arc<ServerConfig> {
    let builder = ServerConfig::builder();
    let builder = match clients {
        None => builder.with_no_client_auth(),
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.der()).unwrap();
            builder.with_client_cert_verifier(WebPkiClientVerifier::builder(Arc::new(roots)).build().unwrap())
        }
    };
    let chain = CertificateDer::pem_slice_iter(issued.cert.as_bytes()).collect::<Result<_, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_slice(issued.key.as_bytes()).unwrap();
    let mut config = builder.with_single_cert(chain, key).unwrap();
    config.alpn_protocols = alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
    Arc::new(config)
}

impl TlsOrigin {
    /// Answers every request with the same bytes.
    pub fn answering(config: Arc<ServerConfig>, response: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let origin = Self { address: listener.local_addr().unwrap(), handshakes: Arc::default() };
        let handshakes = Arc::clone(&origin.handshakes);
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let (config, response, handshakes) = (Arc::clone(&config), response.clone(), Arc::clone(&handshakes));
                thread::spawn(move || {
                    stream.set_read_timeout(Some(PATIENCE)).unwrap();
                    let mut connection = ServerConnection::new(config).unwrap();
                    while connection.is_handshaking() {
                        if connection.complete_io(&mut stream).is_err() {
                            return;
                        }
                    }
                    handshakes.lock().unwrap().push(Handshake::of(&connection));
                    let mut wire = Wire::over(StreamOwned::new(connection, stream));
                    while wire.head().is_some() && wire.try_send(&response).is_ok() {}
                });
            }
        });
        origin
    }

    /// The handshakes that came to an end.
    pub fn handshakes(&self) -> Vec<Handshake> {
        self.handshakes.lock().unwrap().clone()
    }
}

impl Handshake {
    fn of(connection: &ServerConnection) -> Self {
        Self {
            server_name: connection.server_name().map(str::to_owned),
            alpn: connection.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned()),
            client_certificate: connection.peer_certificates().is_some(),
        }
    }
}
