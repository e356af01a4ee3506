//! A value that is there, read as what its key takes.

use std::borrow::Cow;
use std::path::PathBuf;
use std::time::Duration;

use super::env::{EnvError, Environment, fill};
use super::fields::{Fields, Scope, join};
use super::kind::{Kind, Section};
use super::nearest::{nearest, quoted};
use super::problem::{Problem, ProblemKind};
use super::raw::{Entry, Node, Shape, Table};
use super::scalar::{self, Read, Wrong, show_size};
use super::source::Span;
use super::words::{Words, words};

/// A value that is there.
pub(super) struct Found<'a> {
    pub(super) scope: &'a Scope<'a>,
    pub(super) node: &'a Node,
    pub(super) path: String,
    pub(super) kind: &'static Kind,
    pub(super) within: Option<Span>,
}

impl<'a> Found<'a> {
    /// A problem with this value.
    pub(super) fn wrong(&self, wrong: Wrong) {
        self.report(ProblemKind::Value, wrong, self.node.span);
    }

    pub(super) fn conflict(&self, message: impl Into<String>, help: impl Into<String>) {
        self.report(ProblemKind::Conflict, Wrong::new(message, help), self.node.span);
    }

    pub(super) fn no_effect(&self, message: impl Into<String>, help: impl Into<String>) {
        let problem = Problem::warning(ProblemKind::NoEffect, self.path.clone(), message).help(help);
        self.scope.report(problem.at(self.node.span).within(self.within));
    }

    pub(super) fn report(&self, kind: ProblemKind, wrong: Wrong, span: Span) {
        let problem = Problem::error(kind, self.path.clone(), wrong.message).help(wrong.help);
        self.scope.report(problem.at(span).within(self.within));
    }

    fn wrong_type(&self) {
        let written = self.scope.sources.slice(self.node.span);
        let help = match (self.kind, &self.node.shape) {
            (Kind::Duration | Kind::Timeout, Shape::Integer(_)) => format!("write \"{written}s\" or \"{written}ms\""),
            (
                Kind::Text(..) | Kind::Path | Kind::Word(_) | Kind::Either([Kind::Text(..), ..]),
                Shape::Integer(_) | Shape::Float | Shape::Boolean(_),
            ) => {
                format!("write \"{written}\"")
            }
            (Kind::Integer(..) | Kind::Boolean, Shape::Text(text)) if text.len() < 20 => {
                format!("without the quotes: {text}")
            }
            (Kind::List(_), Shape::Text(_)) if written.len() < 100 => format!("write [{written}]"),
            (Kind::Repeated(_), Shape::Table(_)) => format!("write [[{}]] with two brackets", self.path),
            _ => String::new(),
        };
        let message = format!("expected {}, found {}", self.kind.noun(), self.node.shape.noun());
        self.report(ProblemKind::Type, Wrong::new(message, help), self.node.span);
    }

    /// The same value as one of another kind: a part of an `Either`.
    fn as_kind(&self, kind: &'static Kind) -> Self {
        Self { path: self.path.clone(), kind, ..*self }
    }

