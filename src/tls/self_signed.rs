//! Certificates made at start, for development and for edges behind something that does not verify.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, KeyPair, KeyUsagePurpose};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::sign::CertifiedKey;

use super::certificate::{Certificate, Source};
use super::problem::{TlsProblem, TlsProblemKind as Kind};
use super::provider;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);
const LIFE: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// A reload with less left than this makes a new one.
const RENEW: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// A certificate for these host names, wildcards and addresses: the one that `carry` has for the same names, or a new one.
pub(super) fn self_signed(
    names: &[String],
    carry: &[Arc<Certificate>],
    now: SystemTime,
) -> Result<Arc<Certificate>, Vec<TlsProblem>> {
    let source = Source::SelfSigned(names.to_vec());
    let lasts = |certificate: &Certificate| certificate.not_after() > now + RENEW;
    if let Some(same) = carry.iter().find(|certificate| *certificate.source() == source && lasts(certificate)) {
        return Ok(same.clone());
    }
    let wrong: Vec<_> =
        names.iter().enumerate().filter(|(_, name)| !is_name(name)).map(|(at, name)| bad(at, name)).collect();
    if !wrong.is_empty() {
        return Err(wrong);
    }
    let made = make(names, now).and_then(|certified| Certificate::new(certified, source));
    made.map(Arc::new).map_err(|reason| {
        let message = format!("no certificate could be made: {reason}");
        vec![TlsProblem::new(Kind::BadName, "self_signed", message, "use host names and addresses")]
    })
}

fn is_name(name: &str) -> bool {
    ServerName::try_from(name.strip_prefix("*.").unwrap_or(name)).is_ok()
}

fn bad(at: usize, name: &str) -> TlsProblem {
    let message = format!("{name:?} is neither a host name nor an address");
    TlsProblem::new(
        Kind::BadName,
        &format!("self_signed[{at}]"),
        message,
        "without scheme and port, such as \"localhost\"",
    )
}

fn make(names: &[String], now: SystemTime) -> Result<CertifiedKey, String> {
    let text = |error: rcgen::Error| error.to_string();
    let mut params = CertificateParams::new(names).map_err(text)?;
    // Clocks differ: a client's may be behind ours.
    params.not_before = (now - DAY).into();
    params.not_after = (now + LIFE).into();
    params.distinguished_name.push(DnType::CommonName, "Tidegate self-signed");
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    let key = KeyPair::generate().map_err(text)?;
    let certificate = params.self_signed(&key).map_err(text)?;
    let der = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    CertifiedKey::from_der(vec![certificate.into()], der, &provider()).map_err(|error| error.to_string())
}
