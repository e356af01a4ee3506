//! Client certificates.

use std::time::{Duration, SystemTime};

use rcgen::DnType;
use rustls::pki_types::UnixTime;
use rustls::time_provider::TimeProvider;

use super::certs::{Key, openssl_self_signed, params};
use super::*;

struct World {
    folder: Folder,
    authority: Authority,
    clients: Authority,
    model: ListenerTls,
}

/// A server that knows the authority `clients`.
fn world(required: bool) -> World {
    let (folder, authority, clients) = (Folder::new(), Authority::new("ca"), Authority::new("clients"));
    let mut model = listener(vec![put(&folder, "a", &authority.leaf(&["example.com"], Key::Ecdsa))]);
    model.client_auth = client_auth(folder.write("clients.pem", clients.pem()), required);
    World { folder, authority, clients, model }
}

#[test]
fn who_may_come_in() {
    for versions in [TLS12, TLS13] {
        for required in [true, false] {
            let world = world(required);
            let client = Client::trusting(&world.authority).versions(versions);
            let tls = compile(&world.model);
            let subject = |client: &Client| {
                let (session, _) = shake(&tls, &client.config(), "example.com").ok()?;
                Some(session.client_subject().map(|subject| subject.to_str().unwrap().to_owned()))
            };
            let alice = world.clients.person(&[(DnType::CountryName, "GB"), (DnType::CommonName, "alice")]);
            assert_eq!(subject(&client.clone().with(&alice)), Some(Some("CN=alice,C=GB".to_owned())));
            let stranger = Authority::new("others").person(&[(DnType::CommonName, "alice")]);
            assert_eq!(subject(&client.clone().with(&stranger)), None, "another authority's certificate");
            let late = world.clients.expired(&["alice.example"]);
            assert_eq!(subject(&client.clone().with(&late)), None, "a certificate whose time is over");
            assert_eq!(subject(&client), if required { None } else { Some(None) }, "no certificate");
        }
    }
}

#[test]
fn the_subject_cannot_write_a_field_of_its_own() {
    let world = world(true);
    let tls = compile(&world.model);
    let mallory = world.clients.person(&[
        (DnType::OrganizationName, "a,b+c"),
        (DnType::CommonName, "Zo\u{eb}\r\nx-admin: 1"),
        (DnType::CustomDnType(vec![1, 3, 6, 1, 4, 1, 99999, 1]), "x"),
    ]);
    let client = Client::trusting(&world.authority).with(&mallory).config();
    let (session, _) = shake(&tls, &client, "example.com").unwrap();
    let subject = session.client_subject().unwrap();
    assert_eq!(subject, "1.3.6.1.4.1.99999.1=#0C0178,CN=Zo\\C3\\AB\\0D\\0Ax-admin: 1,O=a\\,b\\+c");

    let long = "x".repeat(5000);
    let long = world.clients.person(&[(DnType::CommonName, &long)]);
    let client = Client::trusting(&world.authority).with(&long).config();
    assert!(shake(&tls, &client, "example.com").is_err(), "an identity is refused rather than cut");
}

#[test]
fn a_certificate_without_a_subject_gives_no_field() {
    let world = world(true);
    let mut nobody = params(&["spiffe.example"]);
    nobody.distinguished_name = rcgen::DistinguishedName::new();
    let client = Client::trusting(&world.authority).with(&world.clients.sign(nobody, Key::Ecdsa));
    let (session, _) = shake(&compile(&world.model), &client.config(), "example.com").unwrap();
    assert_eq!(session.client_subject(), None);
}

#[test]
fn a_self_signed_certificate_that_is_listed_comes_in_as_itself() {
    let mut world = world(true);
    let (own, other) = (openssl_self_signed(&["me.example"]), openssl_self_signed(&["me.example"]));
    world.model.client_auth = client_auth(world.folder.write("own.pem", &own.cert), true);
    let (tls, client) = (compile(&world.model), Client::trusting(&world.authority));
    assert!(shake(&tls, &client.clone().with(&own).config(), "example.com").is_ok());
    assert!(shake(&tls, &client.with(&other).config(), "example.com").is_err());
}

#[test]
fn a_session_does_not_get_past_a_new_rule() {
    for versions in [TLS12, TLS13] {
        let world = world(false);
        let client = Client::trusting(&world.authority).versions(versions).config();
        let tls = compile(&world.model);
        // A handshake leaves the client a session to resume.
        let begin = || drop(shake(&tls, &client, "example.com").unwrap());
        begin();
        let resumed =
            |tls: &ServerTls| shake(tls, &client, "example.com").map(|(session, _)| session.facts().resumed).ok();
        assert_eq!(resumed(&tls), Some(true));

        let mut none = world.model.clone();
        none.client_auth = None;
        assert_eq!(resumed(&ServerTls::compile(&none, Some(&tls), true).unwrap()), Some(false), "no rule");
        let mut required = world.model.clone();
        required.client_auth.as_mut().unwrap().required = true;
        begin();
        let now_required = ServerTls::compile(&required, Some(&tls), true).unwrap();
        assert_eq!(resumed(&now_required), None, "the session had no certificate, and now one is required");
        begin();
        world.folder.write("clients.pem", Authority::new("clients, the next").pem());
        let other_ca = ServerTls::compile(&world.model, Some(&tls), true).unwrap();
        assert_eq!(resumed(&other_ca), Some(false), "the same path with another authority in it");
    }
}

#[derive(Debug)]
struct LongAgo;

impl TimeProvider for LongAgo {
    fn current_time(&self) -> Option<UnixTime> {
        let then = SystemTime::now() - Duration::from_secs(5 * 24 * 60 * 60);
        Some(UnixTime::since_unix_epoch(then.duration_since(SystemTime::UNIX_EPOCH).unwrap()))
    }
}

#[test]
fn a_session_ends_with_the_certificate_that_it_began_with() {
    let world = world(true);
    let tls = compile(&world.model);
    let alice = Client::trusting(&world.authority).with(&world.clients.expired(&["alice.example"])).config();
    // Five days ago the certificate was good.
    let handshake = tls.begin();
    let mut then = (*handshake.config()).clone();
    then.time_provider = Arc::new(LongAgo);
    let (session, _) = shake_with(handshake, Arc::new(then), &alice, "example.com").unwrap();
    assert!(!session.facts().resumed);
    let refused = shake(&tls, &alice, "example.com").unwrap_err();
    assert!(matches!(refused, Error::InvalidCertificate(_)), "{refused}");
}
