//! One certificate with its key: read from two files or made at start.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rustls::pki_types::CertificateDer;
use rustls::sign::CertifiedKey;
use rustls::{Error, InconsistentKeys, SignatureAlgorithm};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::time::ASN1Time;

use super::names::Names;
use super::pem::{Digest, PemFile};
use super::problem::{TlsProblem, TlsProblemKind as Kind};
use super::provider;
use crate::config::model::CertificateFiles;

/// A certificate that can be served, or presented to an endpoint.
#[derive(Debug)]
pub struct Certificate {
    pub(super) certified: Arc<CertifiedKey>,
    names: Names,
    valid: (SystemTime, SystemTime),
    source: Source,
}

/// Where a certificate is from: equal sources give equal certificates.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Source {
    /// These files with this content.
    Files { files: CertificateFiles, cert: Digest, key: Digest },
    /// Made here for these names.
    SelfSigned(Vec<String>),
}

/// What is in a certificate file, for people: the names that its leaf is good for, and the end of its time. `None` where it is no such file.
pub fn leaf(path: &std::path::Path) -> Option<(String, SystemTime)> {
    let chain = PemFile::read(path, "").ok()?.certificates().ok()?;
    let (_, leaf) = X509Certificate::from_der(chain.first()?).ok()?;
    Some((Names::of(&leaf).to_string(), time(leaf.validity().not_after)))
}

impl Certificate {
    /// Reads the files; what they made before, `carry`, is the result where their content is the same. `key` is the table that
    /// names them.
    pub(super) fn load(
        files: &CertificateFiles,
        key: &str,
        carry: Option<&Arc<Self>>,
    ) -> Result<Arc<Self>, Vec<TlsProblem>> {
        let (cert_at, key_at) = (join(key, "cert"), join(key, "key"));
        let (cert_file, key_file) =
            both(PemFile::read(&files.cert, &cert_at), PemFile::read(&files.key, &key_at)).map_err(Vec::from_iter)?;
        let source = Source::Files { files: files.clone(), cert: cert_file.digest(), key: key_file.digest() };
        if let Some(same) = carry.filter(|certificate| certificate.source == source) {
            return Ok(same.clone());
        }
        let (chain, private) = both(cert_file.certificates(), key_file.private_key())?;
        let private = provider().key_provider.load_private_key(private).map_err(|_| {
            let message = format!("the private key in {} is of a kind that is not supported", files.key.display());
            vec![key_file.problem(
                Kind::BadKey,
                message,
                "use RSA (2048 bits or more), ECDSA (P-256, P-384, P-521) or Ed25519",
            )]
        })?;
        let certified = CertifiedKey::new(chain, private);
        certified.keys_match().or_else(|error| mismatch(error, &certified, files, (&cert_file, &key_file)))?;
        Self::new(certified, source).map(Arc::new).map_err(|reason| vec![bad_certificate(&cert_file, files, &reason)])
    }

    /// Takes names and times from the leaf. The error is the reason why it cannot be understood.
    pub(super) fn new(certified: CertifiedKey, source: Source) -> Result<Self, String> {
        let leaf = certified.cert.first().ok_or("the chain is empty")?;
        let (_, leaf) = X509Certificate::from_der(leaf).map_err(|error| error.to_string())?;
        let (names, valid) = (Names::of(&leaf), leaf.validity());
        let valid = (time(valid.not_before), time(valid.not_after));
        Ok(Self { certified: Arc::new(certified), names, valid, source })
    }

    /// What it is good for.
    pub const fn names(&self) -> &Names {
        &self.names
    }

    /// The end of its time.
    pub const fn not_after(&self) -> SystemTime {
        self.valid.1
    }

    /// Where it is from, for people: the file of the chain, or that it was made here.
    pub fn source_name(&self) -> String {
        self.files().map_or_else(|| "self-signed".to_owned(), |files| files.cert.display().to_string())
    }

    /// The leaf and what it was signed by, DER.
    pub fn chain(&self) -> &[CertificateDer<'static>] {
        &self.certified.cert
    }

