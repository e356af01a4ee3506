//! The certificate of the TLS work: ECDSA P-256, signed by itself, as the load generators do not verify.

use std::path::PathBuf;

use crate::scratch::Scratch;

/// Certificate and key as files; HAProxy wants both in one.
pub(crate) struct Certificate {
    /// PEM.
    pub(crate) cert: PathBuf,
    /// PEM, PKCS#8.
    pub(crate) key: PathBuf,
    /// One behind the other.
    pub(crate) both: PathBuf,
}

impl Certificate {
    /// Makes one for `localhost`.
    pub(crate) fn new(scratch: &Scratch) -> Result<Self, String> {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()])
            .map_err(|error| format!("cannot make a certificate: {error}"))?;
        let (cert, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let both = format!("{cert}{key}");
        let write = |name: &str, text: &str| scratch.write(name, text).map_err(|error| format!("{name}: {error}"));
        Ok(Self { cert: write("cert.pem", &cert)?, key: write("key.pem", &key)?, both: write("both.pem", &both)? })
    }
}
