//! Hostile messages of HTTP/1.1, and valid ones that look hostile. Each table is one subject and one story.

mod chunks;
mod fields;
mod framing;
mod hop;
mod hosts;
mod lines;
mod sizes;
mod targets;
mod valid;

use super::case::{Case, Outcome};
use super::trial::Trial;

#[test]
fn framing_that_two_servers_read_in_two_ways() {
    Trial::run(&framing::cases());
}

#[test]
fn chunks_that_two_servers_read_in_two_ways() {
    Trial::run(&chunks::cases());
}

#[test]
fn line_ends_and_request_lines() {
    Trial::run(&lines::cases());
}

#[test]
fn field_names_and_values() {
    Trial::run(&fields::cases());
}

#[test]
fn request_targets() {
    Trial::run(&targets::cases());
}

#[test]
fn hosts_and_authorities() {
    Trial::run(&hosts::cases());
}

#[test]
fn fields_of_one_hop_upgrades_and_expectations() {
    Trial::run(&hop::cases());
}

#[test]
fn more_than_the_limits() {
    Trial::run(&sizes::cases());
}

#[test]
fn unusual_and_valid() {
    Trial::run(&valid::cases());
}

#[test]
fn the_corpus_is_as_large_as_it_says() {
    let cases: Vec<Case> = [
        framing::cases(),
        chunks::cases(),
        lines::cases(),
        fields::cases(),
        targets::cases(),
        hosts::cases(),
        hop::cases(),
        sizes::cases(),
        valid::cases(),
    ]
    .concat();
    let valid = cases.iter().filter(|case| matches!(case.outcome, Outcome::Forwarded(_))).count();
    assert!(cases.len() - valid >= 250, "{} hostile, {valid} valid", cases.len() - valid);
    let mut bytes: Vec<_> = cases.iter().map(|case| &case.bytes).collect();
    bytes.sort_unstable();
    let repeated = bytes.windows(2).filter(|two| two[0] == two[1]).map(|two| two[0].escape_ascii().to_string());
    assert_eq!(repeated.collect::<Vec<_>>(), Vec::<String>::new(), "messages that stand twice");
}
