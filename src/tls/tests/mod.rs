//! Real handshakes in memory, against certificates made for each test.

#![allow(dead_code, unreachable_pub)]

mod certs;
mod check;
mod client;
mod compile;
mod mutual;
mod serve;

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, Error, RootCertStore, ServerConfig, ServerConnection};
use rustls::{SupportedProtocolVersion, version};

use super::{Handshake, ServerTls, Session, TlsProblem, TlsProblemKind, provider};
use crate::config::model::{CertificateFiles, ClientAuth, ListenerTls, TlsVersion};
use certs::{Authority, Folder, Pem};

/// A listener with these certificates.
fn listener(certificates: Vec<CertificateFiles>) -> ListenerTls {
    ListenerTls { certificates, self_signed: Vec::new(), min_version: TlsVersion::V1_2, client_auth: None }
}

fn put(folder: &Folder, name: &str, pem: &Pem) -> CertificateFiles {
    let (cert, key) = folder.put(name, pem);
    CertificateFiles { cert, key }
}

fn client_auth(ca: std::path::PathBuf, required: bool) -> Option<ClientAuth> {
    let subject_header = http::HeaderName::from_static("x-client-cert-subject");
    Some(ClientAuth { ca, required, subject_header })
}

fn compile(model: &ListenerTls) -> ServerTls {
    ServerTls::compile(model, None, true).unwrap()
}

/// A client as a browser would be.
#[derive(Clone)]
struct Client {
    provider: Arc<CryptoProvider>,
    versions: &'static [&'static SupportedProtocolVersion],
    roots: Arc<RootCertStore>,
    own: Option<(Vec<CertificateDer<'static>>, Arc<PrivateKeyDer<'static>>)>,
}

static BOTH: &[&SupportedProtocolVersion] = &[&version::TLS13, &version::TLS12];
static TLS12: &[&SupportedProtocolVersion] = &[&version::TLS12];
static TLS13: &[&SupportedProtocolVersion] = &[&version::TLS13];

impl Client {
    fn trusting(authority: &Authority) -> Self {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_slice(authority.pem().as_bytes()).unwrap()).unwrap();
        Self { provider: provider(), versions: BOTH, roots: Arc::new(roots), own: None }
    }

    fn versions(mut self, versions: &'static [&'static SupportedProtocolVersion]) -> Self {
        self.versions = versions;
        self
    }

    fn with(mut self, own: &Pem) -> Self {
        let chain = vec![CertificateDer::from_pem_slice(own.cert.as_bytes()).unwrap()];
        self.own = Some((chain, Arc::new(PrivateKeyDer::from_pem_slice(own.key.as_bytes()).unwrap())));
        self
    }

    /// One config: what resumes is in it.
    fn config(&self) -> Arc<ClientConfig> {
        let verifier = WebPkiServerVerifier::builder_with_provider(self.roots.clone(), provider()).build().unwrap();
        let builder = ClientConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(self.versions)
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(TakesAny(verifier)));
        Arc::new(match &self.own {
            Some((chain, key)) => builder.with_client_auth_cert(chain.clone(), key.clone_key()).unwrap(),
            None => builder.with_no_client_auth(),
        })
    }
}

/// Takes any certificate, as a client that was told `-k` does.
#[derive(Debug)]
struct TakesAny(Arc<WebPkiServerVerifier>);

impl rustls::client::danger::ServerCertVerifier for TakesAny {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}

/// A handshake of that client with that server, for that name (an address sends no name).
fn shake(server: &ServerTls, client: &Arc<ClientConfig>, name: &str) -> Result<(Session, ClientConnection), Error> {
    let handshake = server.begin();
    let config = handshake.config();
    shake_with(handshake, config, client, name)
}

fn shake_with(
    handshake: Handshake,
    config: Arc<ServerConfig>,
    client: &Arc<ClientConfig>,
    name: &str,
) -> Result<(Session, ClientConnection), Error> {
    let (server, client) = pump(config, client, ServerName::try_from(name.to_owned()).unwrap())?;
    Ok((handshake.finish(&server)?, client))
}

/// Carries octets both ways until nobody has more to say.
fn pump(
    server: Arc<ServerConfig>,
    client: &Arc<ClientConfig>,
    name: ServerName<'static>,
) -> Result<(ServerConnection, ClientConnection), Error> {
    let mut server = ServerConnection::new(server)?;
    let mut client = ClientConnection::new(client.clone(), name)?;
    while client.wants_write() || server.wants_write() {
        let mut wire = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut wire).unwrap();
        }
        let mut rest = &wire[..];
        while !rest.is_empty() {
            server.read_tls(&mut rest).unwrap();
            server.process_new_packets()?;
        }
        let mut wire = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut wire).unwrap();
        }
        let mut rest = &wire[..];
        while !rest.is_empty() {
            client.read_tls(&mut rest).unwrap();
            client.process_new_packets()?;
        }
    }
    assert!(!server.is_handshaking() && !client.is_handshaking());
    Ok((server, client))
}

fn kinds(problems: &[TlsProblem]) -> Vec<TlsProblemKind> {
    problems.iter().map(|problem| problem.kind).collect()
}
