//! Hostile messages of HTTP/2, whose origin speaks HTTP/1.1: they arrive with one meaning, or not at all.

mod bodies;
mod fields;
mod frames;
mod pseudo;
mod trial;

use trial::{Case, Expected, Trial};

#[test]
fn pseudo_header_fields() {
    Trial::run(&pseudo::cases());
}

#[test]
fn fields_that_http1_would_take_for_something_else() {
    Trial::run(&fields::cases());
}

#[test]
fn lengths_bodies_and_trailers() {
    Trial::run(&bodies::cases());
}

#[test]
fn frames_and_header_blocks_that_lie() {
    Trial::run(&frames::cases());
}

#[test]
fn the_corpus_is_as_large_as_it_says() {
    let cases: Vec<Case> = [pseudo::cases(), fields::cases(), bodies::cases(), frames::cases()].concat();
    let hostile = cases.iter().filter(|case| !matches!(case.expected, Expected::Forwarded(_))).count();
    assert!(hostile >= 130, "{hostile} hostile of {}", cases.len());
    let mut bytes: Vec<_> = cases.iter().map(|case| &case.bytes).collect();
    bytes.sort_unstable();
    let repeated = bytes.windows(2).find(|two| two[0] == two[1]);
    assert!(repeated.is_none(), "stands twice: {:?}", repeated.unwrap()[0].escape_ascii().to_string());
}
