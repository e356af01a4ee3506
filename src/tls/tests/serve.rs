//! Which certificate, which version, which group; resumption over reloads; the 421 rule.

use rustls::crypto::WebPkiSupportedAlgorithms;
use rustls::crypto::aws_lc_rs::kx_group;
use rustls::{NamedGroup, SignatureAlgorithm, SignatureScheme};

use super::certs::Key;
use super::*;

/// The place in the list of the certificate that a client for that name is served.
fn served(tls: &ServerTls, client: &Arc<ClientConfig>, name: &str) -> usize {
    let (session, connection) = shake(tls, client, name).unwrap();
    let place = |certificate: &Arc<super::super::Certificate>| std::ptr::eq(&**certificate, session.certificate());
    let place = tls.certificates().iter().position(place).unwrap();
    // What we believe we served is what the client got.
    assert_eq!(connection.peer_certificates().unwrap(), tls.certificates()[place].chain());
    place
}

#[test]
fn the_name_decides_exact_then_wildcard_then_the_first_in_the_file() {
    let (folder, authority) = (Folder::new(), Authority::new("ca"));
    let leaf = |name: &str, names: &[&str]| put(&folder, name, &authority.leaf(names, Key::Ecdsa));
    let tls = compile(&listener(vec![
        leaf("default", &["default.example"]),
        leaf("wildcard", &["*.example.com"]),
        leaf("exact", &["www.example.com", "example.com"]),
        leaf("deep", &["*.b.example.com"]),
    ]));
    let client = Client::trusting(&authority);
    let table = [
        ("default.example", 0),
        ("www.example.com", 2),
        ("WWW.Example.COM", 2),
        ("example.com", 2),
        ("a.example.com", 1),
        ("b.example.com", 1),
        ("a.b.example.com", 3),
        ("a.a.example.com", 0),
        ("example.org", 0),
        ("127.0.0.1", 0),
    ];
    for (name, expected) in table {
        assert_eq!(served(&tls, &client.config(), name), expected, "{name}");
    }
}

/// A client that verifies only those schemes.
fn restricted(client: &Client, wanted: fn(SignatureScheme) -> bool) -> Client {
    let all = provider().signature_verification_algorithms;
    let mapping: Vec<_> = all.mapping.iter().filter(|(scheme, _)| wanted(*scheme)).copied().collect();
    let algorithms = WebPkiSupportedAlgorithms { all: all.all, mapping: Box::leak(mapping.into_boxed_slice()) };
    let provider = CryptoProvider { signature_verification_algorithms: algorithms, ..(*provider()).clone() };
    Client { provider: Arc::new(provider), ..client.clone() }
}

#[test]
fn the_key_is_one_that_the_client_can_verify_and_ecdsa_where_it_can_all() {
    let (folder, authority) = (Folder::new(), Authority::new("ca"));
    let leaf = |name: &str, key| put(&folder, name, &authority.leaf(&["example.com"], key));
    let tls = compile(&listener(vec![leaf("rsa", Key::Rsa), leaf("ed25519", Key::Ed25519), leaf("ecdsa", Key::Ecdsa)]));
    let all = Client::trusting(&authority);
    type Case = (fn(SignatureScheme) -> bool, usize);
    let table: [Case; 4] = [
        (|_| true, 2),
        (|scheme| format!("{scheme:?}").starts_with("RSA"), 0),
        (|scheme| scheme == SignatureScheme::ED25519, 1),
        (|scheme| format!("{scheme:?}").starts_with("ECDSA"), 2),
    ];
    for (at, (wanted, expected)) in table.into_iter().enumerate() {
        for versions in [TLS12, TLS13] {
            let client = restricted(&all, wanted).versions(versions);
            for name in ["example.com", "127.0.0.1"] {
                // Without a name the first in the file that the client can verify.
                let expected = if name == "127.0.0.1" && at == 0 { 0 } else { expected };
                let (schemes, tls) = (client.schemes(), &tls);
                assert_eq!(served(tls, &schemes, name), expected, "row {at}, {name}");
            }
        }
    }
}

