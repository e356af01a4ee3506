//! TLS on both sides.

use std::sync::Arc;

use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::{ClientConfig, HandshakeKind, NamedGroup, ProtocolVersion, RootCertStore, SignatureScheme};

use crate::support::{
    Authority, Edge, Folder, H2Origin, Handshake, Origin, Proxy, TlsOrigin, block_on, h2_ask, h2_connect_tls, ok,
    tls_config, tls_connect, tls_server_config, try_start,
};

const GET: &str = "GET / HTTP/1.1\r\nHost: a.test\r\n\r\n";

/// A listener with certificates, in front of an origin; more keys of `[listeners.web.tls]`.
fn secure(folder: Folder, certificates: &[String], keys: &str) -> (Origin, Proxy) {
    let origin = Origin::answering(ok("secret"));
    let tls = format!("[listeners.web.tls]\ncertificates = [{}]\n{keys}", certificates.join(", "));
    let proxy = Edge::to(origin.address).listener(&tls).start_in(folder);
    (origin, proxy)
}

/// The names in the certificate that a client is shown.
fn shown_names(proxy: &Proxy, authority: &Authority, name: &str) -> Vec<String> {
    let wire = tls_connect(proxy.addr("web"), name, &tls_config(authority, &[], None)).unwrap();
    let chain = wire.stream.conn.peer_certificates().unwrap();
    let (_, certificate) = x509_parser::parse_x509_certificate(&chain[0]).unwrap();
    let names = certificate.subject_alternative_name().unwrap().unwrap();
    names.value.general_names.iter().map(|name| name.to_string()).collect()
}

#[test]
fn the_certificate_is_chosen_by_name() {
    let (folder, authority) = (Folder::new(), Authority::new());
    let certificates = [
        authority.issue(&["a.test", "b.test"]).write(&folder, "ab"),
        authority.issue(&["*.wild.test"]).write(&folder, "wild"),
        authority.issue(&["exact.wild.test"]).write(&folder, "exact"),
    ];
    let (origin, proxy) = secure(folder, &certificates, "");
    for (name, expected) in [
        ("a.test", "a.test"),
        ("b.test", "b.test"),
        ("B.test", "b.test"),
        ("x.wild.test", "*.wild.test"),
        ("exact.wild.test", "exact.wild.test"),
    ] {
        let names = shown_names(&proxy, &authority, name);
        assert!(names.iter().any(|shown| shown.contains(expected)), "{name}: {names:?}");
    }
    let mut client = tls_connect(proxy.addr("web"), "a.test", &tls_config(&authority, &[], None)).unwrap();
    assert_eq!(client.ask(GET).text(), "secret");
    assert_eq!(origin.request(1).header("x-forwarded-proto"), Some("https"));
}

#[test]
fn an_ecdsa_certificate_stands_beside_an_rsa_one() {
    let (folder, authority) = (Folder::new(), Authority::new());
    let certificates =
        [authority.issue_rsa(&["a.test"]).write(&folder, "rsa"), authority.issue(&["a.test"]).write(&folder, "ecdsa")];
    let (_origin, proxy) = secure(folder, &certificates, "");
    let algorithm = |only: Option<SignatureScheme>| {
        let mut provider = aws_lc_rs::default_provider();
        if let Some(only) = only {
            // What the client offers for the handshake; what it verifies chains with stays.
            let mapping = provider.signature_verification_algorithms.mapping;
            let kept: Vec<_> = mapping.iter().filter(|(scheme, _)| *scheme == only).copied().collect();
            provider.signature_verification_algorithms.mapping = kept.leak();
        }
        let config = config_of(&authority, provider);
        let wire = tls_connect(proxy.addr("web"), "a.test", &config).unwrap();
        let chain = wire.stream.conn.peer_certificates().unwrap();
        let (_, certificate) = x509_parser::parse_x509_certificate(&chain[0]).unwrap();
        certificate.public_key().algorithm.algorithm.to_id_string()
    };
    assert_eq!(algorithm(None), "1.2.840.10045.2.1", "ECDSA, as it costs less");
    assert_eq!(
        algorithm(Some(SignatureScheme::RSA_PSS_SHA256)),
        "1.2.840.113549.1.1.1",
        "RSA for who knows nothing else"
    );
}

