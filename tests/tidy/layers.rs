//! Who may import whom: arrows only point right.
//!
//! ```text
//! cli -> server -> reload, listener, admin, proxy -> snapshot -> routing, edge, filter, cache, upstream, files -> tls -> wire
//!     -> config -> observe -> http
//! ```

use crate::report;
use crate::source::{self, Source};

/// From left to right. Modules of one row do not import each other.
const ROWS: &[&[&str]] = &[
    &["cli"],
    &["server"],
    &["reload", "listener", "admin", "proxy"],
    &["snapshot"],
    &["routing", "edge", "filter", "cache", "upstream", "files"],
    &["tls"],
    &["wire"],
    &["config"],
    &["observe"],
    &["http"],
];

/// Who may read TOML, and the machinery around it. What a config means (`config::model`) is vocabulary for everybody.
const READS_CONFIG: &[&str] = &["cli", "server", "reload", "snapshot"];

/// Imports against the arrow. This list may only shrink.
const ALLOWED: &[(&str, &str)] = &[];

#[test]
fn arrows_only_point_right() {
    let mut problems = Vec::new();
    let mut used = Vec::new();
    for source in source::under("src").iter().filter(|source| !source.is_test()) {
        let Some(from) = module(&source.path) else { continue };
        for (to, at) in imports(source) {
            if may_import(from, &to) {
                continue;
            }
            match ALLOWED.iter().find(|(f, t)| *f == from && to.starts_with(t)) {
                Some(entry) => used.push(*entry),
                None => problems.push(format!("{}:{} {from} imports {to}", source.path, source.line(at))),
            }
        }
    }
    let unused = ALLOWED.iter().filter(|entry| !used.contains(entry));
    problems.extend(unused.map(|(from, to)| format!("{from} no longer imports {to}: take it off the list")));
    report("imports point right", problems);
}

#[test]
fn every_module_has_its_row() {
    let modules =
        source::under("src").iter().filter_map(|source| module(&source.path).map(str::to_owned)).collect::<Vec<_>>();
    let without: Vec<_> = modules.into_iter().filter(|module| row(module).is_none()).collect();
    report("modules without a row in tests/tidy/layers.rs", without);
}

fn may_import(from: &str, to: &str) -> bool {
    let target = to.split("::").next().unwrap();
    if target == from || to.starts_with("config::model") {
        return true;
    }
    if target == "config" && !READS_CONFIG.contains(&from) {
        return false;
    }
    match (row(from), row(target)) {
        (Some(from), Some(to)) => from < to,
        // Not a module: a macro, or something of the crate root.
        _ => true,
    }
}

fn row(module: &str) -> Option<usize> {
    ROWS.iter().position(|row| row.contains(&module))
}

/// The top module of a file; none for `lib.rs` and `main.rs`.
fn module(path: &str) -> Option<&str> {
    let inside = path.strip_prefix("src/")?;
    let name = inside.split('/').next()?.trim_end_matches(".rs");
    (!matches!(name, "lib" | "main")).then_some(name)
}

/// What a file names of the crate, outside tests: paths behind `crate::`, groups taken apart.
fn imports(source: &Source) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    for (at, start) in source.code.match_indices("crate::").filter(|(at, _)| !source.in_test(*at)) {
        let rest = &source.code[at + start.len()..];
        if rest.starts_with('{') {
            let end = source::closing(rest, 0);
            found.extend(top_level(&rest[1..end]).into_iter().map(|path| (path, at)));
        } else {
            found.push((path(rest), at));
        }
    }
    found
}

fn path(text: &str) -> String {
    text.trim_start().chars().take_while(|c| c.is_alphanumeric() || matches!(c, '_' | ':')).collect()
}

fn top_level(group: &str) -> Vec<String> {
    let mut depth = 0;
    let mut parts = vec![String::new()];
    for c in group.chars() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 0 => parts.push(String::new()),
            _ => {}
        }
        parts.last_mut().unwrap().push(c);
    }
    parts.iter().map(|part| path(part.trim_start_matches(','))).filter(|path| !path.is_empty()).collect()
}

#[test]
fn a_group_falls_apart() {
    assert_eq!(top_level("http::{A, B}, observe::C,"), ["http::", "observe::C"]);
}

#[test]
fn the_rule_knows_its_cases() {
    assert!(may_import("proxy", "upstream::Endpoint"));
    assert!(!may_import("upstream", "proxy::run"));
    assert!(!may_import("filter", "cache::Key"));
    assert!(may_import("routing", "config::model::Route"));
    assert!(!may_import("routing", "config::raw::Route"));
    assert!(may_import("snapshot", "config::load"));
}
