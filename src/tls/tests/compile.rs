//! What is wrong with files, and what a reload carries over.

use super::certs::{Key, params};
use super::*;
use TlsProblemKind as Kind;

fn errors(model: &ListenerTls) -> Vec<TlsProblem> {
    ServerTls::compile(model, None, true).unwrap_err()
}

#[test]
fn every_wrong_file_has_its_sentence() {
    let (folder, authority) = (Folder::new(), Authority::new("ca"));
    let good = authority.leaf(&["example.com"], Key::Ecdsa);
    let other = authority.leaf(&["example.com"], Key::Ecdsa);
    let der = CertificateDer::from_pem_slice(good.cert.as_bytes()).unwrap();
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let legacy = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nMIIB\n-----END RSA PRIVATE KEY-----\n";
    let garbage = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    let not_a_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    let (chain, swapped) = (format!("{}{}", authority.pem(), good.cert), good.key.as_str());
    let (two_keys, cut) = (format!("{}{}", good.key, other.key), &good.cert[..200]);
    let (cert, key) = (good.cert.as_bytes(), good.key.as_bytes());
    type Case<'a> = (&'a str, &'a [u8], &'a [u8], Kind, &'a str, &'a str);
    let table: [Case<'_>; 13] = [
        ("mismatch", cert, other.key.as_bytes(), Kind::KeyMismatch, "key", "does not belong to the certificate in"),
        ("order", chain.as_bytes(), key, Kind::KeyMismatch, "key", "does not belong"),
        ("empty-cert", b"", key, Kind::NoCertificate, "cert", "there is no certificate in"),
        ("empty-key", cert, b"", Kind::NoKey, "key", "there is no private key in"),
        (
            "swapped-cert",
            swapped.as_bytes(),
            key,
            Kind::NoCertificate,
            "cert",
            "holds a private key but no certificate",
        ),
        ("swapped-key", cert, cert, Kind::NoKey, "key", "holds a certificate but no private key"),
        ("der", &der, key, Kind::NotPem, "cert", "is DER, not PEM"),
        ("cut", cut.as_bytes(), key, Kind::NotPem, "cert", "is not valid PEM"),
        ("encrypted", cert, encrypted.as_bytes(), Kind::EncryptedKey, "key", "protected by a passphrase"),
        ("legacy", cert, legacy.as_bytes(), Kind::EncryptedKey, "key", "protected by a passphrase"),
        ("two-keys", cert, two_keys.as_bytes(), Kind::SeveralKeys, "key", "holds 2 private keys"),
        ("bad-key", cert, garbage.as_bytes(), Kind::BadKey, "key", "of a kind that is not supported"),
        ("bad-cert", not_a_certificate.as_bytes(), key, Kind::BadCertificate, "cert", "cannot be understood"),
    ];
    for (name, cert, key, kind, at, sentence) in table {
        let files = CertificateFiles {
            cert: folder.write(&format!("{name}.pem"), cert),
            key: folder.write(&format!("{name}.key"), key),
        };
        let problems = errors(&listener(vec![put(&folder, "good", &good), files]));
        assert_eq!(kinds(&problems), [kind], "{name}: {problems:?}");
        assert_eq!(problems[0].key, format!("certificates[1].{at}"), "{name}");
        assert!(problems[0].message.contains(sentence), "{name}: {}", problems[0].message);
        let file = problems[0].file.as_ref().unwrap().display().to_string();
        assert!(problems[0].message.contains(&file) && file.contains(name), "{name}: {}", problems[0].message);
    }
}

#[test]
fn a_mismatch_names_both_files_and_a_chain_in_the_wrong_order_says_so() {
    let (folder, authority) = (Folder::new(), Authority::new("ca"));
    let good = authority.leaf(&["example.com"], Key::Ecdsa);
    let cert = folder.write("site.pem", format!("{}{}", authority.pem(), good.cert));
    let key = folder.write("site.key", &good.key);
    let problems = errors(&listener(vec![CertificateFiles { cert: cert.clone(), key: key.clone() }]));
    let expected =
        format!("the private key in {} does not belong to the certificate in {}", key.display(), cert.display());
    assert_eq!(problems[0].message, expected);
    assert!(problems[0].help.contains("certificate 2"), "{}", problems[0].help);
}