    /// The text with the environment filled in.
    pub(super) fn text(&self) -> Option<Cow<'a, str>> {
        self.text_with(self.scope.env)
    }

    pub(super) fn text_with(&self, env: &Environment<'_>) -> Option<Cow<'a, str>> {
        let Shape::Text(text) = &self.node.shape else {
            self.wrong_type();
            return None;
        };
        let (wrong, start, end) = match fill(text, env) {
            Ok(text) => return Some(text),
            Err(EnvError::Unset { name, start, end }) => {
                let message = format!("the environment variable {name} is not set");
                (Wrong::new(message, format!("set it, or give a default: ${{{name}:-...}}")), start, end)
            }
            Err(EnvError::Malformed { start, end }) => {
                let message = "this is no reference to an environment variable";
                (Wrong::new(message, "write ${NAME} or ${NAME:-default}; $${ stands for a plain ${"), start, end)
            }
        };
        self.report(ProblemKind::Environment, wrong, self.part(text, start, end));
        None
    }

    /// Octets of the text as octets of the file, where the text stands there without escapes; else the whole value.
    fn part(&self, text: &str, start: usize, end: usize) -> Span {
        let span = self.node.span;
        let written = self.scope.sources.slice(span);
        let plain = written.get(1..written.len().saturating_sub(1)) == Some(text);
        if plain { Span { file: span.file, start: span.start + 1 + start, end: span.start + 1 + end } } else { span }
    }

    /// The text, read by `read`.
    pub(super) fn parsed<T>(&self, read: impl Fn(&str) -> Read<T>) -> Option<T> {
        let text = self.text()?;
        match read(&text) {
            Ok(value) => Some(value),
            Err(wrong) => {
                let span = match wrong.part {
                    Some((start, length)) => self.part(&text, start, (start + length).min(text.len())),
                    None => self.node.span,
                };
                self.report(ProblemKind::Value, wrong, span);
                None
            }
        }
    }

    pub(super) fn boolean(&self) -> Option<bool> {
        match &self.node.shape {
            Shape::Boolean(value) => Some(*value),
            Shape::Text(text) if text.contains("${") => self.parsed(|text| {
                text.parse().map_err(|_| Wrong::new(format!("{} is not a boolean", quoted(text)), "true or false"))
            }),
            _ => {
                self.wrong_type();
                None
            }
        }
    }

    /// A number in the range of its kind.
    pub(super) fn integer(&self) -> Option<i64> {
        let number = match &self.node.shape {
            Shape::Integer(number) => *number,
            Shape::Text(text) if text.contains("${") => self.parsed(|text| {
                text.parse().map_err(|_| Wrong::new(format!("{} is not an integer", quoted(text)), "such as 8"))
            })?,
            _ => {
                self.wrong_type();
                return None;
            }
        };
        if !self.kind.takes(number) {
            self.out_of_range(&number.to_string());
            return None;
        }
        Some(number)
    }

    /// A size in the range of its kind.
    pub(super) fn size(&self) -> Option<u64> {
        let size = match &self.node.shape {
            Shape::Integer(number) => u64::try_from(*number).ok(),
            Shape::Text(_) => Some(self.parsed(scalar::size)?),
            _ => {
                self.wrong_type();
                return None;
            }
        };
        let Kind::Size(least, most) = *self.kind else { return size };
        let fits = size.filter(|size| (least..=most).contains(size));
        if fits.is_none() {
            self.out_of_range(&size.map_or_else(|| self.scope.sources.slice(self.node.span).to_owned(), show_size));
        }
        fits
    }

    fn out_of_range(&self, written: &str) {
        let range = match self.kind {
            Kind::Either(kinds) => kinds.iter().find_map(Kind::range),
            kind => kind.range(),
        };
        let help = range.map(|range| format!("it can be {range}"));
        self.wrong(Wrong::new(format!("{written} is out of range"), help.unwrap_or_default()));
    }

    /// `None`: a problem; `Some(None)`: off.
    pub(super) fn duration(&self) -> Option<Option<Duration>> {
        let read = self.parsed(scalar::duration)?;
        let off = matches!(&self.node.shape, Shape::Text(text) if text == "off");
        if off && matches!(self.kind, Kind::Duration) {
            self.wrong(Wrong::new("this duration cannot be \"off\"", "write \"0s\" for none at all"));
            return None;
        }
        Some(read)
    }

    pub(super) fn word<T: Words>(&self) -> Option<T> {
        self.parsed(|text| {
            let word = T::WORDS.iter().find(|(word, _)| *word == text).map(|(_, value)| *value);
            word.ok_or_else(|| {
                let all = words::<T>();
                let help = match nearest(text, all.iter().copied()) {
                    Some(word) => format!("did you mean \"{word}\"?"),
                    None => format!("it can be {}", self.kind.noun()),
                };
                Wrong::new(format!("{} is not one of the values", quoted(text)), help)
            })
        })
    }

    /// The path, from the working directory.
    pub(super) fn path(&self) -> Option<PathBuf> {
        let text = self.parsed(|text| match text.is_empty() || text.contains('\0') {
            true => Err(Wrong::new("this is not a path", "such as \"/etc/tidegate/site.pem\"")),
            false => Ok(text.to_owned()),
        })?;
        Some(self.scope.sources.resolve(self.node.span.file, &text))
    }

    /// A path that belongs to the files of this config.
    pub(super) fn file(&self) -> Option<PathBuf> {
        let path = self.path()?;
        self.scope.depend_on(path.clone());
        Some(path)
    }

    /// The items of a list.
    pub(super) fn items(&self) -> Vec<Self> {
        let Shape::List(list) = &self.node.shape else {
            self.wrong_type();
            return Vec::new();
        };
        let kind = if let Kind::List(kind) = self.kind { kind } else { self.kind };
        let item = |(place, node)| Found { kind, node, path: format!("{}[{place}]", self.path), ..*self };
        list.iter().enumerate().map(item).collect()
    }

    /// The keys and values of a map.
    pub(super) fn pairs(&self) -> Vec<(&'a Entry, Self)> {
        let Shape::Table(table) = &self.node.shape else {
            self.wrong_type();
            return Vec::new();
        };
        let kind = if let Kind::Map(kind) = self.kind { kind } else { self.kind };
        let within = self.header().or(self.within);
        let pair = |entry: &'a Entry| {
            (entry, Found { kind, node: &entry.node, path: join(&self.path, &entry.key), within, ..*self })
        };
        table.entries.iter().map(pair).collect()
    }

    fn header(&self) -> Option<Span> {
        self.scope.sources.slice(self.node.span).starts_with('[').then_some(self.node.span)
    }

    /// One value of this table, before the table is read as a section.
    pub(super) fn member(&self, name: &str) -> Option<Self> {
        let Shape::Table(table) = &self.node.shape else { return None };
        let (entry, key) = (table.find(name)?, self.kind.section()?.key(name)?);
        Some(Found { kind: &key.kind, node: &entry.node, path: join(&self.path, name), within: self.header(), ..*self })
    }

    /// The key of a map, read by `read`.
    pub(super) fn key<T>(&self, entry: &Entry, read: impl Fn(&str) -> Read<T>) -> Option<T> {
        read(&entry.key).map_err(|wrong| self.report(ProblemKind::Value, wrong, entry.key_span)).ok()
    }

    pub(super) fn is_text(&self) -> bool {
        matches!(self.node.shape, Shape::Text(_))
    }

    /// The section that this table is.
    pub(super) fn section(&self) -> Option<Fields<'a>> {
        self.section_named(self.path.clone())
    }

    /// The section that `true` stands for: all of it by default.
    pub(super) fn empty_section(&self) -> Option<Fields<'a>> {
        static EMPTY: Table = Table { entries: Vec::new() };
        let place = (&EMPTY, self.node.span, self.within);
        self.kind.section().map(|section| Fields::open(self.scope, section, self.path.clone(), place))
    }

    /// Likewise, under another key path: a route's name instead of its number.
    pub(super) fn section_named(&self, path: String) -> Option<Fields<'a>> {
        let section = self.kind.section();
        match (&self.node.shape, section) {
            (Shape::Table(table), Some(section)) => {
                Some(Fields::open(self.scope, section, path, (table, self.node.span, self.within)))
            }
            _ => {
                self.wrong_type();
                None
            }
        }
    }

    /// The sections of `[key.NAME]`, each with its name.
    pub(super) fn named(&self) -> Vec<(&'a Entry, Self)> {
        match (&self.node.shape, self.kind) {
            (Shape::Table(table), Kind::Named(_)) => {
                let one = |entry: &'a Entry| {
                    let found = self.as_kind(self.kind);
                    (entry, Found { node: &entry.node, path: join(&self.path, &entry.key), ..found })
                };
                table.entries.iter().map(one).collect()
            }
            _ => {
                self.wrong_type();
                Vec::new()
            }
        }
    }
}

impl Kind {
    fn takes(&self, number: i64) -> bool {
        match self {
            Self::Integer(least, most) => (*least..=*most).contains(&number),
            Self::Numbers(numbers) => numbers.contains(&number),
            Self::Either(kinds) => kinds.iter().any(|kind| kind.takes(number)),
            _ => false,
        }
    }

    pub(super) fn section(&self) -> Option<&'static Section> {
        match self {
            Self::Table(section) | Self::Named(section) | Self::Repeated(section) => Some(section),
            Self::Either(kinds) => kinds.iter().find_map(Self::section),
            _ => None,
        }
    }
}
