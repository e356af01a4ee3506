//! JSON as the tree that TOML becomes, each value with its place, so that the same rules read both.

use super::problem::{Problem, ProblemKind};
use super::raw::{Entry, Node, Shape, Table};
use super::source::{Sources, Span};

/// Reads one file. A list instead of an object is that of `endpoints`.
pub(super) fn read(file: usize, sources: &Sources) -> (Table, Vec<Problem>) {
    let text = sources.text(file);
    if let Err(error) = serde_json::from_str::<serde_json::Value>(text) {
        // Its lines and columns count from 1, its columns octets.
        let start = (sources.line_start(file, error.line()) + error.column().saturating_sub(1)).min(text.len());
        let start = super::source::floor(text, start);
        let message = error.to_string();
        let message = message.split(" at line ").next().unwrap_or_default().to_owned();
        let problem = Problem::error(ProblemKind::Syntax, "", message).at(Span { file, start, end: start });
        return (Table::default(), vec![problem]);
    }
    let node = Walk { file, text, at: 0 }.value();
    let table = match node.shape {
        Shape::Table(table) => table,
        _ => Table { entries: vec![Entry { key: "endpoints".to_owned(), key_span: node.span, node }] },
    };
    (table, Vec::new())
}

/// A walk over what is known to be JSON.
struct Walk<'a> {
    file: usize,
    text: &'a str,
    at: usize,
}

impl Walk<'_> {
    fn rest(&self) -> &[u8] {
        self.text.as_bytes().get(self.at..).unwrap_or_default()
    }

    fn space(&mut self) -> u8 {
        self.at += self.rest().iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        self.rest().first().copied().unwrap_or(0)
    }

    fn span(&self, start: usize) -> Span {
        Span { file: self.file, start, end: self.at }
    }

    fn value(&mut self) -> Node {
        let first = self.space();
        let start = self.at;
        let shape = match first {
            b'{' => Shape::Table(Table { entries: self.items(b'}', Self::entry) }),
            b'[' => Shape::List(self.items(b']', Self::value)),
            b'"' => Shape::Text(self.string()),
            _ => self.word(),
        };
        Node { span: self.span(start), shape }
    }

    fn items<T>(&mut self, end: u8, one: impl Fn(&mut Self) -> T) -> Vec<T> {
        let mut items = Vec::new();
        self.at += 1;
        while self.space() != end && !self.rest().is_empty() {
            items.push(one(self));
            if self.space() == b',' {
                self.at += 1;
            }
        }
        self.at += 1;
        items
    }

    fn entry(&mut self) -> Entry {
        let start = self.at;
        let key = self.string();
        let key_span = self.span(start);
        self.space();
        self.at += 1;
        Entry { key, key_span, node: self.value() }
    }

    fn string(&mut self) -> String {
        let start = self.at;
        self.at += 1;
        while let Some(byte) = self.rest().first().copied().filter(|byte| *byte != b'"') {
            self.at += if byte == b'\\' { 2 } else { 1 };
        }
        self.at += 1;
        let written = self.text.get(start..self.at).unwrap_or_default();
        serde_json::from_str(written).unwrap_or_default()
    }

    /// A number, `true`, `false` or `null`.
    fn word(&mut self) -> Shape {
        let start = self.at;
        self.at +=
            self.rest().iter().take_while(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(byte)).count().max(1);
        match self.text.get(start..self.at).unwrap_or_default() {
            "true" => Shape::Boolean(true),
            "false" => Shape::Boolean(false),
            "null" => Shape::Nothing,
            number if number.contains(['.', 'e', 'E']) => Shape::Float,
            number if number.starts_with('-') => Shape::Integer(number.parse().unwrap_or(i64::MIN)),
            number => Shape::Integer(number.parse().unwrap_or(i64::MAX)),
        }
    }
}
