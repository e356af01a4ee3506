//! A config file as it stands: keys and values in their order, each with its place. Nothing is judged here but TOML itself.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeInteger, DeTable, DeValue};

use super::nearest::quoted;
use super::problem::{Problem, ProblemKind};
use super::source::{Sources, Span, floor};

/// A value and its place.
#[derive(Clone, Debug)]
pub(super) struct Node {
    pub(super) span: Span,
    pub(super) shape: Shape,
}

/// What TOML knows. Which of its texts are secret, only the tables of keys know, so none is shown.
#[derive(Clone)]
pub(super) enum Shape {
    Text(String),
    /// Beyond 64 bits: the nearest that fits, which is out of every range anyway.
    Integer(i64),
    Float,
    Boolean(bool),
    Datetime,
    /// `null`, which only JSON has.
    Nothing,
    List(Vec<Node>),
    Table(Table),
}

impl std::fmt::Debug for Shape {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(_) => f.write_str("Text(..)"),
            Self::Integer(number) => f.debug_tuple("Integer").field(number).finish(),
            Self::Float => f.write_str("Float"),
            Self::Boolean(yes) => f.debug_tuple("Boolean").field(yes).finish(),
            Self::Datetime => f.write_str("Datetime"),
            Self::Nothing => f.write_str("Nothing"),
            Self::List(list) => f.debug_tuple("List").field(list).finish(),
            Self::Table(table) => f.debug_tuple("Table").field(table).finish(),
        }
    }
}

/// Keys and values in the order of the file.
#[derive(Clone, Debug, Default)]
pub(super) struct Table {
    pub(super) entries: Vec<Entry>,
}

/// `key = value`, or a section.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) key_span: Span,
    pub(super) node: Node,
}

impl Shape {
    /// With its article, for messages.
    pub(super) fn noun(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Integer(_) => "an integer",
            Self::Float => "a fraction",
            Self::Boolean(_) => "a boolean",
            Self::Datetime => "a date",
            Self::Nothing => "null",
            Self::List(_) => "a list",
            Self::Table(_) => "a table",
        }
    }
}

impl Table {
    pub(super) fn find(&self, key: &str) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.key == key)
    }

    /// The place of a key path, or of as much of it as is there.
    pub(super) fn locate(&self, path: &str) -> Option<Span> {
        // Names may have dots: the longest one that fits.
        let fits = |entry: &&Entry| {
            path.strip_prefix(entry.key.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '[']))
        };
        let entry = self.entries.iter().filter(fits).max_by_key(|entry| entry.key.len())?;
        let rest = &path[entry.key.len()..];
        let inner = entry.node.locate(rest);
        inner.or(Some(if rest.is_empty() { entry.node.span } else { entry.key_span }))
    }
}

impl Node {
    fn locate(&self, rest: &str) -> Option<Span> {
        match &self.shape {
            Shape::Table(table) => table.locate(rest.strip_prefix('.')?),
            Shape::List(list) => {
                let (item, rest) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
                    Some((place, rest)) => (list.get(place.parse::<usize>().ok()?)?, rest),
                    None => named(list, rest.strip_prefix('.')?)?,
                };
                item.locate(rest).or(Some(item.span))
            }
            _ => None,
        }
    }
}

/// The table of a list that has this `name`, or this number where it has none: `api.upstream`, `route-3`.
fn named<'n, 'p>(list: &'n [Node], path: &'p str) -> Option<(&'n Node, &'p str)> {
    let fits = |name: &str| path.strip_prefix(name).filter(|rest| rest.is_empty() || rest.starts_with('.'));
    let rest = |(place, node): (usize, &'n Node)| {
        let Shape::Table(table) = &node.shape else { return None };
        let rest = match table.find("name").map(|entry| &entry.node.shape) {
            Some(Shape::Text(name)) => fits(name)?,
            _ => fits(&format!("route-{}", place + 1))?,
        };
        Some((node, rest))
    };
    list.iter().enumerate().filter_map(rest).min_by_key(|(_, rest)| rest.len())
}