impl Client {
    /// A config that offers the schemes of its own provider, where [`Client::config`] offers all.
    fn schemes(&self) -> Arc<ClientConfig> {
        let roots = self.roots.clone();
        let verifier = WebPkiServerVerifier::builder_with_provider(roots, self.provider.clone()).build().unwrap();
        let builder = ClientConfig::builder_with_provider(self.provider.clone()).with_protocol_versions(self.versions);
        let builder = builder.unwrap().dangerous().with_custom_certificate_verifier(Arc::new(TakesAny(verifier)));
        Arc::new(builder.with_no_client_auth())
    }
}

#[test]
fn tls_1_2_is_refused_where_the_least_is_1_3() {
    let (folder, authority) = (Folder::new(), Authority::new("ca"));
    let mut model = listener(vec![put(&folder, "a", &authority.leaf(&["example.com"], Key::Ecdsa))]);
    let client = Client::trusting(&authority);
    let (session, _) = shake(&compile(&model), &client.clone().versions(TLS12).config(), "example.com").unwrap();
    assert_eq!(session.facts().version, "TLSv1.2");
    assert!(session.facts().cipher.starts_with("TLS_ECDHE_ECDSA_"), "{}", session.facts().cipher);

    model.min_version = TlsVersion::V1_3;
    let tls = compile(&model);
    assert!(shake(&tls, &client.clone().versions(TLS12).config(), "example.com").is_err());
    let (session, _) = shake(&tls, &client.config(), "example.com").unwrap();
    assert_eq!((session.facts().version, session.facts().cipher), ("TLSv1.3", "TLS_AES_256_GCM_SHA384"));
}

#[test]
fn the_key_exchange_is_post_quantum_with_a_client_that_can() {
    let (folder, authority) = (Folder::new(), Authority::new("ca"));
    let tls = compile(&listener(vec![put(&folder, "a", &authority.leaf(&["example.com"], Key::Ecdsa))]));
    let client = Client::trusting(&authority);
    let (session, connection) = shake(&tls, &client.config(), "example.com").unwrap();
    assert_eq!(session.group(), Some("X25519MLKEM768"));
    assert_eq!(connection.negotiated_key_exchange_group().unwrap().name(), NamedGroup::X25519MLKEM768);
    // An older client gets what it knows.
    let groups = vec![kx_group::X25519, kx_group::SECP256R1];
    let older = Client { provider: Arc::new(CryptoProvider { kx_groups: groups, ..(*provider()).clone() }), ..client };
    assert_eq!(shake(&tls, &older.config(), "example.com").unwrap().0.group(), Some("X25519"));
}

