//! Who may come, by address.

use serde_json::Value;

use crate::support::{Edge, Folder, Message, Origin, Proxy, config_command, ok, outcome};

const TRUST: &str = "trusted_proxies = [\"127.0.0.0/8\"]";

fn from(proxy: &Proxy, client: &str) -> Message {
    proxy.connect("web").ask(&format!("GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: {client}\r\n\r\n"))
}

#[test]
fn the_address_that_trusted_proxies_tell_decides() {
    let origin = Origin::answering(ok("fine"));
    let rules = "allow = [\"10.0.0.0/8\", \"2001:db8::/32\"]\ndeny = [\"10.1.0.0/16\"]";
    let proxy = Edge::to(origin.address).listener(TRUST).route(rules).start();
    for (client, status) in [
        ("10.2.3.4", 200),
        ("10.1.3.4", 403),
        ("192.0.2.1", 403),
        ("2001:db8::1", 200),
        ("2001:db9::1", 403),
        // What stands in front of the one that nobody trusts is what a client can write itself.
        ("10.2.3.4, 192.0.2.1", 403),
    ] {
        assert_eq!(from(&proxy, client).status(), status, "{client}");
    }
    // Without the field it is the address of the connection.
    let refused = proxy.get("/");
    assert_eq!(refused.status(), 403);
    assert_eq!(refused.header("proxy-status"), Some("tidegate; error=http_request_denied; details=\"address_denied\""));
    assert_eq!(origin.requests().len(), 2, "the others never came here");
    let line: Value = serde_json::from_str(&proxy.access_log(7)[1]).unwrap();
    assert_eq!(
        (&line["fault"], &line["side"], &line["client_ip"]),
        (&"address_denied".into(), &"client".into(), &"10.1.3.4".into())
    );
    assert_eq!(proxy.metric("tidegate_faults_total{side=\"client\",fault=\"address_denied\"}"), 5.0);
}

#[test]
fn a_field_of_somebody_who_is_not_trusted_opens_nothing() {
    let origin = Origin::answering(ok("fine"));
    let proxy = Edge::to(origin.address).route("deny = [\"127.0.0.0/8\"]").start();
    assert_eq!(from(&proxy, "10.2.3.4").status(), 403);
    assert!(origin.requests().is_empty());
}

#[test]
fn a_route_overrides_the_defaults_and_a_reload_counts_at_once() {
    let origin = Origin::answering(ok("fine"));
    let edge = |deny: &str| {
        Edge::to(origin.address)
            .route("path_prefix = \"/open\"\ndeny = []")
            .more(&format!("[[routes]]\nupstream = \"app\"\n[defaults]\ndeny = [{deny}]"))
    };
    let proxy = edge("\"127.0.0.0/8\"").start();
    let mut client = proxy.connect("web");
    let mut ask = |path: &str| client.ask(&format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")).status();
    assert_eq!((ask("/"), ask("/open")), (403, 200));
    proxy.reload(&edge("").toml()).expect("reloads");
    assert_eq!(ask("/"), 200, "on a connection that was there before");
}

#[test]
fn explain_says_who_may_come() {
    let config = Edge::to("127.0.0.1:9").route("allow = [\"10.0.0.0/8\"]\ndeny = [\"10.1.0.0/16\"]").toml();
    let ask = |client: &str| {
        let arguments = ["explain", "--client", client, "http://a/"];
        outcome(&mut config_command(&Folder::new(), &config, &arguments)).1
    };
    let text = ask("10.1.0.9");
    assert!(text.contains("10.0.0.0/8") && text.contains("10.1.0.9 is refused: 403 address_denied"), "{text}");
    let text = ask("10.9.0.9");
    assert!(text.contains("10.9.0.9 may come"), "{text}");
}
