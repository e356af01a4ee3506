//! What is secret does not show, however a value of ours is printed: whoever prints one in a log, an error or a panic tells nothing.

use std::collections::BTreeSet;

use super::good;
use crate::config::keys::ROOT;
use crate::config::kind::{Key, Kind, Section};
use crate::config::raw::{Shape, Table};

/// All keys that are secret, each with something that can be found again.
const SECRETS: &str = include_str!("secrets.toml");
/// What can be found.
const MARKS: [&str; 2] = ["m4rk", "d15ea5ed"];

#[test]
fn no_secret_is_printed() {
    let loaded = good(SECRETS);
    let outline = loaded.outline(&super::none);
    let shown = outline.values().map(|setting| setting.value.as_str()).collect::<String>();
    let printed = [format!("{loaded:?}"), format!("{loaded:#?}"), loaded.model.written.to_string(), shown];
    for mark in MARKS {
        let leaks = printed.iter().filter_map(|text| text.find(mark).map(|at| &text[at.saturating_sub(200)..at + 30]));
        assert_eq!(leaks.collect::<Vec<_>>(), [""; 0], "{mark}");
    }
}

/// The text above has all of them.
#[test]
fn every_secret_key_is_looked_for() {
    let (mut marked, mut set) = (BTreeSet::new(), BTreeSet::new());
    all(&ROOT, &mut |key| marked.extend(key.secret.then_some((key.name, std::ptr::from_ref(key) as usize))));
    assert!(marked.len() > 10, "{marked:?}");
    walk(&good(SECRETS).raw, &ROOT, &mut |key| {
        set.insert((key.name, std::ptr::from_ref(key) as usize));
    });
    let left_out: Vec<_> = marked.difference(&set).map(|(name, _)| name).collect();
    assert!(left_out.is_empty(), "put these into secrets.toml with a mark: {left_out:?}");
}

fn all(section: &'static Section, each: &mut dyn FnMut(&'static Key)) {
    fn inner(kind: &'static Kind, each: &mut dyn FnMut(&'static Key)) {
        match kind {
            Kind::Table(section) | Kind::Named(section) | Kind::Repeated(section) => all(section, each),
            Kind::List(kind) | Kind::Map(kind) => inner(kind, each),
            Kind::Either(kinds) => kinds.iter().for_each(|kind| inner(kind, each)),
            _ => {}
        }
    }
    for key in section.keys() {
        each(key);
        inner(&key.kind, each);
    }
}

/// The keys that a config sets.
fn walk(table: &Table, section: &'static Section, each: &mut dyn FnMut(&'static Key)) {
    for entry in &table.entries {
        let Some(key) = section.key(&entry.key) else { continue };
        each(key);
        inside(&entry.node.shape, &key.kind, each);
    }
}

fn inside(shape: &Shape, kind: &'static Kind, each: &mut dyn FnMut(&'static Key)) {
    match (shape, kind) {
        (_, Kind::Either(kinds)) => kinds.iter().for_each(|kind| inside(shape, kind, each)),
        (Shape::Table(table), Kind::Table(section)) => walk(table, section, each),
        (Shape::Table(table), Kind::Named(section)) => {
            let nodes = table.entries.iter().map(|entry| &entry.node.shape);
            nodes.for_each(|shape| table_of(shape, section, each));
        }
        (Shape::List(list), Kind::Repeated(section)) => {
            list.iter().for_each(|node| table_of(&node.shape, section, each));
        }
        (Shape::List(list), Kind::List(kind)) => list.iter().for_each(|node| inside(&node.shape, kind, each)),
        _ => {}
    }
}

fn table_of(shape: &Shape, section: &'static Section, each: &mut dyn FnMut(&'static Key)) {
    if let Shape::Table(table) = shape {
        walk(table, section, each);
    }
}
