//! Whether the runbook is whole: each word that says what went wrong is in it, with what to look at and what to do, and no other.

use std::collections::BTreeSet;

use crate::report;
use crate::source::{root, under};

/// Where the words of faults are made: the strings of their `label()` functions.
pub(crate) const FAULTS: &[&str] = &[
    "src/proxy/fault.rs",
    "src/proxy/ticket.rs",
    "src/http/refusal.rs",
    "src/wire/h1/refused.rs",
    "src/upstream/connect.rs",
    "src/filter/error.rs",
    "src/files/folder.rs",
    "src/edge/auth/refusal.rs",
];

/// Where else words are made that call somebody: connections that are refused or closed, endpoints that are kept out, names, the disk.
const TROUBLE: &[&str] = &[
    "src/observe/metrics/worker.rs",
    "src/observe/abuse.rs",
    "src/wire/proxy_protocol/header.rs",
    "src/upstream/probe.rs",
    "src/upstream/record.rs",
    "src/upstream/discovery/resolver.rs",
    "src/cache/disk/counts.rs",
    "src/reload/guard/judge.rs",
];

/// Words that are labels too, but say how something went well, or what a config has: each with the page that explains them, or why none does.
const ELSEWHERE: &[(&str, &str)] = &[
    ("src/admin/surface.rs", "docs/admin.md"),
    ("src/cache/policy/reason.rs", "docs/cache.md"),
    ("src/cache/purge.rs", "docs/cache.md"),
    ("src/config/model/log.rs", ""),
    ("src/config/problem.rs", ""),
    ("src/files/action.rs", ""),
    ("src/filter/compress/encoder.rs", ""),
    ("src/http/conditional.rs", ""),
    ("src/observe/exchange.rs", "docs/metrics.md"),
    ("src/observe/metrics/compression.rs", "docs/metrics.md"),
    ("src/observe/retries.rs", "docs/retries.md"),
    ("src/reload/guard/decide.rs", "docs/guarded-reload.md"),
    ("src/snapshot/pressure.rs", "docs/security.md"),
    ("src/tls/problem.rs", ""),
    ("src/upstream/mirror.rs", "docs/releases.md"),
    ("src/upstream/standing.rs", "docs/outliers.md"),
    ("src/upstream/sticky.rs", ""),
];

/// Words in these files that are no trouble: handshakes that went well.
const FINE: &[&str] = &["full", "resumed"];

/// The words of a file's `label()` functions.
pub(crate) fn words_of(path: &str) -> BTreeSet<String> {
    let source = std::fs::read_to_string(root().join(path)).unwrap_or_else(|_| panic!("{path} is missing"));
    let mut inside = false;
    let mut found = BTreeSet::new();
    for line in source.lines().take_while(|line| !line.contains("#[cfg(test)]")) {
        inside = (inside || line.contains("label(")) && !line.starts_with("}") && line != "    }";
        let words = line.split('"').skip(1).step_by(2).filter(|_| inside || line.contains("Side::Client, \""));
        let is_word = |text: &&str| {
            !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
        };
        found.extend(words.filter(is_word).map(str::to_owned));
    }
    found
}

/// The entries of the runbook: the words of each heading, and what stands below it.
fn entries(runbook: &str) -> Vec<(Vec<String>, String)> {
    let pieces = runbook.split("\n### ").skip(1).map(|piece| piece.split("\n## ").next().unwrap_or_default());
    pieces
        .map(|piece| {
            let (heading, body) = piece.split_once('\n').unwrap_or((piece, ""));
            (heading.split('`').skip(1).step_by(2).map(str::to_owned).collect(), body.to_owned())
        })
        .collect()
}

fn runbook() -> String {
    std::fs::read_to_string(root().join("docs/runbook.md")).expect("the runbook")
}

#[test]
fn every_word_of_trouble_is_in_the_runbook() {
    let known: BTreeSet<_> = entries(&runbook()).into_iter().flat_map(|(words, _)| words).collect();
    let mut made = BTreeSet::new();
    let mut problems = Vec::new();
    for path in FAULTS.iter().chain(TROUBLE) {
        let words = words_of(path);
        assert!(!words.is_empty(), "{path} makes no words");
        for word in words.iter().filter(|word| !FINE.contains(&word.as_str()) && !known.contains(*word)) {
            problems.push(format!("{path}: {word} has no heading"));
        }
        made.extend(words);
    }
    // A word of the readings of endpoints files, which have no enum of their own.
    made.insert("bad_file".to_owned());
    problems.extend(known.difference(&made).map(|word| format!("docs/runbook.md: nothing says {word}")));
    report("the runbook and the words of the code", problems);
}

#[test]
fn every_entry_says_what_it_means_and_what_to_do() {
    let mut problems = Vec::new();
    for (words, body) in entries(&runbook()) {
        for part in ["Means", "Look at", "Do"] {
            let line = body.lines().find_map(|line| line.strip_prefix(&format!("- **{part}:** ")));
            if line.is_none_or(|line| line.len() < 4) {
                problems.push(format!("{}: {part}", words.join(", ")));
            }
        }
    }
    report("entries of the runbook that lack a part", problems);
}

#[test]
fn every_label_has_a_place() {
    let mut problems = Vec::new();
    for source in under("src").iter().filter(|source| source.code.contains("fn label(")) {
        let path = source.path.as_str();
        let words = words_of(path);
        if words.is_empty() || FAULTS.contains(&path) || TROUBLE.contains(&path) {
            continue;
        }
        let Some((_, page)) = ELSEWHERE.iter().find(|(listed, _)| *listed == path) else {
            problems.push(format!("{path}: is it trouble (the runbook), or explained elsewhere?"));
            continue;
        };
        let Ok(page) = std::fs::read_to_string(root().join(page)) else { continue };
        let missing = words.iter().filter(|word| !page.contains(&format!("`{word}`")));
        problems.extend(missing.map(|word| format!("{path}: {word}")));
    }
    report("labels without a place in the guide", problems);
}

#[test]
fn every_alert_leads_somewhere() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).expect("a file");
    let (alerts, page) = (read("deploy/observability/alerts.yml"), read("docs/operations.md"));
    let names: Vec<_> = alerts.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(!names.is_empty());
    let missing = names.iter().filter(|name| !page.contains(&format!("`{name}`"))).map(ToString::to_string);
    report("alerts that docs/operations.md does not lead on from", missing.collect());
}

#[test]
fn kernel_settings_that_are_named_exist() {
    let page = std::fs::read_to_string(root().join("docs/operations.md")).expect("a page");
    let block =
        page.split("90-tidegate.conf\n").nth(1).and_then(|rest| rest.split("```").next()).expect("the settings");
    let names: Vec<_> = block.lines().filter_map(|line| line.split_once(" = ")).map(|(name, _)| name).collect();
    assert!(names.len() > 5, "{names:?}");
    // Connection tracking is a module that this machine may not have loaded.
    let named = names.into_iter().filter(|name| !name.contains("nf_conntrack"));
    let missing = named.filter(|name| !std::path::Path::new("/proc/sys").join(name.replace('.', "/")).exists());
    report("settings that this kernel does not have", missing.map(str::to_owned).collect());
}
