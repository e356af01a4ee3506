//! Style is a test: the shape of the source, its layers, its words, and whether the documents are true.
//!
//! The limits stand in ARCHITECTURE.md. What is over them today stands in a list beside each check, with what it measures; a
//! list may only shrink: an entry that is no longer needed fails too.

#![allow(clippy::unwrap_used)]

mod documents;
mod layers;
mod runbook;
mod shape;
mod source;
mod words;

/// Fails with everything that is wrong at once.
fn report(what: &str, mut problems: Vec<String>) {
    problems.sort();
    assert!(problems.is_empty(), "{what}:\n  {}\n", problems.join("\n  "));
}
