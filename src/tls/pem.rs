//! Reading PEM files, with a sentence for each way in which they are wrong.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::problem::{TlsProblem, TlsProblemKind as Kind};

/// SHA-256 of a file's content: what a reload compares.
pub(super) type Digest = [u8; 32];

/// A bundle of all public authorities is some 250 KiB.
const LIMIT: u64 = 16 << 20;

/// A file of a config, read whole.
pub(super) struct PemFile {
    path: PathBuf,
    key: String,
    bytes: Vec<u8>,
}

impl PemFile {
    /// Reads the file that the config names at `key`.
    pub(super) fn read(path: &Path, key: &str) -> Result<Self, TlsProblem> {
        let bytes = contents(path).map_err(|error| unreadable(path, key, &error))?;
        Ok(Self { path: path.to_owned(), key: key.to_owned(), bytes })
    }

    /// What a reload compares.
    pub(super) fn digest(&self) -> Digest {
        let mut whole = Digest::default();
        whole.copy_from_slice(digest(&SHA256, &self.bytes).as_ref());
        whole
    }

    /// All certificates in the file, at least one.
    pub(super) fn certificates(&self) -> Result<Vec<CertificateDer<'static>>, TlsProblem> {
        let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.bytes).collect();
        match found {
            Ok(certificates) if certificates.is_empty() => Err(self.without_certificate()),
            Ok(certificates) => Ok(certificates),
            Err(error) => Err(self.broken(&error)),
        }
    }

    /// The one private key in the file.
    pub(super) fn private_key(&self) -> Result<PrivateKeyDer<'static>, TlsProblem> {
        if self.is_encrypted() {
            let path = self.path.display();
            let help = format!(
                "remove it: openssl pkey -in {path} -out {path}.plain, and keep that file readable to tidegate only"
            );
            return Err(self.problem(
                Kind::EncryptedKey,
                format!("the private key in {path} is protected by a passphrase"),
                help,
            ));
        }
        let found: Result<Vec<_>, _> = PrivateKeyDer::pem_slice_iter(&self.bytes).collect();
        let mut keys = found.map_err(|error| self.broken(&error))?;
        match (keys.pop(), keys.len()) {
            (Some(key), 0) => Ok(key),
            (Some(_), others) => Err(self.problem(
                Kind::SeveralKeys,
                format!("{} holds {} private keys", self.path.display(), others + 1),
                "keep only the one that belongs to the certificate",
            )),
            (None, _) => Err(self.without_key()),
        }
    }

    fn is_encrypted(&self) -> bool {
        let has = |marker: &[u8]| memchr::memmem::find(&self.bytes, marker).is_some();
        has(b"-----BEGIN ENCRYPTED PRIVATE KEY-----") || has(b"Proc-Type: 4,ENCRYPTED")
    }

    fn without_certificate(&self) -> TlsProblem {
        let path = self.path.display();
        if let Some(problem) = self.not_text("openssl x509 -inform der") {
            return problem;
        }
        match PrivateKeyDer::from_pem_slice(&self.bytes) {
            Ok(_) => self.problem(
                Kind::NoCertificate,
                format!("{path} holds a private key but no certificate"),
                "name the certificate's file here and the key's file in `key`",
            ),
            Err(_) => self.problem(
                Kind::NoCertificate,
                format!("there is no certificate in {path}"),
                "it needs a section that begins with -----BEGIN CERTIFICATE-----",
            ),
        }
    }

    fn without_key(&self) -> TlsProblem {
        let path = self.path.display();
        if let Some(problem) = self.not_text("openssl pkey -inform der") {
            return problem;
        }
        match CertificateDer::from_pem_slice(&self.bytes) {
            Ok(_) => self.problem(
                Kind::NoKey,
                format!("{path} holds a certificate but no private key"),
                "name the private key's file in `key`",
            ),
            Err(_) => self.problem(
                Kind::NoKey,
                format!("there is no private key in {path}"),
                "it needs a section that begins with -----BEGIN PRIVATE KEY-----, RSA PRIVATE KEY or EC PRIVATE KEY",
            ),
        }
    }

    /// DER begins with a SEQUENCE, which no PEM file does.
    fn not_text(&self, convert: &str) -> Option<TlsProblem> {
        let path = self.path.display();
        (self.bytes.first() == Some(&0x30)).then(|| {
            self.problem(
                Kind::NotPem,
                format!("{path} is DER, not PEM"),
                format!("convert it: {convert} -in {path} -out {path}.pem"),
            )
        })
    }

    fn broken(&self, error: &pem::Error) -> TlsProblem {
        let message = format!("{} is not valid PEM: {error}", self.path.display());
        self.problem(Kind::NotPem, message, "copy the file again from where it was made")
    }

    /// A problem of this file.
    pub(super) fn problem(&self, kind: Kind, message: String, help: impl Into<String>) -> TlsProblem {
        TlsProblem::new(kind, &self.key, message, help).of(&self.path)
    }
}

fn contents(path: &Path) -> io::Result<Vec<u8>> {
    // Asked before it is opened: opening a pipe would wait for its writer.
    if !std::fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(LIMIT + 1).read_to_end(&mut bytes)?;
    match bytes.len() as u64 > LIMIT {
        true => Err(io::Error::other("it is larger than 16 MiB")),
        false => Ok(bytes),
    }
}

fn unreadable(path: &Path, key: &str, error: &io::Error) -> TlsProblem {
    let shown = path.display();
    let (kind, message, help) = match error.kind() {
        io::ErrorKind::NotFound => (
            Kind::FileMissing,
            format!("there is no file {shown}"),
            "relative paths begin at the folder of the config file",
        ),
        io::ErrorKind::PermissionDenied => {
            (Kind::NoPermission, format!("no permission to read {shown}"), "let the user that runs tidegate read it")
        }
        _ => (Kind::Unreadable, format!("cannot read {shown}: {error}"), "name a PEM file"),
    };
    TlsProblem::new(kind, key, message, help).of(path)
}
