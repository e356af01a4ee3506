//! The config as it was written, for whoever looks at the running program: without what is secret.
//!
//! References to the environment stay references: what they stand for may be a secret too.

use serde_json::{Map, Value};

use super::keys::ROOT;
use super::kind::{Kind, Section};
use super::raw::{Node, Shape, Table};

/// What stands in the place of a secret.
const MASK: &str = "***";

/// All that the files say, as one tree.
pub(super) fn shown(root: &Table) -> Value {
    Value::Object(section(root, Some(&ROOT), false))
}

fn section(table: &Table, section: Option<&'static Section>, secret: bool) -> Map<String, Value> {
    let mut shown = Map::new();
    for entry in &table.entries {
        let key = section.and_then(|section| section.key(&entry.key));
        let secret = secret || key.is_some_and(|key| key.secret);
        shown.insert(entry.key.clone(), value(&entry.node, key.map(|key| &key.kind), secret));
    }
    shown
}

fn value(node: &Node, kind: Option<&'static Kind>, secret: bool) -> Value {
    match &node.shape {
        Shape::Table(table) => Value::Object(match tables(kind) {
            Some(Kind::Named(inner)) => table
                .entries
                .iter()
                .map(|entry| match &entry.node.shape {
                    Shape::Table(table) => (entry.key.clone(), Value::Object(section(table, Some(inner), secret))),
                    _ => (entry.key.clone(), value(&entry.node, None, secret)),
                })
                .collect(),
            Some(Kind::Table(inner)) => section(table, Some(inner), secret),
            _ => section(table, None, secret),
        }),
        Shape::List(list) => list.iter().map(|node| item(node, kind, secret)).collect(),
        _ if secret => MASK.into(),
        Shape::Nothing => Value::Null,
        Shape::Text(text) => text.as_str().into(),
        Shape::Integer(number) => (*number).into(),
        Shape::Boolean(yes) => (*yes).into(),
        // No key takes these, so no config that is in force has one.
        Shape::Float | Shape::Datetime => Value::Null,
    }
}

/// One of a list that is of that kind.
fn item(node: &Node, list: Option<&'static Kind>, secret: bool) -> Value {
    match (&node.shape, list) {
        (Shape::Table(table), Some(Kind::Repeated(inner))) => Value::Object(section(table, Some(inner), secret)),
        _ => value(node, items(list), secret),
    }
}

/// Of several kinds the one that is a table.
fn tables(kind: Option<&'static Kind>) -> Option<&'static Kind> {
    match kind? {
        Kind::Either(kinds) => kinds.iter().find_map(|kind| tables(Some(kind))),
        kind @ (Kind::Table(_) | Kind::Named(_)) => Some(kind),
        _ => None,
    }
}

/// What the items of a list are.
fn items(kind: Option<&'static Kind>) -> Option<&'static Kind> {
    match kind? {
        Kind::Either(kinds) => kinds.iter().find_map(|kind| items(Some(kind))),
        Kind::List(inner) => Some(inner),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::config::keys::ROOT;
    use crate::config::kind::{Kind, Section};
    use crate::config::parse;

    const CONFIG: &str = r#"
        [admin]
        address = "127.0.0.1:0"
        token = "s3cret-s3cret-s3cret"
        [listeners.web]
        address = "127.0.0.1:80"
        [upstreams.api]
        endpoints = ["127.0.0.1:9000", { address = "${HOST}:80", weight = 2 }]
        [[routes]]
        hosts = ["example.com"]
        headers = { "x-key" = "s3cret" }
        upstream = "api"
        request_headers = { set = { authorization = "Bearer s3cret" }, remove = ["cookie"] }
        [[routes]]
        path = "/hello"
        respond = { status = 200, body = "s3cret", headers = { "x-more" = "s3cret" } }
    "#;

    #[test]
    fn all_of_it_but_no_secret() {
        let host = |name: &str| (name == "HOST").then(|| "s3cret".to_owned());
        let model = parse("t.toml", CONFIG, &host).unwrap_or_else(|problems| panic!("{problems}")).model;
        let shown = &model.written;
        assert!(!shown.to_string().contains("s3cret"), "{shown:#}");
        assert_eq!(shown["admin"], json!({ "address": "127.0.0.1:0", "token": "***" }));
        assert_eq!(shown["upstreams"]["api"]["endpoints"][1], json!({ "address": "${HOST}:80", "weight": 2 }));
        let route = &shown["routes"][0];
        assert_eq!(route["request_headers"], json!({ "set": { "authorization": "***" }, "remove": ["cookie"] }));
        assert_eq!(route["headers"], json!({ "x-key": "***" }));
        assert_eq!(shown["routes"][1]["respond"]["status"], 200);
    }

    /// A key that sounds like a secret is one, unless it names a file.
    #[test]
    fn what_sounds_secret_is_marked() {
        fn look(section: &'static Section, path: &str, problems: &mut Vec<String>) {
            for key in section.keys() {
                let path = format!("{path}.{}", key.name);
                let sounds = ["secret", "token", "password", "credential"].iter().any(|word| key.name.contains(word));
                let leaf = matches!(key.kind, Kind::Text(..) | Kind::List(Kind::Text(..)) | Kind::Map(_));
                if sounds && leaf && !key.secret {
                    problems.push(path.clone());
                }
                inner(&key.kind, &mut |inner| look(inner, &path, problems));
            }
        }
        fn inner(kind: &'static Kind, each: &mut dyn FnMut(&'static Section)) {
            match kind {
                Kind::Table(section) | Kind::Named(section) | Kind::Repeated(section) => each(section),
                Kind::List(kind) | Kind::Map(kind) => inner(kind, each),
                Kind::Either(kinds) => kinds.iter().for_each(|kind| inner(kind, each)),
                _ => {}
            }
        }
        let mut problems = Vec::new();
        look(&ROOT, "", &mut problems);
        assert!(problems.is_empty(), "mark with .secret(): {problems:?}");
    }
}
