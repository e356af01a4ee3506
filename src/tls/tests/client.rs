//! TLS to endpoints.

use super::super::{ClientTls, alpn_of};
use super::certs::{Key, openssl_self_signed};
use super::*;
use crate::config::model::{UpstreamProtocol, UpstreamTls};

fn upstream() -> UpstreamTls {
    UpstreamTls { verify: true, ca: None, server_name: None, certificate: None, min_version: TlsVersion::V1_2 }
}

/// Whether an upstream with that config takes that endpoint for the host.
fn takes(model: &UpstreamTls, endpoint: &ServerTls, host: &str) -> Result<Session, Error> {
    let tls = ClientTls::compile(model, alpn_of(UpstreamProtocol::Auto)).unwrap();
    let handshake = endpoint.begin();
    let (server, _) = pump(handshake.config(), &tls.config(), tls.server_name(host).unwrap())?;
    handshake.finish(&server)
}

#[test]
fn an_endpoint_is_verified_by_authority_and_name() {
    let (folder, authority) = (Folder::new(), Authority::new("ca"));
    let names = ["api.internal", "127.0.0.1", "::1"];
    let endpoint = compile(&listener(vec![put(&folder, "a", &authority.leaf(&names, Key::Ecdsa))]));
    let own = UpstreamTls { ca: Some(folder.write("ca.pem", authority.pem())), ..upstream() };
    let other = UpstreamTls { ca: Some(folder.write("other.pem", Authority::new("other").pem())), ..upstream() };
    let named = UpstreamTls { server_name: Some("api.internal".into()), ..own.clone() };
    let nobody = UpstreamTls { verify: false, ..other.clone() };
    let late = compile(&listener(vec![put(&folder, "late", &authority.expired(&names))]));
    let table = [
        ("own ca", &own, &endpoint, "api.internal", true),
        ("own ca, by address", &own, &endpoint, "127.0.0.1", true),
        ("own ca, by IPv6 address", &own, &endpoint, "[::1]", true),
        ("own ca, wrong name", &own, &endpoint, "web.internal", false),
        ("own ca, wrong address", &own, &endpoint, "127.0.0.2", false),
        ("own ca, name from the config", &named, &endpoint, "10.0.0.1", true),
        ("another ca", &other, &endpoint, "api.internal", false),
        ("expired", &own, &late, "api.internal", false),
        ("not verified", &nobody, &endpoint, "web.internal", true),
        ("not verified and expired", &nobody, &late, "web.internal", true),
    ];
    for (story, model, endpoint, host, expected) in table {
        assert_eq!(takes(model, endpoint, host).is_ok(), expected, "{story}");
    }
}

#[test]
fn the_authorities_of_the_system_do_not_know_ours() {
    let (folder, authority) = (Folder::new(), Authority::new("ca"));
    let endpoint = compile(&listener(vec![put(&folder, "a", &authority.leaf(&["api.internal"], Key::Ecdsa))]));
    let tls = match ClientTls::compile(&upstream(), &[]) {
        Ok(tls) => tls,
        // A machine without ca-certificates: then the problem says so.
        Err(problems) => return assert_eq!(kinds(&problems), [TlsProblemKind::NoSystemAuthorities]),
    };
    let refused = pump(endpoint.config(), &tls.config(), tls.server_name("api.internal").unwrap()).unwrap_err();
    assert_eq!(refused, Error::InvalidCertificate(rustls::CertificateError::UnknownIssuer));
}

#[test]
fn a_self_signed_certificate_named_as_its_own_authority_is_taken_for_its_names() {
    let folder = Folder::new();
    let own = openssl_self_signed(&["api.internal"]);
    let endpoint = compile(&listener(vec![put(&folder, "own", &own)]));
    let model = UpstreamTls { ca: Some(folder.write("ca.pem", &own.cert)), ..upstream() };
    assert!(takes(&model, &endpoint, "api.internal").is_ok());
    assert!(takes(&model, &endpoint, "web.internal").is_err());
    let other = openssl_self_signed(&["api.internal"]);
    let model = UpstreamTls { ca: Some(folder.write("other.pem", &other.cert)), ..upstream() };
    assert!(takes(&model, &endpoint, "api.internal").is_err());
}

