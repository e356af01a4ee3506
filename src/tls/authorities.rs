//! Whom we trust: certificate authorities from a file or of the system, and the verifiers made of them.
//!
//! webpki refuses a certificate with the CA bit as a server's or client's own. Yet that is what `openssl req -x509` makes and
//! what operators then name in `ca` or `client_ca`. So a certificate that is listed in the file octet for octet is accepted
//! as itself, as OpenSSL does; its time and, on the upstream side, its names are still checked.

use std::path::Path;
use std::sync::{Arc, OnceLock};

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{ParsedCertificate, WebPkiClientVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, RootCertStore, SignatureScheme};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::time::ASN1Time;

use super::pem::{Digest, PemFile};
use super::problem::{TlsProblem, TlsProblemKind as Kind};
use super::provider;

/// The certificates of a `ca` or `client_ca` file.
pub(super) struct Authorities {
    roots: Arc<RootCertStore>,
    listed: Vec<CertificateDer<'static>>,
    /// Of the file.
    pub(super) digest: Digest,
}

impl Authorities {
    /// Reads the file that the config names at `key`.
    pub(super) fn read(path: &Path, key: &str) -> Result<Self, TlsProblem> {
        let file = PemFile::read(path, key)?;
        let listed = file.certificates()?;
        let mut roots = RootCertStore::empty();
        for (at, certificate) in listed.iter().enumerate() {
            roots.add(certificate.clone()).map_err(|error| {
                let message =
                    format!("certificate {} in {} cannot be used as an authority: {error}", at + 1, path.display());
                file.problem(Kind::BadCertificate, message, "take it out of the file")
            })?;
        }
        Ok(Self { roots: Arc::new(roots), listed, digest: file.digest() })
    }

    /// Verifies what clients present. Without `required`, a client may present nothing; a wrong certificate is refused all the same.
    pub(super) fn client_verifier(self, required: bool) -> Result<Arc<dyn ClientCertVerifier>, Error> {
        let builder = WebPkiClientVerifier::builder_with_provider(self.roots, provider());
        let builder = if required { builder } else { builder.allow_unauthenticated() };
        let inner = builder.build().map_err(|error| Error::General(error.to_string()))?;
        Ok(Arc::new(ClientVerifier { inner, listed: self.listed }))
    }

    /// Verifies what servers present.
    pub(super) fn server_verifier(self) -> Result<Arc<dyn ServerCertVerifier>, Error> {
        Ok(Arc::new(ServerVerifier { inner: webpki(self.roots)?, listed: self.listed }))
    }
}

/// Verifies servers by the authorities of the system, which are read once in the life of the process.
pub(super) fn system_verifier() -> Result<Arc<dyn ServerCertVerifier>, Error> {
    Ok(webpki(system_roots()?)?)
}

fn webpki(roots: Arc<RootCertStore>) -> Result<Arc<WebPkiServerVerifier>, Error> {
    let builder = WebPkiServerVerifier::builder_with_provider(roots, provider());
    builder.build().map_err(|error| Error::General(error.to_string()))
}

fn system_roots() -> Result<Arc<RootCertStore>, Error> {
    static ROOTS: OnceLock<Result<Arc<RootCertStore>, String>> = OnceLock::new();
    let roots = ROOTS.get_or_init(|| {
        let found = rustls_native_certs::load_native_certs();
        let mut roots = RootCertStore::empty();
        let (added, _) = roots.add_parsable_certificates(found.certs);
        match (added, found.errors.first()) {
            (0, Some(error)) => Err(error.to_string()),
            (0, None) => Err("there are none".to_owned()),
            _ => Ok(Arc::new(roots)),
        }
    });
    roots.clone().map_err(Error::General)
}

fn listed_and_in_time(listed: &[CertificateDer<'_>], presented: &CertificateDer<'_>, now: UnixTime) -> bool {
    let in_time = |certificate: X509Certificate<'_>| {
        let now = i64::try_from(now.as_secs()).ok().and_then(|seconds| ASN1Time::from_timestamp(seconds).ok());
        now.is_some_and(|now| certificate.validity().is_valid_at(now))
    };
    listed.contains(presented)
        && X509Certificate::from_der(presented).is_ok_and(|(_, certificate)| in_time(certificate))
}

#[derive(Debug)]
struct ServerVerifier {
    inner: Arc<WebPkiServerVerifier>,
    listed: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for ServerVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verdict = self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        if verdict.is_err() && listed_and_in_time(&self.listed, end_entity, now) {
            verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
            return Ok(ServerCertVerified::assertion());
        }
        verdict
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

#[derive(Debug)]
struct ClientVerifier {
    inner: Arc<dyn ClientCertVerifier>,
    listed: Vec<CertificateDer<'static>>,
}

impl ClientCertVerifier for ClientVerifier {
    fn client_auth_mandatory(&self) -> bool {
        self.inner.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verdict = self.inner.verify_client_cert(end_entity, intermediates, now);
        if verdict.is_err() && listed_and_in_time(&self.listed, end_entity, now) {
            return Ok(ClientCertVerified::assertion());
        }
        verdict
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// A client certificate whose time is over, as seen from a resumed session.
pub(super) fn verify_again(verifier: &dyn ClientCertVerifier, chain: &[CertificateDer<'_>]) -> Result<(), Error> {
    let (leaf, rest) = chain.split_first().ok_or(Error::InvalidCertificate(CertificateError::BadEncoding))?;
    verifier.verify_client_cert(leaf, rest, UnixTime::now()).map(drop)
}
