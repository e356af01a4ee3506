//! The config as a whole: what a file means, and what is said about one that means nothing.

mod bad;
mod edge;
mod examples;
mod files;
mod keys;
mod large;
mod meaning;
mod output;
mod secrets;

use super::{Loaded, parse};

/// A config without a mistake and without a warning, to stand behind other text.
const GOOD: &str = "[listeners.good]\naddress = \"127.0.0.1:0\"\n[upstreams.good]\nendpoints = [\"127.0.0.1:9000\"]\n\
                    [[routes]]\nname = \"good\"\nupstream = \"good\"\n";

fn none(_: &str) -> Option<String> {
    None
}

fn good(text: &str) -> Loaded {
    let loaded = parse("t.toml", text, &none).unwrap_or_else(|problems| panic!("{text}\n{}", problems.render(false)));
    assert!(loaded.warnings.is_empty(), "{}", loaded.warnings.render(false));
    loaded
}
