//! TLS to the endpoints of an upstream.

use std::net::IpAddr;
use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

use super::authorities::{Authorities, system_verifier};
use super::certificate::Certificate;
use super::pem::Digest;
use super::problem::{TlsProblem, TlsProblemKind as Kind};
use super::{provider, versions};
use crate::config::model::{Otlp, TlsVersion, UpstreamProtocol, UpstreamTls};

/// TLS of an upstream. A clone is another handle on the same thing.
#[derive(Clone, Debug)]
pub struct ClientTls(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    config: Arc<ClientConfig>,
    server_name: Option<ServerName<'static>>,
    made_of: MadeOf,
}

/// Equal parts make an equal config.
#[derive(Debug)]
struct MadeOf {
    trust: Trust,
    certificate: Option<Arc<Certificate>>,
    min_version: TlsVersion,
    alpn: Vec<Vec<u8>>,
    server_name: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trust {
    System,
    File(Digest),
    Anybody,
}

/// What ALPN offers for an upstream's `protocol`.
pub const fn alpn_of(protocol: UpstreamProtocol) -> &'static [&'static [u8]] {
    match protocol {
        UpstreamProtocol::Http1 => &[b"http/1.1"],
        UpstreamProtocol::H2 => &[b"h2"],
        UpstreamProtocol::Auto => &[b"h2", b"http/1.1"],
    }
}

/// What ALPN offers for a collector's `protocol`.
pub const fn alpn_of_collector(protocol: Otlp) -> &'static [&'static [u8]] {
    match protocol {
        Otlp::Http => &[b"http/1.1"],
        Otlp::Grpc => &[b"h2"],
    }
}

impl ClientTls {
    /// Reads the files and makes an upstream's TLS of them, or says everything that is wrong, with keys below `tls`.
    ///
    /// Without `ca` the authorities of the system are trusted; they are read once in the life of the process
    /// (`SSL_CERT_FILE` and `SSL_CERT_DIR` count).
    ///
    /// # Errors
    /// Every problem of severity error.
    pub fn compile(model: &UpstreamTls, alpn: &[&[u8]]) -> Result<Self, Vec<TlsProblem>> {
        Self::compile_from(model, alpn, None)
    }

    /// Compiles the upstream's TLS after a reload. Where nothing changed the result is `self`, so sessions with the endpoints are still
    /// resumed and [`Self::is_same`] tells that connections may be kept.
    ///
    /// # Errors
    /// As [`Self::compile`].
    pub fn recompile(&self, model: &UpstreamTls, alpn: &[&[u8]]) -> Result<Self, Vec<TlsProblem>> {
        Self::compile_from(model, alpn, Some(self))
    }

    fn compile_from(model: &UpstreamTls, alpn: &[&[u8]], carry: Option<&Self>) -> Result<Self, Vec<TlsProblem>> {
        let UpstreamTls { verify, ca, server_name, certificate, min_version } = model;
        let mut problems = Vec::new();
        let named = server_name.as_deref().map(name_of).transpose().map_err(|problem| problems.push(problem));
        let trusted = trust(*verify, ca.as_deref()).map_err(|problem| problems.push(problem));
        let own = carry.and_then(|carry| carry.0.made_of.certificate.as_ref());
        let loaded = certificate.as_ref().map(|files| Certificate::load(files, "", own)).transpose();
        let loaded = loaded.map_err(|found| problems.extend(found));
        let (Ok(server_name_parsed), Ok((trust, verifier)), Ok(certificate)) = (named, trusted, loaded) else {
            return Err(problems);
        };
        let alpn = alpn.iter().map(|protocol| protocol.to_vec()).collect();
        let made_of = MadeOf { trust, certificate, min_version: *min_version, alpn, server_name: server_name.clone() };
        if let Some(same) = carry.filter(|carry| carry.0.made_of.is_same(&made_of)) {
            return Ok(same.clone());
        }
        let config = config(&made_of, verifier).map_err(|error| {
            vec![TlsProblem::new(Kind::BadCertificate, "cert", error.to_string(), "look at the files that it names")]
        })?;
        Ok(Self(Arc::new(Inner { config: Arc::new(config), server_name: server_name_parsed, made_of })))
    }

