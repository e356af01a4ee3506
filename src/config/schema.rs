//! `tidegate schema`: the JSON Schema (draft-07, which editors know best), from the key tables.

use serde_json::{Map, Value, json};

use super::keys::ROOT;
use super::kind::{Default, Key, Kind, Section};
use super::reference::sentence;

/// A text that takes something from the environment may stand for any text, number or boolean.
const FILLED: &str = r"\$\{";

const DURATION: &str = r"^([0-9]+(ms|s|m|h|d))+$";
const TIMEOUT: &str = r"^(off|([0-9]+(ms|s|m|h|d))+)$";
const SIZE: &str = r"^[0-9]+ *(B|KiB|MiB|GiB)?$";

/// The schema of the file.
pub fn json() -> Value {
    let mut schema = section(&ROOT, ROOT.doc);
    schema["$schema"] = "http://json-schema.org/draft-07/schema#".into();
    schema["title"] = "Tidegate".into();
    // A file that is included need not have a listener itself.
    if let Some(object) = schema.as_object_mut() {
        object.remove("required");
    }
    schema
}

fn section(section: &Section, doc: &str) -> Value {
    let properties: Map<_, _> = section.keys().map(|key| (key.name.to_owned(), property(key))).collect();
    let required: Vec<_> =
        section.keys().filter(|key| matches!(key.default, Default::Required)).map(|key| key.name).collect();
    let mut schema = json!({
        "type": "object",
        "description": doc,
        "properties": properties,
        "additionalProperties": false,
    });
    if !required.is_empty() {
        schema["required"] = required.into();
    }
    schema
}

fn property(key: &Key) -> Value {
    let mut schema = kind(&key.kind);
    schema["description"] = sentence(key).into();
    match key.default {
        Default::Text(text) => schema["default"] = text.into(),
        Default::Integer(number) => schema["default"] = number.into(),
        Default::Boolean(value) => schema["default"] = value.into(),
        Default::Texts(texts) => schema["default"] = texts.into(),
        Default::Absent | Default::Required => {}
    }
    schema
}

fn kind(kind: &Kind) -> Value {
    match kind {
        Kind::Text(_, "") | Kind::Path => json!({ "type": "string" }),
        Kind::Text(_, pattern) => text(pattern),
        Kind::Duration => text(DURATION),
        Kind::Timeout => text(TIMEOUT),
        Kind::Boolean => json!({ "anyOf": [{ "type": "boolean" }, filled()] }),
        Kind::Integer(least, most) => {
            json!({ "anyOf": [{ "type": "integer", "minimum": least, "maximum": most }, filled()] })
        }
        Kind::Numbers(numbers) => json!({ "anyOf": [{ "enum": numbers }, filled()] }),
        Kind::Size(least, u64::MAX) => json!({ "anyOf": [text(SIZE), { "type": "integer", "minimum": least }] }),
        Kind::Size(least, most) => {
            json!({ "anyOf": [text(SIZE), { "type": "integer", "minimum": least, "maximum": most }] })
        }
        Kind::Word(words) => json!({ "anyOf": [{ "enum": words() }, filled()] }),
        Kind::Either(kinds) => json!({ "anyOf": kinds.iter().map(self::kind).collect::<Vec<_>>() }),
        Kind::List(item) => json!({ "type": "array", "items": self::kind(item) }),
        Kind::Map(value) => json!({ "type": "object", "additionalProperties": self::kind(value) }),
        Kind::Table(inner) => section(inner, inner.doc),
        Kind::Named(inner) => json!({ "type": "object", "additionalProperties": section(inner, inner.doc) }),
        Kind::Repeated(inner) => json!({ "type": "array", "items": section(inner, inner.doc) }),
    }
}

fn text(pattern: &str) -> Value {
    json!({ "type": "string", "pattern": format!("({pattern})|{FILLED}") })
}

fn filled() -> Value {
    json!({ "type": "string", "pattern": FILLED })
}
