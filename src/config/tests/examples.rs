//! The configs that people copy.

use std::path::Path;

use super::good;
use crate::config::{load, reference};

#[test]
fn every_example_is_clean() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("config");
    let env = |name: &str| match name {
        "TIDEGATE_ADMIN_TOKEN" => Some("0123456789abcdef".to_owned()),
        _ => name.strip_prefix("DEMO_ORIGIN_").map(|number| format!("127.0.0.1:900{number}")),
    };
    let mut count = 0;
    for entry in std::fs::read_dir(folder).expect("config/") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let loaded = load(&path, &env).unwrap_or_else(|problems| panic!("{}", problems.render(false)));
        assert!(loaded.warnings.is_empty(), "{}", loaded.warnings.render(false));
        count += 1;
    }
    assert!(count >= 5);
}

#[test]
fn the_committed_reference_is_the_generated_one() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/config/reference.toml");
    let committed = std::fs::read_to_string(path).expect("config/reference.toml");
    assert!(committed == reference::text(), "write it again: cargo run -- defaults > config/reference.toml");
}

#[test]
fn the_reference_says_the_defaults() {
    let said = good(&reference::text()).model;
    let text = "[listeners.web]\naddress = \"0.0.0.0:8080\"\n[upstreams.api]\nendpoints = [\"a:1\"]\n[[routes]]\nupstream = \"api\"\n";
    let silent = good(text).model;
    assert_eq!((&said.server, &said.log), (&silent.server, &silent.log));
    assert_eq!(said.listeners, silent.listeners);
    let endpoints = said.upstreams[0].endpoints.clone();
    let silent_upstream = crate::config::model::Upstream { endpoints, ..silent.upstreams[0].clone() };
    assert_eq!(said.upstreams[0], silent_upstream);
    assert_eq!(format!("{:?}", said.routes[0].policies), format!("{:?}", silent.routes[0].policies));
}