#[test]
fn our_certificate_is_shown_and_the_least_version_kept() {
    let (folder, authority) = (Folder::new(), Authority::new("ca"));
    let mut model = listener(vec![put(&folder, "a", &authority.leaf(&["api.internal"], Key::Ecdsa))]);
    model.client_auth = client_auth(folder.write("ca.pem", authority.pem()), true);
    let endpoint = compile(&model);
    let anonymous = UpstreamTls { ca: Some(folder.path().join("ca.pem")), ..upstream() };
    assert!(takes(&anonymous, &endpoint, "api.internal").is_err());
    let edge = authority.person(&[(rcgen::DnType::CommonName, "edge")]);
    let known = UpstreamTls { certificate: Some(put(&folder, "edge", &edge)), ..anonymous.clone() };
    let session = takes(&known, &endpoint, "api.internal").unwrap();
    assert_eq!(session.client_subject().unwrap(), "CN=edge");
    assert_eq!((session.group(), session.http2()), (Some("X25519MLKEM768"), true));

    let old = Arc::new({
        let builder = ServerConfig::builder_with_provider(provider()).with_protocol_versions(TLS12).unwrap();
        builder.with_no_client_auth().with_cert_resolver(endpoint.config().cert_resolver.clone())
    });
    for (min_version, expected) in [(TlsVersion::V1_2, true), (TlsVersion::V1_3, false)] {
        let tls = ClientTls::compile(&UpstreamTls { min_version, ..anonymous.clone() }, &[]).unwrap();
        let agreed = pump(old.clone(), &tls.config(), tls.server_name("api.internal").unwrap());
        assert_eq!(agreed.is_ok(), expected);
    }
}

#[test]
fn sessions_are_resumed_and_a_reload_without_a_change_keeps_them() {
    let (folder, authority) = (Folder::new(), Authority::new("ca"));
    let endpoint = compile(&listener(vec![put(&folder, "a", &authority.leaf(&["api.internal"], Key::Ecdsa))]));
    let model = UpstreamTls { ca: Some(folder.write("ca.pem", authority.pem())), ..upstream() };
    let tls = ClientTls::compile(&model, &[b"h2"]).unwrap();
    let resumed = |tls: &ClientTls| {
        let handshake = endpoint.begin();
        let name = tls.server_name("api.internal").unwrap();
        let (server, _) = pump(handshake.config(), &tls.config(), name).unwrap();
        handshake.finish(&server).unwrap().facts().resumed
    };
    assert_eq!((resumed(&tls), resumed(&tls)), (false, true));
    let reloaded = tls.recompile(&model, &[b"h2"]).unwrap();
    assert!(reloaded.is_same(&tls) && resumed(&reloaded));

    assert!(!tls.recompile(&model, &[b"http/1.1"]).unwrap().is_same(&tls));
    assert!(!tls.recompile(&UpstreamTls { verify: false, ..model.clone() }, &[b"h2"]).unwrap().is_same(&tls));
    folder.write("ca.pem", Authority::new("next").pem());
    assert!(!tls.recompile(&model, &[b"h2"]).unwrap().is_same(&tls));
}

#[test]
fn what_is_wrong_is_told_at_once_and_a_socket_has_no_name() {
    let model = UpstreamTls {
        ca: Some("none/ca.pem".into()),
        server_name: Some("https://api".into()),
        certificate: Some(CertificateFiles { cert: "none/a.pem".into(), key: "none/a.key".into() }),
        ..upstream()
    };
    let found = ClientTls::compile(&model, &[]).unwrap_err();
    let keys: Vec<_> = found.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(keys, ["server_name", "ca", "cert", "key"]);

    let tls = ClientTls::compile(&UpstreamTls { verify: false, ..upstream() }, &[]).unwrap();
    assert_eq!(tls.server_name("unix:/run/app.sock"), None);
    assert_eq!(tls.server_name("api.internal."), tls.server_name("api.internal"));
}
