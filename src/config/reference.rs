//! `tidegate defaults`: a config with every key, its default and its sentence, from the key tables.

use std::fmt::Write as _;

use super::keys::{ACTIONS, ROOT};
use super::kind::{Default, Key, Kind, Section};
use super::nearest::listed;

const WIDTH: usize = 100;

const HEAD: &str = "\
# Every key of Tidegate with its default, as `tidegate defaults` prints it. The file is a valid config.
# What begins with # and no space is off by default; it shows an example.
#
# Durations: \"250ms\", \"30s\", \"1m30s\"; \"off\" where there may be none. Sizes: \"512B\", \"64KiB\", \"16MiB\", \"2GiB\".
# \"${NAME}\" and \"${NAME:-default}\" take an environment variable, in any string; \"$${\" is a plain \"${\".
# Relative paths are relative to the file that names them.
";

/// The text of `config/reference.toml`.
pub fn text() -> String {
    let mut out = HEAD.to_owned();
    for key in ROOT.keys() {
        match &key.kind {
            Kind::Table(section) => write_section(&mut out, &format!("[{}]", key.name), section, key.name != "admin"),
            Kind::Named(section) => {
                let name = if key.name == "listeners" { "web" } else { "api" };
                write_section(&mut out, &format!("[{}.{name}]", key.name), section, true);
            }
            Kind::Repeated(section) => {
                write_section(&mut out, &format!("[[{}]]", key.name), section, key.name == "routes");
            }
            _ => write_key(&mut out, key, true),
        }
    }
    out
}

/// A section and, below it, those inside it. One that is not live is commented out with all it holds.
fn write_section(out: &mut String, header: &str, section: &Section, live: bool) {
    let mark = if live { "" } else { "#" };
    out.push('\n');
    write_comment(out, section.doc);
    let _ = writeln!(out, "{mark}{header}"); // writing to a String cannot fail
    if header == "[defaults]" {
        return; // the same keys as in [[routes]]
    }
    section
        .keys()
        .filter(|key| inner(&key.kind).is_none_or(|_| !key.example.is_empty()))
        .for_each(|key| write_key(out, key, live));
    let path = header.trim_matches(['[', ']']);
    for (key, (inner, repeated)) in section.keys().filter_map(|key| Some((key, inner(&key.kind)?))) {
        let path = format!("{path}.{}", key.name);
        let header = if repeated { format!("[[{path}]]") } else { format!("[{path}]") };
        write_section(out, &header, inner, false);
    }
}

/// The section that a value is, and whether it is one of a list.
fn inner(kind: &Kind) -> Option<(&'static Section, bool)> {
    match kind {
        Kind::Table(section) => Some((section, false)),
        Kind::List(Kind::Table(section)) => Some((section, true)),
        Kind::Either(kinds) => kinds.iter().find_map(inner),
        Kind::List(Kind::Either(kinds)) => Some((kinds.iter().find_map(inner)?.0, true)),
        _ => None,
    }
}

fn write_key(out: &mut String, key: &Key, live: bool) {
    out.push('\n');
    write_comment(out, &sentence(key));
    let action = ACTIONS.first().is_some_and(|first| std::ptr::eq(first, key));
    let (value, set) = match key.default {
        Default::Required => (key.example.to_owned(), true),
        Default::Absent | Default::Texts([]) => (key.example.to_owned(), action),
        default => (toml(default), true),
    };
    let mark = if live && set { "" } else { "#" };
    let _ = writeln!(out, "{mark}{} = {value}", key.name); // writing to a String cannot fail
}

/// What is known of a key: for the reference and the schema.
pub(super) fn sentence(key: &Key) -> String {
    let words = match &key.kind {
        Kind::Word(words) => {
            let words: Vec<_> = words().iter().map(|word| format!("\"{word}\"")).collect();
            Some(format!("It can be {}.", listed(&words, "or")))
        }
        kind => kind.range().map(|range| format!("{range}.")),
    };
    let off = matches!(key.kind, Kind::Timeout).then(|| "It can be \"off\".".to_owned());
    let required = matches!(key.default, Default::Required).then(|| "Required.".to_owned());
    let parts = [Some(key.doc.to_owned()), words, off, required];
    parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
}

fn toml(default: Default) -> String {
    match default {
        Default::Text(text) => format!("{text:?}"),
        Default::Integer(number) => number.to_string(),
        Default::Boolean(value) => value.to_string(),
        Default::Texts(texts) => format!("{texts:?}"),
        Default::Absent | Default::Required => String::new(),
    }
}

fn write_comment(out: &mut String, text: &str) {
    let mut column = WIDTH;
    for word in text.split_whitespace() {
        if column + 1 + word.chars().count() > WIDTH {
            out.push_str(if column == WIDTH && out.ends_with('\n') { "# " } else { "\n# " });
            column = 2;
        } else {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += word.chars().count();
    }
    out.push('\n');
}