#[test]
fn all_problems_are_told_at_once() {
    let folder = Folder::new();
    let mut model = listener(vec![
        CertificateFiles { cert: folder.path().join("none.pem"), key: folder.path().join("none.key") },
        CertificateFiles { cert: folder.path().to_owned(), key: folder.write("empty.key", "") },
    ]);
    model.self_signed = vec!["localhost".into(), "http://x".into(), "*.ok.example".into(), "::1".into()];
    model.client_auth = client_auth(folder.write("ca.pem", "nothing"), true);
    let found: Vec<_> = errors(&model).into_iter().map(|problem| (problem.kind, problem.key)).collect();
    let expected = [
        (Kind::FileMissing, "certificates[0].cert"),
        (Kind::FileMissing, "certificates[0].key"),
        (Kind::Unreadable, "certificates[1].cert"),
        (Kind::BadName, "self_signed[1]"),
        (Kind::NoCertificate, "client_ca"),
    ];
    assert_eq!(found, expected.map(|(kind, key)| (kind, key.to_owned())));
    assert_eq!(kinds(&errors(&listener(Vec::new()))), [Kind::NoCertificate]);
}

#[test]
fn what_clients_will_refuse_is_warned_of() {
    let (folder, authority) = (Folder::new(), Authority::new("ca"));
    let mut later = params(&["later.example"]);
    later.not_before = rcgen::date_time_ymd(2100, 1, 1);
    let tls = compile(&listener(vec![
        put(&folder, "good", &authority.leaf(&["example.com", "*.example.com"], Key::Ecdsa)),
        put(&folder, "expired", &authority.expired(&["expired.example"])),
        put(&folder, "later", &authority.sign(later, Key::Ecdsa)),
        put(&folder, "nameless", &authority.leaf(&[], Key::Ecdsa)),
        put(&folder, "rsa", &authority.leaf(&["example.com"], Key::Rsa)),
        put(&folder, "again", &authority.leaf(&["example.com"], Key::Ecdsa)),
    ]));
    let found: Vec<_> = tls.warnings().iter().map(|problem| (problem.kind, &problem.key[..15])).collect();
    let expected = [
        (Kind::Expired, "certificates[1]"),
        (Kind::NotYetValid, "certificates[2]"),
        (Kind::NoNames, "certificates[3]"),
        (Kind::NeverChosen, "certificates[5]"),
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_reload_without_a_change_is_the_very_same_and_one_changed_file_is_read_anew() {
    let (folder, authority) = (Folder::new(), Authority::new("ca"));
    let leaf = |name: &str| put(&folder, name, &authority.leaf(&[name], Key::Ecdsa));
    let mut model = listener(vec![leaf("a.example"), leaf("b.example")]);
    model.self_signed = vec!["localhost".into()];
    model.client_auth = client_auth(folder.write("ca.pem", authority.pem()), false);
    let tls = compile(&model);
    assert!(ServerTls::compile(&model, Some(&tls), true).unwrap().is_same(&tls));
    assert!(!ServerTls::compile(&model, Some(&tls), false).unwrap().is_same(&tls));

    leaf("b.example");
    let renewed = ServerTls::compile(&model, Some(&tls), true).unwrap();
    let kept = tls.certificates().iter().zip(renewed.certificates()).map(|(old, new)| Arc::ptr_eq(old, new));
    assert_eq!(kept.collect::<Vec<_>>(), [true, false, true]);
    assert_eq!(compile(&model).certificates()[1].chain(), renewed.certificates()[1].chain());

    model.self_signed.push("127.0.0.1".into());
    let renamed = ServerTls::compile(&model, Some(&renewed), true).unwrap();
    let names = |tls: &ServerTls| tls.certificates()[2].names().to_string();
    assert_eq!((names(&renewed), names(&renamed)), ("localhost".into(), "localhost, 127.0.0.1".into()));
}

#[test]
fn a_self_signed_certificate_serves_its_names() {
    let mut model = listener(Vec::new());
    model.self_signed = vec!["localhost".into(), "*.dev.example".into(), "127.0.0.1".into()];
    let tls = compile(&model);
    let days =
        tls.certificates()[0].not_after().duration_since(std::time::SystemTime::now()).unwrap().as_secs() / 86400;
    assert!((89..=90).contains(&days), "{days}");
    let mut roots = RootCertStore::empty();
    roots.add(tls.certificates()[0].chain()[0].clone()).unwrap();
    // With verification of the name, as curl --cacert would.
    let config = ClientConfig::builder_with_provider(provider()).with_safe_default_protocol_versions().unwrap();
    let config = Arc::new(config.with_root_certificates(roots).with_no_client_auth());
    for (name, good) in [("localhost", true), ("a.dev.example", true), ("127.0.0.1", true), ("dev.example", false)] {
        assert_eq!(shake(&tls, &config, name).is_ok(), good, "{name}");
    }
}
