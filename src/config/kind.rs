//! The vocabulary of the key tables: what a section is, what a key is and which values it takes.

use super::nearest::listed;
use super::scalar::show_size;

/// A section of the file: `[server]`, `[listeners.NAME]`, or an inline table.
pub(super) struct Section {
    /// What it is for, one sentence.
    pub(super) doc: &'static str,
    /// Its keys; in groups where sections share some.
    pub(super) groups: &'static [&'static [Key]],
}

/// One key. Everything that is known about it is said here, once.
pub(super) struct Key {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) default: Default,
    /// One sentence, for the reference and for editors.
    pub(super) doc: &'static str,
    /// A value as TOML, where the default does not show one.
    pub(super) example: &'static str,
    /// Whether its value, or all that is in it, is kept from those who look at the running program.
    pub(super) secret: bool,
}

/// Which values a key takes.
pub(super) enum Kind {
    /// A text that must read as something: what, and the pattern of it for editors.
    Text(&'static str, &'static str),
    /// The path of a file or folder.
    Path,
    Boolean,
    /// From, to.
    Integer(i64, i64),
    /// One of some numbers.
    Numbers(&'static [i64]),
    /// From, to, in octets.
    Size(u64, u64),
    /// `"30s"`
    Duration,
    /// `"30s"` or `"off"`
    Timeout,
    /// One of some words.
    Word(fn() -> Vec<&'static str>),
    Either(&'static [Kind]),
    List(&'static Kind),
    /// Any keys, all with such a value.
    Map(&'static Kind),
    Table(&'static Section),
    /// `[key.NAME]`
    Named(&'static Section),
    /// `[[key]]`
    Repeated(&'static Section),
}

/// What holds where a key is absent.
#[derive(Clone, Copy)]
pub(super) enum Default {
    Text(&'static str),
    Integer(i64),
    Boolean(bool),
    Texts(&'static [&'static str]),
    /// Nothing, or what the sentence says.
    Absent,
    /// It cannot be absent.
    Required,
}

impl Section {
    pub(super) fn keys(&self) -> impl Iterator<Item = &'static Key> {
        self.groups.iter().flat_map(|group| group.iter())
    }

    pub(super) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys().find(|key| key.name == name)
    }
}

impl Kind {
    /// The noun for messages: "expected ..."
    pub(super) fn noun(&self) -> String {
        match self {
            Self::Text(noun, _) => (*noun).to_owned(),
            Self::Path => "a path".to_owned(),
            Self::Boolean => "a boolean".to_owned(),
            Self::Integer(..) => format!("an integer ({})", self.range().unwrap_or_default()),
            Self::Numbers(numbers) => listed(&numbers.iter().map(i64::to_string).collect::<Vec<_>>(), "or"),
            Self::Size(..) => "a size such as \"16MiB\"".to_owned(),
            Self::Duration => "a duration such as \"30s\"".to_owned(),
            Self::Timeout => "a duration such as \"30s\", or \"off\"".to_owned(),
            Self::Word(words) => listed(&words().iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>(), "or"),
            Self::Either(kinds) => listed(&kinds.iter().map(Self::noun).collect::<Vec<_>>(), "or"),
            Self::List(_) => "a list".to_owned(),
            Self::Map(_) | Self::Table(_) => "a table".to_owned(),
            Self::Named(_) => "tables, each with a name".to_owned(),
            Self::Repeated(_) => "a list of tables".to_owned(),
        }
    }

    /// What a number may be, for messages and the reference.
    pub(super) fn range(&self) -> Option<String> {
        match self {
            Self::Integer(least, i64::MAX) => Some(format!("{least} or more")),
            Self::Integer(least, most) => Some(format!("{least} to {most}")),
            Self::Numbers(_) => Some(self.noun()),
            Self::Size(0, u64::MAX) => None,
            Self::Size(least, u64::MAX) => Some(format!("{} or more", show_size(*least))),
            Self::Size(least, most) => Some(format!("{} to {}", show_size(*least), show_size(*most))),
            _ => None,
        }
    }
}

impl Key {
    pub(super) const fn new(name: &'static str, kind: Kind, default: Default, doc: &'static str) -> Self {
        Self { name, kind, default, doc, example: "", secret: false }
    }

    pub(super) const fn example(mut self, example: &'static str) -> Self {
        self.example = example;
        self
    }

    /// Its value is shown to nobody.
    pub(super) const fn secret(mut self) -> Self {
        self.secret = true;
        self
    }
}