fn config_of(authority: &Authority, provider: CryptoProvider) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der()).unwrap();
    let builder =
        ClientConfig::builder_with_provider(Arc::new(provider)).with_safe_default_protocol_versions().unwrap();
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
}

#[test]
fn both_versions_are_spoken_and_the_old_one_can_be_refused() {
    let authority = Authority::new();
    let versions =
        [(&rustls::version::TLS12, ProtocolVersion::TLSv1_2), (&rustls::version::TLS13, ProtocolVersion::TLSv1_3)];
    for (minimum, old_is_spoken) in [("1.2", true), ("1.3", false)] {
        let folder = Folder::new();
        let certificate = authority.issue(&["a.test"]).write(&folder, "a");
        let (_origin, proxy) = secure(folder, &[certificate], &format!("min_version = \"{minimum}\""));
        for (version, name) in versions {
            let mut roots = RootCertStore::empty();
            roots.add(authority.der()).unwrap();
            let builder = ClientConfig::builder_with_protocol_versions(&[version]);
            let config = Arc::new(builder.with_root_certificates(roots).with_no_client_auth());
            let outcome = tls_connect(proxy.addr("web"), "a.test", &config);
            if name == ProtocolVersion::TLSv1_2 && !old_is_spoken {
                assert!(outcome.is_err());
                continue;
            }
            let mut client = outcome.unwrap();
            assert_eq!(client.stream.conn.protocol_version(), Some(name));
            assert_eq!(client.ask(GET).text(), "secret");
        }
    }
}

#[test]
fn a_session_is_resumed() {
    let (folder, authority) = (Folder::new(), Authority::new());
    let certificate = authority.issue(&["a.test"]).write(&folder, "a");
    let (_origin, proxy) = secure(folder, &[certificate], "");
    let config = tls_config(&authority, &[], None);
    let kind = || {
        let mut client = tls_connect(proxy.addr("web"), "a.test", &config).unwrap();
        assert_eq!(client.ask(GET).text(), "secret");
        client.stream.conn.handshake_kind().unwrap()
    };
    assert_eq!((kind(), kind()), (HandshakeKind::Full, HandshakeKind::Resumed));
    // A reload that leaves TLS as it is does not take the tickets away.
    let toml = std::fs::read_to_string(proxy.folder.path().join("tidegate.toml")).unwrap();
    proxy.reload(&format!("{toml}\n[[routes]]\npath = \"/more\"\nrespond = {{ }}\n")).unwrap();
    assert_eq!(kind(), HandshakeKind::Resumed);
}

#[test]
fn keys_are_exchanged_safe_from_quantum_computers() {
    let (folder, authority) = (Folder::new(), Authority::new());
    let certificate = authority.issue(&["a.test"]).write(&folder, "a");
    let (_origin, proxy) = secure(folder, &[certificate], "");
    let mut provider = aws_lc_rs::default_provider();
    provider.kx_groups = vec![aws_lc_rs::kx_group::X25519MLKEM768, aws_lc_rs::kx_group::X25519];
    let wire = tls_connect(proxy.addr("web"), "a.test", &config_of(&authority, provider)).unwrap();
    let group = wire.stream.conn.negotiated_key_exchange_group().unwrap();
    assert_eq!(group.name(), NamedGroup::X25519MLKEM768);
}

#[test]
fn clients_show_who_they_are() {
    let (authority, clients, strangers) = (Authority::new(), Authority::new(), Authority::new());
    let alice = clients.issue_client("Alice");
    let mallory = strangers.issue_client("Alice");
    for (mode, without) in [("", false), ("client_auth = \"require\"", false), ("client_auth = \"request\"", true)] {
        let folder = Folder::new();
        folder.write("clients.pem", clients.pem());
        let certificate = authority.issue(&["a.test"]).write(&folder, "a");
        let (origin, proxy) = secure(folder, &[certificate], &format!("client_ca = \"clients.pem\"\n{mode}"));
        // In TLS 1.3 a client learns that it was refused only when it reads.
        let ask = |identity| {
            let mut client = tls_connect(proxy.addr("web"), "a.test", &tls_config(&authority, &[], identity)).ok()?;
            client.try_send("GET / HTTP/1.1\r\nHost: a.test\r\nX-Client-Cert-Subject: CN=Forged\r\nX_Client_Cert_Subject: CN=Forged\r\n\r\n").ok()?;
            client.head()
        };
        assert!(ask(Some(&alice)).unwrap().starts_with("HTTP/1.1 200"), "{mode}");
        let subject = origin.request(1).headers("x-client-cert-subject").join(";");
        assert!(subject.contains("CN=Alice") && !subject.contains("Forged"), "{subject}");
        assert!(ask(Some(&mallory)).is_none(), "{mode}: a certificate of somebody else's authority");
        assert_eq!(ask(None).is_some(), without, "{mode}");
        if without {
            assert_eq!(origin.request(2).header("x-client-cert-subject"), None);
            assert_eq!(origin.request(2).header("x_client_cert_subject"), None);
        }
    }
}