/// Reads one file. After a syntax error the table holds what could be made out before it.
pub(super) fn read(file: usize, sources: &Sources) -> (Table, Vec<Problem>) {
    let text = sources.text(file);
    let (table, errors) = DeTable::parse_recoverable(text);
    let mut problems: Vec<_> = errors.iter().map(|error| syntax(file, text, error)).collect();
    let whole = Span { file, start: 0, end: 0 };
    let mut table = lift_table(file, whole, table.into_inner());
    if let Some(first) = problems.iter().filter_map(|problem| problem.span).map(|span| span.start).min() {
        cut(&mut table, sources.line_start(file, sources.line(file, first)));
    }
    problems.dedup_by_key(|problem| problem.span.map(|span| sources.line(file, span.start)));
    (table, problems)
}

/// What stands behind a syntax error is guesswork: a lost header would make its keys somebody else's.
fn cut(table: &mut Table, end: usize) {
    table.entries.retain(|entry| entry.key_span.start < end);
    for entry in &mut table.entries {
        cut_node(&mut entry.node, end);
    }
}

fn cut_node(node: &mut Node, end: usize) {
    match &mut node.shape {
        Shape::Table(table) => cut(table, end),
        Shape::List(list) => {
            list.retain(|one| one.span.start < end);
            list.iter_mut().for_each(|one| cut_node(one, end));
        }
        _ => {}
    }
}

fn syntax(file: usize, text: &str, error: &toml::de::Error) -> Problem {
    let span = error.span().unwrap_or_default();
    let start = floor(text, span.start);
    let end = floor(text, span.end.max(start));
    let written = &text[start..end];
    let message = error.message().trim().trim_end_matches(", expected nothing");
    let (message, help) = match message {
        "duplicate key" => {
            (format!("{} is there twice", quoted(written)), "a key and a section stand once; keep one of them")
        }
        _ if message.starts_with("string values must be quoted") && written.trim().is_empty() => {
            ("a value is missing".to_owned(), "such as \"text\", 8, true, or [\"a\", \"list\"]")
        }
        _ if message.starts_with("string values must be quoted") => {
            ("this is no value".to_owned(), "a string needs quotes: \"...\"")
        }
        _ if message.starts_with("invalid unquoted key") => {
            (message.to_owned(), "a key or a name with other characters needs quotes")
        }
        _ => (message.to_owned(), ""),
    };
    let problem = Problem::error(ProblemKind::Syntax, "", message).help(help);
    problem.at(Span { file, start, end })
}

fn lift_table(file: usize, around: Span, table: DeTable<'_>) -> Table {
    let lift = |(key, value): (Spanned<std::borrow::Cow<'_, str>>, Spanned<DeValue<'_>>)| {
        let key_span = span(file, key.span(), around);
        Entry { key: key.into_inner().into_owned(), key_span, node: lift_node(file, key_span, value) }
    };
    let mut entries: Vec<_> = table.into_iter().map(lift).collect();
    entries.sort_by_key(|entry| entry.key_span.start);
    Table { entries }
}

fn lift_node(file: usize, around: Span, value: Spanned<DeValue<'_>>) -> Node {
    let span = span(file, value.span(), around);
    let shape = match value.into_inner() {
        DeValue::String(text) => Shape::Text(text.into_owned()),
        DeValue::Integer(number) => Shape::Integer(integer(&number)),
        DeValue::Float(_) => Shape::Float,
        DeValue::Boolean(value) => Shape::Boolean(value),
        DeValue::Datetime(_) => Shape::Datetime,
        DeValue::Array(list) => Shape::List(list.into_iter().map(|one| lift_node(file, span, one)).collect()),
        DeValue::Table(table) => Shape::Table(lift_table(file, span, table)),
    };
    Node { span, shape }
}

fn integer(number: &DeInteger<'_>) -> i64 {
    let saturated = if number.as_str().starts_with('-') { i64::MIN } else { i64::MAX };
    i64::from_str_radix(number.as_str(), number.radix()).unwrap_or(saturated)
}

/// A table that only other headers imply has no place of its own: it takes the one around it.
fn span(file: usize, range: Range<usize>, around: Span) -> Span {
    if range.is_empty() { around } else { Span { file, start: range.start, end: range.end } }
}
