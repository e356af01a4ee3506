//! TLS on both sides: certificates by server name, resumption, client certificates, the 421 rule; and TLS to the endpoints.
//!
//! Files are read here and only while a config is compiled. What a request or a handshake reads is immutable.
//!
//! Server side: [`ServerTls::compile`] → [`ServerTls::begin`] for each connection → the handshake → [`Handshake::finish`] →
//! [`Session`], which knows the certificate that this connection was served and so answers [`Session::covers`].
//! Upstream side: [`ClientTls::compile`] → [`ClientTls::config`] and [`ClientTls::server_name`].

mod authorities;
mod certificate;
mod certificates;
mod check;
mod client;
mod names;
mod pem;
mod problem;
mod self_signed;
mod server;
mod session;
mod subject;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use rustls::SupportedProtocolVersion;
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::{self, kx_group};

use crate::config::model::TlsVersion;

pub use certificate::{Certificate, leaf};
pub use check::{of_collector, problems};
pub use client::{ClientTls, alpn_of, alpn_of_collector};
pub use names::Names;
pub use problem::{Severity, TlsProblem, TlsProblemKind};
pub use server::{Handshake, ServerTls};
pub use session::Session;
pub use subject::subject;

/// aws-lc-rs with the hybrid post-quantum group first, whatever features of rustls a dependency switches on.
fn provider() -> Arc<CryptoProvider> {
    let kx_groups = vec![kx_group::X25519MLKEM768, kx_group::X25519, kx_group::SECP256R1, kx_group::SECP384R1];
    Arc::new(CryptoProvider { kx_groups, ..aws_lc_rs::default_provider() })
}

static FROM_1_2: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];
static FROM_1_3: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13];

fn versions(min: TlsVersion) -> &'static [&'static SupportedProtocolVersion] {
    match min {
        TlsVersion::V1_2 => FROM_1_2,
        TlsVersion::V1_3 => FROM_1_3,
    }
}
