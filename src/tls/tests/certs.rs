//! Certificates for tests, made when they are needed: an authority, leaves of every kind of key, and a folder to put them in.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
    PKCS_ECDSA_P256_SHA256, PKCS_ED25519, PKCS_RSA_SHA256,
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Kinds of keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    Ecdsa,
    Rsa,
    Ed25519,
}

/// A certificate chain and its key.
pub struct Pem {
    pub cert: String,
    pub key: String,
}

/// Signs leaves.
pub struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        Self(CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap())
    }

    pub fn pem(&self) -> String {
        self.0.pem()
    }

    /// A leaf for these host names and addresses.
    pub fn leaf(&self, names: &[&str], key: Key) -> Pem {
        self.sign(params(names), key)
    }

    /// A leaf whose time was over a day ago.
    pub fn expired(&self, names: &[&str]) -> Pem {
        let mut params = params(names);
        params.not_before = (SystemTime::now() - 10 * DAY).into();
        params.not_after = (SystemTime::now() - DAY).into();
        self.sign(params, Key::Ecdsa)
    }

    /// A leaf with a subject and no name, such as people have.
    pub fn person(&self, subject: &[(DnType, &str)]) -> Pem {
        let mut params = params(&[]);
        params.distinguished_name = rcgen::DistinguishedName::new();
        for (kind, value) in subject {
            params.distinguished_name.push(kind.clone(), *value);
        }
        self.sign(params, Key::Ecdsa)
    }

    pub fn sign(&self, params: CertificateParams, key: Key) -> Pem {
        let key = generate(key);
        Pem { cert: params.signed_by(&key, &self.0).unwrap().pem(), key: key.serialize_pem() }
    }
}

/// What `openssl req -x509` makes: signed by itself, with the CA bit.
pub fn openssl_self_signed(names: &[&str]) -> Pem {
    let mut params = params(names);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = generate(Key::Ecdsa);
    Pem { cert: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
}

pub fn params(names: &[&str]) -> CertificateParams {
    CertificateParams::new(names.iter().map(ToString::to_string).collect::<Vec<_>>()).unwrap()
}

fn generate(key: Key) -> KeyPair {
    let algorithm = match key {
        Key::Ecdsa => &PKCS_ECDSA_P256_SHA256,
        Key::Rsa => &PKCS_RSA_SHA256,
        Key::Ed25519 => &PKCS_ED25519,
    };
    KeyPair::generate_for(algorithm).unwrap()
}

/// A folder of this test alone, gone when it is dropped.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("tidegate-certs-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file and gives its path.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Writes `name.pem` and `name.key`.
    pub fn put(&self, name: &str, pem: &Pem) -> (PathBuf, PathBuf) {
        (self.write(&format!("{name}.pem"), &pem.cert), self.write(&format!("{name}.key"), &pem.key))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