#[test]
fn alpn_offers_http2_where_the_listener_does() {
    let (folder, authority) = (Folder::new(), Authority::new("ca"));
    let model = listener(vec![put(&folder, "a", &authority.leaf(&["example.com"], Key::Ecdsa))]);
    let offering = |protocols: &[&[u8]]| {
        let mut config = (*Client::trusting(&authority).config()).clone();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Arc::new(config)
    };
    type Case<'a> = (bool, &'a [&'a [u8]], Option<bool>);
    let table: [Case<'_>; 6] = [
        (true, &[b"http/1.1", b"h2"], Some(true)),
        (true, &[b"http/1.1"], Some(false)),
        (true, &[], Some(false)),
        (false, &[b"h2", b"http/1.1"], Some(false)),
        (false, &[b"h2"], None),
        (true, &[b"spdy/3"], None),
    ];
    for (http2, offered, expected) in table {
        let tls = ServerTls::compile(&model, None, http2).unwrap();
        let agreed = shake(&tls, &offering(offered), "example.com").ok().map(|(session, _)| session.http2());
        assert_eq!(agreed, expected, "{http2} {offered:?}");
    }
}

#[test]
fn a_reload_does_not_end_resumption() {
    for versions in [TLS12, TLS13] {
        let (folder, authority) = (Folder::new(), Authority::new("ca"));
        let first = listener(vec![put(&folder, "a", &authority.leaf(&["example.com"], Key::Ecdsa))]);
        let client = Client::trusting(&authority).versions(versions).config();
        let tls = compile(&first);
        let resumed = |tls: &ServerTls, name| shake(tls, &client, name).unwrap().0.facts().resumed;
        assert!(!resumed(&tls, "example.com"));
        assert!(resumed(&tls, "example.com"));
        assert!(!resumed(&tls, "other.example"), "a session of one name is no session of another");

        let mut second = first.clone();
        second.certificates.push(put(&folder, "b", &authority.leaf(&["b.example"], Key::Ecdsa)));
        let reloaded = ServerTls::compile(&second, Some(&tls), false).unwrap();
        assert!(!reloaded.is_same(&tls));
        assert!(resumed(&reloaded, "example.com"));
        // And the session is held to what the new certificates are.
        assert!(shake(&reloaded, &client, "example.com").unwrap().0.covers("example.com"));
        assert!(!resumed(&compile(&second), "example.com"), "a new start has new keys");
    }
}

#[test]
fn an_authority_that_the_served_certificate_does_not_have_is_misdirected() {
    let (folder, authority) = (Folder::new(), Authority::new("ca"));
    let mut model = listener(vec![
        put(
            &folder,
            "site",
            &authority.leaf(&["example.com", "*.example.com", "192.0.2.7", "2001:db8::7"], Key::Ecdsa),
        ),
        put(&folder, "other", &authority.leaf(&["other.example"], Key::Ecdsa)),
    ]);
    let client = Client::trusting(&authority).config();
    let table = [
        ("example.com", "example.com", true),
        ("example.com", "EXAMPLE.com:8443", true),
        ("example.com", "example.com.", true),
        ("example.com", "a.example.com", true),
        ("example.com", "a.b.example.com", false),
        ("example.com", "other.example", false),
        ("other.example", "example.com", false),
        ("other.example", "other.example:443", true),
        // The first certificate is served for a name that nobody has; that does not make it right.
        ("nobody.example", "nobody.example", false),
        ("nobody.example", "example.com", true),
        ("192.0.2.7", "192.0.2.7", true),
        ("example.com", "192.0.2.7:8443", true),
        ("example.com", "[2001:db8::7]:8443", true),
        ("example.com", "192.0.2.8", false),
        // Without a name: `curl -k https://127.0.0.1:8443`.
        ("127.0.0.1", "127.0.0.1:8443", true),
        ("127.0.0.1", "[::1]:8443", true),
        ("127.0.0.1", "localhost:8443", true),
        ("127.0.0.1", "example.com", true),
        ("127.0.0.1", "other.example", false),
        ("localhost", "localhost:8443", true),
        ("app.localhost", "app.localhost", true),
        ("app.localhost", "localhost", false),
        ("example.com", "localhost", false),
        ("localhost", "other.example", false),
        ("example.com", "", true),
    ];
    let tls = compile(&model);
    for (name, authority, expected) in table {
        let (session, _) = shake(&tls, &client, name).unwrap();
        // Asked twice: the second answer may come from memory.
        assert_eq!((session.covers(authority), session.covers(authority)), (expected, expected), "{name} {authority}");
    }
    let (session, _) = shake(&tls, &client, "example.com").unwrap();
    assert!(session.covers("example.com") && !session.covers("other.example") && session.covers("example.com"));

    // Of two certificates for one name, it is the one that was served that counts.
    model.certificates.push(put(&folder, "rsa", &authority.leaf(&["other.example", "more.example"], Key::Rsa)));
    let tls = compile(&model);
    let all = Client::trusting(&authority);
    let rsa = restricted(&all, |scheme| format!("{scheme:?}").starts_with("RSA")).schemes();
    assert!(!shake(&tls, &all.config(), "other.example").unwrap().0.covers("more.example"));
    let (session, _) = shake(&tls, &rsa, "other.example").unwrap();
    assert_eq!(session.certificate().certified.key.algorithm(), SignatureAlgorithm::RSA);
    assert!(session.covers("more.example"));
}
