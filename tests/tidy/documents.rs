//! Whether the documents are true: links lead somewhere, files that they name exist, configs that they show are configs.

use std::path::{Component, Path, PathBuf};

use tidegate::config::ProblemKind;

use crate::report;
use crate::runbook::{FAULTS, words_of};
use crate::source::{files, root};

/// Folders whose files a document may name.
const FOLDERS: &[&str] = &["src/", "tests/", "benches/", "docs/", "config/", "certs/", "deploy/", ".ci/"];

fn documents() -> Vec<(String, String)> {
    let front = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md"].map(str::to_owned);
    let all = front.into_iter().chain(files("docs", "md"));
    all.map(|path| {
        let text = std::fs::read_to_string(root().join(&path)).unwrap_or_else(|_| panic!("{path} is missing"));
        (path, text)
    })
    .collect()
}

#[test]
fn links_lead_somewhere() {
    let mut problems = Vec::new();
    for (path, text) in documents() {
        for target in links(&text) {
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let found = if file.is_empty() { PathBuf::from(&path) } else { beside(&path, file) };
            let Ok(content) = std::fs::read_to_string(root().join(&found)) else {
                // A folder, or a picture.
                if !root().join(&found).exists() {
                    problems.push(format!("{path}: {target}"));
                }
                continue;
            };
            if !anchor.is_empty() && !anchors(&content).contains(&anchor.to_owned()) {
                problems.push(format!("{path}: no heading for {target}"));
            }
        }
    }
    report("links that lead nowhere", problems);
}

#[test]
fn every_fault_is_in_the_guide() {
    let guide = std::fs::read_to_string(root().join("docs/errors.md")).expect("the page of errors");
    let mut problems = Vec::new();
    for path in FAULTS {
        let missing = words_of(path).into_iter().filter(|word| !guide.contains(&format!("`{word}`")));
        problems.extend(missing.map(|word| format!("{path}: {word}")));
    }
    report("faults that docs/errors.md does not explain", problems);
}

#[test]
fn metrics_that_are_named_exist() {
    let code: String = crate::source::under("src").into_iter().map(|source| source.text).collect();
    let mut problems = Vec::new();
    for (path, text) in documents() {
        for (at, start) in text.match_indices("tidegate_") {
            let name: String = text[at..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect();
            // A histogram has its buckets, its sum and its count.
            let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(&name);
            if name.len() > start.len() && !code.contains(&format!("\"{family}\"")) {
                problems.push(format!("{path}: {name}"));
            }
        }
    }
    report("metrics that do not exist", problems);
}

#[test]
fn files_that_are_named_exist() {
    let mut problems = Vec::new();
    for (path, text) in documents() {
        // Every second piece stands between backticks.
        for quoted in text.split('`').skip(1).step_by(2).flat_map(str::split_whitespace) {
            let named = FOLDERS.iter().any(|folder| quoted.starts_with(folder));
            let plain = quoted.chars().all(|c| c.is_alphanumeric() || "/._-".contains(c));
            if named && plain && !root().join(quoted).exists() {
                problems.push(format!("{path}: {quoted}"));
            }
        }
    }
    report("files that do not exist", problems);
}

#[test]
fn every_page_is_in_the_summary() {
    let summary = std::fs::read_to_string(root().join("docs/SUMMARY.md")).unwrap();
    let linked: Vec<_> = links(&summary).into_iter().map(|target| beside("docs/SUMMARY.md", target)).collect();
    let pages = files("docs", "md").into_iter().filter(|page| page != "docs/SUMMARY.md");
    let missing = pages.filter(|page| !linked.contains(&PathBuf::from(page))).collect();
    report("pages that docs/SUMMARY.md does not list", missing);
}

#[test]
fn configs_that_are_shown_are_configs() {
    // A part of a config lacks what stands elsewhere; but what it shows must be right as far as it goes.
    let elsewhere = [ProblemKind::Missing, ProblemKind::Reference, ProblemKind::NoEffect];
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tidegate.toml");
    let mut problems = Vec::new();
    for (path, text) in documents() {
        for block in toml_blocks(&text) {
            std::fs::write(&file, &block).unwrap();
            let Err(found) = tidegate::config::load(&file, &|name| {
                Some(if name.ends_with("TOKEN") { "0123456789abcdef" } else { "127.0.0.1:1" }.to_owned())
            }) else {
                continue;
            };
            let wrong = found.iter().filter(|problem| !elsewhere.contains(&problem.kind));
            problems.extend(wrong.map(|problem| format!("{path}: {}: {}", problem.key_path, problem.message)));
        }
    }
    report("configs that are none", problems);
}

/// What stands in fences marked `toml`.
fn toml_blocks(text: &str) -> Vec<String> {
    let pieces = text.split("```toml\n").skip(1);
    pieces.map(|piece| piece.split("```").next().unwrap().to_owned()).collect()
}

/// The targets of links into the project.
fn links(text: &str) -> Vec<&str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter(|target| !target.contains("://") && !target.starts_with("mailto:")).collect()
}

/// The anchors of a document's headings, as the usual renderers make them.
fn anchors(text: &str) -> Vec<String> {
    let headings = text.lines().filter(|line| line.starts_with('#'));
    headings.map(|line| anchor(line.trim_start_matches('#').trim())).collect()
}

fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

/// A file named relative to a document.
fn beside(document: &str, file: &str) -> PathBuf {
    let mut found = PathBuf::new();
    for component in Path::new(document).parent().unwrap().join(file).components() {
        match component {
            Component::ParentDir => {
                found.pop();
            }
            Component::CurDir => {}
            other => found.push(other),
        }
    }
    found
}

#[test]
fn a_link_is_found_and_resolved() {
    assert_eq!(links("see [a](b.md#c) and [d](https://e.example)"), ["b.md#c"]);
    assert_eq!(beside("docs/a.md", "../src/b.rs"), PathBuf::from("src/b.rs"));
    assert_eq!(anchor("How it's measured"), "how-its-measured");
}
