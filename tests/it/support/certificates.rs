//! An authority of a story, and what it issues.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    KeyUsagePurpose, PKCS_RSA_SHA256, RsaKeySize,
};

use super::Folder;

/// An authority that a client, or the program, is told to trust.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate and its key, PEM.
pub struct Issued {
    /// The certificate.
    pub cert: String,
    /// The key, PKCS#8.
    pub key: String,
}

impl Authority {
    /// A new one.
    pub fn new() -> Self {
        let mut params = CertificateParams::new(Vec::<String>::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::DigitalSignature];
        params.distinguished_name.push(DnType::CommonName, "Story Authority");
        Self { issuer: CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap() }
    }

    /// Its own certificate, PEM.
    pub fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// Its own certificate, DER.
    pub fn der(&self) -> rustls::pki_types::CertificateDer<'static> {
        self.issuer.der().clone()
    }

    /// A server certificate for these names, ECDSA P-256.
    pub fn issue(&self, names: &[&str]) -> Issued {
        self.sign(names, "", KeyPair::generate().unwrap())
    }

    /// The same with RSA 2048.
    pub fn issue_rsa(&self, names: &[&str]) -> Issued {
        self.sign(names, "", KeyPair::generate_rsa_for(&PKCS_RSA_SHA256, RsaKeySize::_2048).unwrap())
    }

    /// A client certificate with that common name.
    pub fn issue_client(&self, common_name: &str) -> Issued {
        self.sign(&[], common_name, KeyPair::generate().unwrap())
    }

    fn sign(&self, names: &[&str], common_name: &str, key: KeyPair) -> Issued {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        if !common_name.is_empty() {
            params.distinguished_name.push(DnType::CommonName, common_name);
        }
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let cert = params.signed_by(&key, &self.issuer).unwrap();
        Issued { cert: cert.pem(), key: key.serialize_pem() }
    }
}

impl Issued {
    /// Writes `<name>.pem` and `<name>.key`, and gives the line of a config that names them.
    pub fn write(&self, folder: &Folder, name: &str) -> String {
        folder.write(&format!("{name}.pem"), &self.cert);
        folder.write(&format!("{name}.key"), &self.key);
        format!("{{ cert = \"{name}.pem\", key = \"{name}.key\" }}")
    }
}