    /// For every connection of this upstream. Sessions are resumed; the store is locked for each handshake, not for each request.
    pub fn config(&self) -> Arc<ClientConfig> {
        self.0.config.clone()
    }

    /// The name that an endpoint's certificate must have, and that is sent to it unless it is an address: `server_name` of the
    /// config, else the endpoint's host. `None` where neither is a name or an address: a unix socket without `server_name`.
    pub fn server_name(&self, host: &str) -> Option<ServerName<'static>> {
        self.0.server_name.clone().or_else(|| parse_name(host))
    }

    /// Whether it is the very same: nothing changed between two compiles.
    pub fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl MadeOf {
    fn is_same(&self, other: &Self) -> bool {
        let Self { trust, certificate, min_version, alpn, server_name } = self;
        let same_certificate = match (certificate, &other.certificate) {
            (Some(a), Some(b)) => Arc::ptr_eq(a, b),
            (a, b) => a.is_none() && b.is_none(),
        };
        same_certificate
            && *trust == other.trust
            && *min_version == other.min_version
            && *alpn == other.alpn
            && *server_name == other.server_name
    }
}

fn parse_name(host: &str) -> Option<ServerName<'static>> {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    match bare.parse::<IpAddr>() {
        Ok(address) => Some(ServerName::from(address)),
        Err(_) => ServerName::try_from(host.strip_suffix('.').unwrap_or(host).to_owned()).ok(),
    }
}

fn name_of(name: &str) -> Result<ServerName<'static>, TlsProblem> {
    parse_name(name).ok_or_else(|| {
        let message = format!("{name:?} is neither a host name nor an address");
        TlsProblem::new(Kind::BadName, "server_name", message, "without scheme and port, such as \"api.internal\"")
    })
}

fn trust(verify: bool, ca: Option<&std::path::Path>) -> Result<(Trust, Arc<dyn ServerCertVerifier>), TlsProblem> {
    match (verify, ca) {
        (false, _) => Ok((Trust::Anybody, Arc::new(VerifiesNobody(provider())))),
        (true, Some(path)) => {
            let authorities = Authorities::read(path, "ca")?;
            let trust = Trust::File(authorities.digest);
            let verifier = authorities.server_verifier().map_err(|error| {
                let message = format!("{} cannot be used to verify servers: {error}", path.display());
                TlsProblem::new(Kind::BadCertificate, "ca", message, "name a file of certificate authorities").of(path)
            })?;
            Ok((trust, verifier))
        }
        (true, None) => match system_verifier() {
            Ok(verifier) => Ok((Trust::System, verifier)),
            Err(error) => {
                let message = format!("the certificate authorities of the system cannot be read: {error}");
                let help = "install the package ca-certificates, or name your own authorities in `ca`";
                Err(TlsProblem::new(Kind::NoSystemAuthorities, "ca", message, help))
            }
        },
    }
}

fn config(made_of: &MadeOf, verifier: Arc<dyn ServerCertVerifier>) -> Result<ClientConfig, Error> {
    // "Dangerous" because the verifier may be any; ours verify, but for the one that the operator asked for.
    let builder = ClientConfig::builder_with_provider(provider())
        .with_protocol_versions(versions(made_of.min_version))?
        .dangerous()
        .with_custom_certificate_verifier(verifier);
    let mut config = match &made_of.certificate {
        Some(own) => builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(own.certified.clone()))),
        None => builder.with_no_client_auth(),
    };
    config.alpn_protocols.clone_from(&made_of.alpn);
    Ok(config)
}

/// `verify = false`. **Accepts any certificate of anybody**, so whoever can reach the wire can read and change everything that is
/// proxied over it. The handshake is still checked: the peer has the key of the certificate that it shows.
#[derive(Debug)]
struct VerifiesNobody(Arc<CryptoProvider>);

impl ServerCertVerifier for VerifiesNobody {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, cert, dss, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
