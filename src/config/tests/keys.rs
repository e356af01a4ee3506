//! The key tables against the code that reads them: no key without its reader, no reader without its key.

use super::none;
use crate::config::keys::ROOT;
use crate::config::kind::{Kind, Section};
use crate::config::problem::ProblemKind;
use crate::config::{parse, reference, schema};

/// Each section of the reference: its header, and its keys with their values.
fn sections(text: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut sections = vec![(String::new(), Vec::new())];
    for line in text.lines().map(|line| line.strip_prefix('#').unwrap_or(line)) {
        match line.split_once(" = ") {
            _ if line.starts_with(' ') => {} // a sentence
            _ if line.starts_with('[') => sections.push((line.to_owned(), Vec::new())),
            Some((key, value)) => {
                sections.last_mut().expect("at least one").1.push((key.to_owned(), value.to_owned()));
            }
            None => {}
        }
    }
    sections
}

/// What a section inside a list needs before it.
fn around(header: &str) -> &'static str {
    if header.contains("[routes.") { "[[routes]]\n" } else { "" }
}

/// Every key with a value of a type that no key takes is a problem of exactly that key: so the code reads it.
#[test]
fn every_key_is_read() {
    let mut count = 0;
    for (header, keys) in sections(&reference::text()) {
        for (key, _) in keys.iter() {
            let text = format!("{}{header}\n{key} = 1979-05-27\n", around(&header));
            let problems = parse("t.toml", &text, &none).expect_err("a date");
            let wrong = problems.iter().find(|problem| problem.kind == ProblemKind::Type);
            let wrong = wrong.unwrap_or_else(|| panic!("nothing reads {key} of {header}: {problems}"));
            assert!(wrong.key_path.ends_with(key) && wrong.message.ends_with("found a date"), "{problems}");
            count += 1;
        }
    }
    assert!(count > 90, "{count}");
}

/// Every value that the reference shows, defaults and examples, is one that the key takes.
#[test]
fn every_value_of_the_reference_is_taken() {
    for (header, keys) in sections(&reference::text()) {
        for (key, value) in keys.iter() {
            let text = format!("{}{header}\n{key} = {value}\n", around(&header));
            let Err(problems) = parse("t.toml", &text, &none) else { continue };
            if key == "include" {
                continue; // a text can include nothing
            }
            let allowed = [ProblemKind::Missing, ProblemKind::Reference, ProblemKind::Conflict, ProblemKind::NoEffect];
            assert!(problems.iter().all(|problem| allowed.contains(&problem.kind)), "{text}{}", problems.render(false));
        }
    }
}

/// The reference, taken apart, has every key of every table.
#[test]
fn every_key_is_in_the_reference() {
    let sections = sections(&reference::text());
    let keys = |header: &str| {
        let found = sections.iter().find(|(one, _)| one.trim_matches(['[', ']']) == header);
        found.map(|(_, keys)| keys.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>())
    };
    let mut rest = vec![(String::new(), &ROOT)];
    while let Some((path, section)) = rest.pop() {
        let there = keys(&path).unwrap_or_else(|| panic!("no section [{path}]"));
        for key in section.keys().filter(|_| path != "defaults") {
            let below = if path.is_empty() { key.name.to_owned() } else { format!("{path}.{}", key.name) };
            match inner(&key.kind) {
                Some((name, inner)) => rest.push((format!("{below}{name}"), inner)),
                None => assert!(there.contains(&key.name), "{below}"),
            }
        }
    }
}

fn inner(kind: &Kind) -> Option<(&'static str, &'static Section)> {
    match kind {
        Kind::Named(section) if section.key("endpoints").is_some() => Some((".api", section)),
        Kind::Named(section) => Some((".web", section)),
        Kind::Table(section) | Kind::Repeated(section) | Kind::List(Kind::Table(section)) => Some(("", section)),
        Kind::Either(kinds) | Kind::List(Kind::Either(kinds)) => kinds.iter().find_map(inner),
        _ => None,
    }
}

#[test]
fn the_schema_has_every_key_and_nothing_else() {
    fn compare(schema: &serde_json::Value, section: &Section) {
        let properties = schema["properties"].as_object().expect("a section");
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(properties.len(), section.keys().count());
        for key in section.keys() {
            let property = &properties[key.name];
            assert!(property["description"].as_str().is_some_and(|text| text.starts_with(key.doc)), "{}", key.name);
            match &key.kind {
                Kind::Table(inner) => compare(property, inner),
                Kind::Named(inner) => compare(&property["additionalProperties"], inner),
                Kind::Repeated(inner) | Kind::List(Kind::Table(inner)) => compare(&property["items"], inner),
                _ => {}
            }
        }
    }
    let schema = schema::json();
    compare(&schema, &ROOT);
    let address = &schema["properties"]["listeners"]["additionalProperties"]["properties"]["max_head_size"];
    assert_eq!(address["default"], "16KiB");
}

/// A sentence is a sentence, and an example is there where the default shows none.
#[test]
fn every_key_is_explained() {
    let mut rest = vec![&ROOT];
    while let Some(section) = rest.pop() {
        assert!(section.doc.ends_with('.'), "{}", section.doc);
        for key in section.keys() {
            assert!(
                key.doc.ends_with(['.', ':']) && key.doc.starts_with(|c: char| !c.is_lowercase()),
                "{}: {}",
                key.name,
                key.doc
            );
            rest.extend(inner(&key.kind).map(|(_, inner)| inner));
        }
    }
}