    /// The files it was read from.
    pub(super) const fn files(&self) -> Option<&CertificateFiles> {
        match &self.source {
            Source::Files { files, .. } => Some(files),
            Source::SelfSigned(_) => None,
        }
    }

    pub(super) const fn source(&self) -> &Source {
        &self.source
    }

    /// The order in which certificates for one name are tried: what costs us least first.
    pub(super) fn rank(&self) -> u8 {
        match self.certified.key.algorithm() {
            SignatureAlgorithm::ECDSA => 0,
            SignatureAlgorithm::ED25519 => 1,
            SignatureAlgorithm::RSA => 2,
            _ => 3,
        }
    }

    /// What does not stop it from being served but is probably not meant. `key` is the table that names it.
    pub(super) fn warnings(&self, key: &str, now: SystemTime) -> Vec<TlsProblem> {
        let Source::Files { files, .. } = &self.source else { return Vec::new() };
        let path = files.cert.display();
        let warning =
            |kind, message, help: &str| TlsProblem::new(kind, &join(key, "cert"), message, help).of(&files.cert);
        let date = |time| httpdate::fmt_http_date(time);
        let mut warnings = Vec::new();
        if now > self.valid.1 {
            let message = format!("the certificate in {path} expired on {}", date(self.valid.1));
            warnings.push(warning(Kind::Expired, message, "clients refuse it; renew it"));
        }
        if now < self.valid.0 {
            let message = format!("the certificate in {path} is not valid before {}", date(self.valid.0));
            warnings.push(warning(
                Kind::NotYetValid,
                message,
                "clients refuse it until then; look at this machine's clock",
            ));
        }
        if self.names.is_empty() {
            let message =
                format!("the certificate in {path} has no subject alternative name, and a common name does not count");
            warnings.push(warning(
                Kind::NoNames,
                message,
                "clients refuse it; make it with subjectAltName=DNS:the.name",
            ));
        }
        warnings
    }
}

/// `table.key`, or `key` alone at the top.
fn join(table: &str, key: &str) -> String {
    if table.is_empty() { key.to_owned() } else { format!("{table}.{key}") }
}

/// Both, or every problem.
fn both<A, B>(a: Result<A, TlsProblem>, b: Result<B, TlsProblem>) -> Result<(A, B), Vec<TlsProblem>> {
    match (a, b) {
        (Ok(a), Ok(b)) => Ok((a, b)),
        (a, b) => Err(a.err().into_iter().chain(b.err()).collect()),
    }
}

fn mismatch(
    error: Error,
    certified: &CertifiedKey,
    files: &CertificateFiles,
    (cert_file, key_file): (&PemFile, &PemFile),
) -> Result<(), Vec<TlsProblem>> {
    let (cert, key) = (files.cert.display(), files.key.display());
    match error {
        // A kind of key that does not tell its public half.
        Error::InconsistentKeys(InconsistentKeys::Unknown) => Ok(()),
        Error::InconsistentKeys(_) => {
            let message = format!("the private key in {key} does not belong to the certificate in {cert}");
            let own = |at: &CertificateDer<'static>| {
                CertifiedKey::new(vec![at.clone()], certified.key.clone()).keys_match().is_ok()
            };
            let help = match certified.cert.iter().position(own) {
                Some(at) => format!("it belongs to certificate {} in {cert}, which must come first", at + 1),
                None => "name the two files that were made together".to_owned(),
            };
            Err(vec![key_file.problem(Kind::KeyMismatch, message, help)])
        }
        error => Err(vec![bad_certificate(cert_file, files, &error.to_string())]),
    }
}

fn bad_certificate(file: &PemFile, files: &CertificateFiles, reason: &str) -> TlsProblem {
    let message = format!("the first certificate in {} cannot be understood: {reason}", files.cert.display());
    file.problem(Kind::BadCertificate, message, "it must be an X.509 version 3 certificate")
}

/// Times before 1970 count as 1970: such a certificate is over either way.
fn time(time: ASN1Time) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(time.timestamp()).unwrap_or(0))
}