#[test]
fn a_connection_serves_only_names_of_its_certificate() {
    let (folder, authority) = (Folder::new(), Authority::new());
    let certificates = [
        authority.issue(&["a.test", "*.a.test"]).write(&folder, "a"),
        authority.issue(&["b.test"]).write(&folder, "b"),
    ];
    let (origin, proxy) = secure(folder, &certificates, "");
    let mut client = tls_connect(proxy.addr("web"), "a.test", &tls_config(&authority, &[], None)).unwrap();
    for (host, status) in [("a.test", 200), ("x.a.test", 200), ("A.TEST:443", 200), ("b.test", 421), ("c.test", 421)] {
        let response = client.ask(&format!("GET / HTTP/1.1\r\nHost: {host}\r\n\r\n"));
        assert_eq!(response.status(), status, "{host}");
    }
    assert_eq!(origin.requests().len(), 3);
    // HTTP/2 clients join connections, so this is where it matters.
    block_on(async {
        let config = tls_config(&authority, &["h2"], None);
        let client = h2_connect_tls(proxy.addr("web"), "a.test", config).await;
        for (uri, status) in [("https://x.a.test/", 200), ("https://b.test/", 421)] {
            let answer = h2_ask(&client, http::Request::get(uri).body(()).unwrap(), b"").await.unwrap();
            assert_eq!(answer.status, status, "{uri}");
        }
    });
}

#[test]
fn alpn_decides_the_protocol() {
    let authority = Authority::new();
    for (http2, offers, agreed) in [
        (true, &["h2", "http/1.1"][..], Some("h2")),
        (true, &["http/1.1"], Some("http/1.1")),
        (true, &[], None),
        (false, &["h2", "http/1.1"], Some("http/1.1")),
    ] {
        let folder = Folder::new();
        let certificate = authority.issue(&["a.test"]).write(&folder, "a");
        let tls = format!("http2 = {http2}\n[listeners.web.tls]\ncertificates = [{certificate}]");
        let proxy = Edge::to("127.0.0.1:1").listener(&tls).start_in(folder);
        let wire = tls_connect(proxy.addr("web"), "a.test", &tls_config(&authority, offers, None)).unwrap();
        assert_eq!(wire.stream.conn.alpn_protocol(), agreed.map(str::as_bytes), "{http2} {offers:?}");
    }
}

#[test]
fn a_changed_certificate_file_is_seen() {
    let (old, new) = (Authority::new(), Authority::new());
    let folder = Folder::new();
    let certificate = old.issue(&["a.test"]).write(&folder, "site");
    let tls = format!("[listeners.web.tls]\ncertificates = [{certificate}]");
    let toml = Edge::to("127.0.0.1:1").listener(&tls).more("[server]\nworkers = 1\nwatch = true").toml();
    let proxy = Proxy::start_in(folder, &toml);
    let address = proxy.addr("web");
    tls_connect(address, "a.test", &tls_config(&old, &[], None)).unwrap();
    new.issue(&["a.test"]).write(&proxy.folder, "site");
    crate::support::eventually("the new certificate is served", || {
        tls_connect(address, "a.test", &tls_config(&new, &[], None)).is_ok()
    });
}

#[test]
fn a_key_of_another_certificate_is_one_clear_sentence() {
    let (folder, authority) = (Folder::new(), Authority::new());
    authority.issue(&["b.test"]).write(&folder, "b");
    authority.issue(&["a.test"]).write(&folder, "a");
    let tls = "[listeners.web.tls]\ncertificates = [{ cert = \"a.pem\", key = \"b.key\" }]";
    let (code, said) = try_start(folder, &Edge::to("127.0.0.1:1").listener(tls).toml());
    assert_eq!(code, 1);
    assert!(said.contains("b.key") && said.contains("a.pem"), "{said}");
}

