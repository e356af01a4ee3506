//! The config as a whole: what a file means, and what is said about one that means nothing.

use super::model::*;
use super::*;

fn none(_: &str) -> Option<String> {
    None
}

fn good(text: &str) -> Loaded {
    parse("t.toml", text, &none).unwrap_or_else(|problems| panic!("{}", problems.render(false)))
}

#[test]
fn the_smallest_config_has_every_default() {
    let text = "[listeners.web]\naddress = \"127.0.0.1:0\"\n[upstreams.app]\nendpoints = [\"127.0.0.1:9000\"]\n[[routes]]\nupstream = \"app\"\n";
    let Loaded { model, warnings, .. } = good(text);
    assert!(warnings.is_empty(), "{warnings}");
    assert_eq!(model.listeners[0].limits.max_head_size, 16 << 10);
    assert_eq!(model.listeners[0].limits.max_connections, 50_000);
    assert_eq!(model.upstreams[0].idle_timeout, Some(std::time::Duration::from_secs(55)));
    assert_eq!(model.upstreams[0].balance, Balance::LeastRequests);
    assert_eq!(&*model.routes[0].name, "route-1");
    assert_eq!(model.routes[0].policies.max_body, 16 << 20);
    assert_eq!(model.routes[0].policies.timeout, None);
    assert_eq!(model.routes[0].policies.upgrades, ["websocket"]);
}

#[test]
fn a_proxy_without_a_file() {
    let model = minimal_proxy("127.0.0.1:0", &["127.0.0.1:9000", "https://example.com"]).expect("a proxy").model;
    assert_eq!(model.upstreams[0].endpoints[1].address.to_string(), "example.com:443");
    assert!(model.upstreams[0].tls.is_some());
    assert!(minimal_proxy("${X}", &["a:1"]).is_err());
}

#[test]
fn the_reference_reads_clean() {
    let text = reference::text();
    let Loaded { warnings, .. } = good(&text);
    assert!(warnings.is_empty(), "{warnings}");
}

#[test]
fn the_committed_reference_is_the_generated_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/config/reference.toml");
    let committed = std::fs::read_to_string(path).expect("config/reference.toml");
    assert!(committed == reference::text(), "write it again: cargo run -- defaults > config/reference.toml");
}
