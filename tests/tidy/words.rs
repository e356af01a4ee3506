//! Words that are not used, in code and as names.

use crate::report;
use crate::source::{self, Source, is_word};

/// Names that say nothing, or a second name for something that has one. See "Words" in ARCHITECTURE.md.
const NOT_USED: &[&str] =
    &["backend", "cluster", "context", "manager", "handler", "helper", "helpers", "util", "utils", "common"];

/// Names that say nothing where they stand alone.
const NOT_ALONE: &[&str] = &["info", "data", "misc", "stuff"];

/// What a name is given with.
const KINDS: &[&str] = &["mod", "struct", "enum", "trait", "type", "fn", "const", "static"];

#[test]
fn nothing_unwraps_outside_tests() {
    let mut problems = Vec::new();
    for source in source::under("src") {
        for what in [".unwrap()", "todo!(", "unimplemented!(", "dbg!("] {
            for (at, _) in source.code.match_indices(what).filter(|(at, _)| !source.in_test(*at)) {
                problems.push(format!("{}:{} {what}", source.path, source.line(at)));
            }
        }
    }
    report("nothing unwraps outside tests", problems);
}

#[test]
fn nothing_is_left_for_later() {
    let marks = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];
    let mut problems = Vec::new();
    let mut look = |path: &str, text: &str| {
        for mark in marks {
            for (at, _) in text.match_indices(mark).filter(|(at, _)| is_word(text, *at, mark.len())) {
                problems.push(format!("{path}:{} {mark}", text[..at].matches('\n').count() + 1));
            }
        }
    };
    for source in ["src", "tests", "benches"].into_iter().flat_map(source::under) {
        look(&source.path, &source.text);
    }
    for path in source::files("docs", "md").into_iter().chain(source::files("config", "toml")) {
        look(&path, &std::fs::read_to_string(source::root().join(&path)).unwrap());
    }
    report("an issue, or do it", problems);
}

#[test]
fn one_word_for_each_thing() {
    let mut problems = Vec::new();
    for source in ["src", "tests", "benches"].into_iter().flat_map(source::under) {
        for (kind, name, at) in names(&source) {
            let words = words(&name);
            let forbidden = words.iter().any(|word| NOT_USED.contains(&word.as_str()))
                || (words.len() == 1 && NOT_ALONE.contains(&words[0].as_str()))
                || (kind == "fn" && words[0] == "get" && words.len() > 1);
            if forbidden {
                problems.push(format!("{}:{} {kind} {name}", source.path, source.line(at)));
            }
        }
        let stem = source.path.rsplit('/').next().unwrap().trim_end_matches(".rs");
        if words(stem).iter().any(|word| NOT_USED.contains(&word.as_str())) {
            problems.push(source.path);
        }
    }
    report("words that are not used", problems);
}

/// What the file gives a name to: kind, name, place.
fn names(source: &Source) -> Vec<(&'static str, String, usize)> {
    let mut found = Vec::new();
    for kind in KINDS {
        for at in source.places(kind) {
            let rest = source.code[at + kind.len()..].trim_start();
            let name: String = rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            if !name.is_empty() {
                found.push((*kind, name, at));
            }
        }
    }
    found
}

/// The words of a name, in lower case: `TlsConfig`, `tls_config` and `TLS_CONFIG` are the same.
fn words(name: &str) -> Vec<String> {
    let mut found = vec![String::new()];
    let mut before_lower = false;
    for c in name.chars() {
        if c == '_' || (c.is_uppercase() && before_lower) {
            found.push(String::new());
        }
        if c != '_' {
            found.last_mut().unwrap().extend(c.to_lowercase());
        }
        before_lower = c.is_lowercase() || c.is_ascii_digit();
    }
    found.retain(|word| !word.is_empty());
    if found.is_empty() { vec![name.to_owned()] } else { found }
}

#[test]
fn names_fall_apart_into_words() {
    assert_eq!(words("TlsConfig"), ["tls", "config"]);
    assert_eq!(words("get_value"), ["get", "value"]);
    assert_eq!(words("HTTP_PORT"), ["http", "port"]);
}
