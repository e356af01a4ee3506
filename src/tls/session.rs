//! What a finished handshake agreed, and which authorities its connection may be asked for.

use std::cell::RefCell;
use std::net::IpAddr;
use std::sync::Arc;

use http::HeaderValue;
use rustls::{CipherSuite, Error, HandshakeKind, ProtocolVersion, ServerConnection};

use super::certificate::Certificate;
use super::subject::subject;
use crate::http::authority;
use crate::observe::TlsFacts;

/// Longest subject that is passed upstream, in octets. It is an identity, so it is never cut.
const LONGEST_SUBJECT: usize = 4096;

/// The TLS of one client connection.
#[derive(Debug)]
pub struct Session {
    certificate: Arc<Certificate>,
    facts: TlsFacts,
    group: Option<&'static str>,
    server_name: Option<Box<str>>,
    http2: bool,
    client_subject: Option<HeaderValue>,
    /// The last authority that was covered, as the client wrote it.
    covered: RefCell<Vec<u8>>,
}

impl Session {
    pub(super) fn of(connection: &ServerConnection, certificate: Arc<Certificate>) -> Result<Self, Error> {
        let leaf = connection.peer_certificates().and_then(<[_]>::first);
        Ok(Self {
            certificate,
            facts: facts(connection),
            group: connection.negotiated_key_exchange_group().and_then(|group| group.name().as_str()),
            server_name: connection.server_name().map(Into::into),
            http2: connection.alpn_protocol() == Some(b"h2"),
            client_subject: leaf.and_then(|leaf| subject(leaf)).map(header).transpose()?,
            covered: RefCell::default(),
        })
    }

    /// Version, cipher suite, and whether the session was resumed.
    pub const fn facts(&self) -> TlsFacts {
        self.facts
    }

    /// The group of the key exchange, such as `X25519MLKEM768`; none in a session that TLS 1.2 resumed.
    pub const fn group(&self) -> Option<&'static str> {
        self.group
    }

    /// The name that the client asked for, lower case.
    pub fn server_name(&self) -> Option<&str> {
        self.server_name.as_deref()
    }

    /// Whether ALPN chose HTTP/2. Without ALPN it is HTTP/1.1.
    pub const fn http2(&self) -> bool {
        self.http2
    }

    /// The subject of the certificate that the client proved to have, for [`ClientAuth::subject_header`].
    ///
    /// [`ClientAuth::subject_header`]: crate::config::model::ClientAuth::subject_header
    pub const fn client_subject(&self) -> Option<&HeaderValue> {
        self.client_subject.as_ref()
    }

    /// The certificate that this connection was served.
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Whether a request for that authority may come over this connection; if not, the answer is 421 (RFC 9110 §15.5.20), and
    /// the client asks again over a connection of its own.
    ///
    /// The certificate that this connection was served must have the authority's host among its subject alternative names.
    /// Three things are let through beyond that:
    /// - an address, where the client named no server: for an address there is no way to name one (RFC 6066 §3), so the client
    ///   has checked the certificate against that address, or decided not to (`curl -k https://127.0.0.1:8443`);
    /// - `localhost` and names below it, which never leave the client's machine (RFC 6761 §6.3), where the client named the same
    ///   server or none;
    /// - no authority at all, which HTTP/1.0 allows.
    ///
    /// The last authority is remembered, so that a request like the one before costs one comparison.
    pub fn covers(&self, authority: &str) -> bool {
        if authority.is_empty() || *self.covered.borrow() == authority.as_bytes() {
            return true;
        }
        let host = authority::host(authority).trim_matches(['[', ']']);
        let covered = self.is_covered(host);
        if covered {
            let mut last = self.covered.borrow_mut();
            last.clear();
            last.extend_from_slice(authority.as_bytes());
        }
        covered
    }

    fn is_covered(&self, host: &str) -> bool {
        if self.certificate.names().covers(host) {
            return true;
        }
        match &self.server_name {
            None => host.parse::<IpAddr>().is_ok() || is_localhost(host),
            Some(name) => is_localhost(host) && name.eq_ignore_ascii_case(host),
        }
    }
}

pub(super) fn is_localhost(host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    let last = host.rsplit_once('.').map_or(host, |(_, last)| last);
    last.eq_ignore_ascii_case("localhost")
}

fn facts(connection: &ServerConnection) -> TlsFacts {
    let version = match connection.protocol_version() {
        Some(ProtocolVersion::TLSv1_3) => "TLSv1.3",
        _ => "TLSv1.2",
    };
    let cipher = connection.negotiated_cipher_suite().map_or("", |suite| registered_name(suite.suite()));
    TlsFacts { version, cipher, resumed: connection.handshake_kind() == Some(HandshakeKind::Resumed) }
}

/// The name in the IANA registry, from which rustls's differs for TLS 1.3.
fn registered_name(suite: CipherSuite) -> &'static str {
    match suite {
        CipherSuite::TLS13_AES_128_GCM_SHA256 => "TLS_AES_128_GCM_SHA256",
        CipherSuite::TLS13_AES_256_GCM_SHA384 => "TLS_AES_256_GCM_SHA384",
        CipherSuite::TLS13_CHACHA20_POLY1305_SHA256 => "TLS_CHACHA20_POLY1305_SHA256",
        suite => suite.as_str().unwrap_or_default(),
    }
}

fn header(subject: String) -> Result<HeaderValue, Error> {
    let too_long = || Error::General(format!("the client certificate's subject has {} octets", subject.len()));
    match subject.len() > LONGEST_SUBJECT {
        true => Err(too_long()),
        false => HeaderValue::from_str(&subject).map_err(|_| too_long()),
    }
}

#[cfg(test)]
mod tests {
    use super::is_localhost;

    #[test]
    fn localhost_and_what_is_below_it() {
        for (host, expected) in [
            ("localhost", true),
            ("LocalHost", true),
            ("localhost.", true),
            ("app.localhost", true),
            ("localhost.example.com", false),
            ("notlocalhost", false),
            ("", false),
        ] {
            assert_eq!(is_localhost(host), expected, "{host}");
        }
    }
}