/// Settings of an upstream under TLS, in front of an origin with a certificate for `app.test`.
fn to_tls_origin(keys: &str, origin: &TlsOrigin, authority: &Authority) -> Proxy {
    let folder = Folder::new();
    folder.write("ca.pem", authority.pem());
    authority.issue_client("gateway").write(&folder, "gateway");
    Edge::to(origin.address).upstream(&format!("[upstreams.app.tls]\n{keys}")).start_in(folder)
}

#[test]
fn an_endpoint_must_show_a_certificate_that_holds() {
    let (authority, stranger) = (Authority::new(), Authority::new());
    for (issuer, names, keys, status) in [
        (&authority, "app.test", "ca = \"ca.pem\"\nserver_name = \"app.test\"", 200),
        (&authority, "127.0.0.1", "ca = \"ca.pem\"", 200),
        (&authority, "app.test", "ca = \"ca.pem\"\nserver_name = \"other.test\"", 502),
        (&authority, "app.test", "ca = \"ca.pem\"", 502),
        (&stranger, "app.test", "ca = \"ca.pem\"\nserver_name = \"app.test\"", 502),
        (&authority, "app.test", "server_name = \"app.test\"", 502),
        (&stranger, "app.test", "verify = false", 200),
    ] {
        let origin = TlsOrigin::answering(tls_server_config(&issuer.issue(&[names]), &[], None), ok("by tls"));
        let proxy = to_tls_origin(keys, &origin, &authority);
        let response = proxy.get("/");
        assert_eq!(response.status(), status, "{names} {keys}: {}", response.head);
        if status == 502 {
            assert!(response.header("proxy-status").unwrap().contains("tls"), "{}", response.head);
        }
    }
}

#[test]
fn an_endpoint_learns_who_we_are() {
    let authority = Authority::new();
    let config = tls_server_config(&authority.issue(&["app.test"]), &["http/1.1"], Some(&authority));
    let origin = TlsOrigin::answering(config, ok("welcome"));
    let keys = "ca = \"ca.pem\"\nserver_name = \"app.test\"";
    assert_eq!(to_tls_origin(keys, &origin, &authority).get("/").status(), 502);
    let proxy = to_tls_origin(&format!("{keys}\ncert = \"gateway.pem\"\nkey = \"gateway.key\""), &origin, &authority);
    assert_eq!(proxy.get("/").text(), "welcome");
    assert_eq!(proxy.get("/").text(), "welcome");
    let seen = Handshake {
        server_name: Some("app.test".to_owned()),
        alpn: Some("http/1.1".to_owned()),
        client_certificate: true,
    };
    assert_eq!(origin.handshakes(), [seen], "one handshake for both requests");
}

#[test]
fn alpn_decides_the_protocol_to_an_endpoint() {
    let authority = Authority::new();
    let keys = "ca = \"ca.pem\"\nserver_name = \"app.test\"";
    for (protocol, offered, status) in
        [("auto", &["h2", "http/1.1"][..], 200), ("h2", &["h2"], 200), ("auto", &["h2"], 200)]
    {
        let config = tls_server_config(&authority.issue(&["app.test"]), offered, None);
        let origin = H2Origin::under_tls(config, |_request, mut respond| async move {
            let mut stream = respond.send_response(http::Response::new(()), false).unwrap();
            stream.send_data("by h2".into(), true).unwrap();
        });
        let folder = Folder::new();
        folder.write("ca.pem", authority.pem());
        let upstream = format!("protocol = \"{protocol}\"\n[upstreams.app.tls]\n{keys}");
        let proxy = Edge::to(origin.address).upstream(&upstream).start_in(folder);
        let response = proxy.get("/");
        assert_eq!((response.status(), response.text().as_str()), (status, "by h2"), "{protocol} {offered:?}");
    }
    let config = tls_server_config(&authority.issue(&["app.test"]), &["http/1.1"], None);
    let origin = TlsOrigin::answering(config, ok("by h1"));
    let folder = Folder::new();
    folder.write("ca.pem", authority.pem());
    let upstream = format!("protocol = \"auto\"\n[upstreams.app.tls]\n{keys}");
    assert_eq!(Edge::to(origin.address).upstream(&upstream).start_in(folder).get("/").text(), "by h1");
}
