//! Reading a section by its key table. What is wrong is written down, a default takes its place, and reading goes on.

use std::borrow::Cow;
use std::cell::RefCell;
use std::path::PathBuf;
use std::time::Duration;

use super::env::{EnvError, Environment, fill};
use super::keys::ROOT;
use super::kind::{Default, Key, Kind, Section};
use super::nearest::{listed, nearest, quoted};
use super::problem::{Problem, ProblemKind, Severity};
use super::raw::{Entry, Node, Shape, Table};
use super::scalar::{self, Read, Wrong, show_size};
use super::source::{Sources, Span};
use super::words::{Words, words};

/// What all sections of one config share while it is read.
pub(super) struct Scope<'a> {
    pub(super) env: &'a Environment<'a>,
    pub(super) sources: &'a Sources,
    problems: RefCell<Vec<Problem>>,
    files: RefCell<Vec<PathBuf>>,
}

impl<'a> Scope<'a> {
    pub(super) fn new(sources: &'a Sources, env: &'a Environment<'a>) -> Self {
        Self { env, sources, problems: RefCell::default(), files: RefCell::default() }
    }

    pub(super) fn report(&self, problem: Problem) {
        self.problems.borrow_mut().push(problem);
    }

    pub(super) fn has_errors(&self) -> bool {
        self.problems.borrow().iter().any(|problem| problem.severity == Severity::Error)
    }

    /// The problems, and the files that were named.
    pub(super) fn finish(self) -> (Vec<Problem>, Vec<PathBuf>) {
        (self.problems.into_inner(), self.files.into_inner())
    }
}

/// A section, with what lies under it where it says nothing: `[defaults]`, then the defaults of the table.
pub(super) struct Fields<'a> {
    pub(super) scope: &'a Scope<'a>,
    pub(super) path: String,
    pub(super) span: Span,
    section: &'static Section,
    table: &'a Table,
    within: Option<Span>,
    under: Option<&'a Fields<'a>>,
}

impl<'a> Fields<'a> {
    /// Opens a section and reports the keys that it does not have.
    pub(super) fn open(
        scope: &'a Scope<'a>,
        section: &'static Section,
        path: String,
        (table, span, within): (&'a Table, Span, Option<Span>),
    ) -> Self {
        let header = scope.sources.slice(span).starts_with('[').then_some(span);
        let fields = Self { scope, path, span, section, table, within: header.or(within), under: None };
        for entry in table.entries.iter().filter(|entry| section.key(&entry.key).is_none()) {
            fields.unknown(entry);
        }
        fields
    }

    /// With `[defaults]` under it.
    pub(super) fn over(mut self, under: Option<&'a Fields<'a>>) -> Self {
        self.under = under;
        self
    }

    fn unknown(&self, entry: &Entry) {
        let path = join(&self.path, &entry.key);
        let here = || nearest(&entry.key, self.section.keys().map(|key| key.name));
        let help = match home(&ROOT, "", &entry.key) {
            Some(section) => format!("`{}` is a key of {section}", entry.key),
            None => match here() {
                Some(key) => format!("did you mean `{key}`?"),
                None => {
                    let keys: Vec<_> = self.section.keys().map(|key| key.name).collect();
                    format!("the keys here are {}", listed(&keys, "and"))
                }
            },
        };
        let problem = Problem::error(ProblemKind::UnknownKey, path, format!("there is no key {}", quoted(&entry.key)));
        self.scope.report(problem.help(help).at(entry.key_span).within(self.within));
    }

    fn key(&self, name: &str) -> &'static Key {
        self.section.key(name).expect("the code asks for keys of the section's table only; a test reads them all")
    }

    /// The value, of this section or the one under it.
    pub(super) fn find(&self, name: &str) -> Option<Found<'a>> {
        self.own(name).or_else(|| self.inherited(name))
    }

    /// The value that this section itself has.
    pub(super) fn own(&self, name: &str) -> Option<Found<'a>> {
        let key = self.key(name);
        let entry = self.table.find(name)?;
        Some(Found {
            scope: self.scope,
            kind: &key.kind,
            node: &entry.node,
            path: join(&self.path, name),
            within: self.within,
        })
    }

    /// The value that the section under this one has.
    pub(super) fn inherited(&self, name: &str) -> Option<Found<'a>> {
        self.under.filter(|under| under.section.key(name).is_some())?.own(name)
    }

    /// The value; its absence is a problem.
    pub(super) fn required(&self, name: &str) -> Option<Found<'a>> {
        let found = self.find(name);
        // A key that is probably this one, mistyped, is reported already.
        let mistyped = |entry: &Entry| {
            self.section.key(&entry.key).is_none()
                && nearest(&entry.key, self.section.keys().map(|key| key.name)) == Some(name)
        };
        if found.is_none() && !self.table.entries.iter().any(mistyped) {
            let key = self.key(name);
            let problem = Problem::error(ProblemKind::Missing, join(&self.path, name), format!("`{name}` is missing"));
            let help = format!("add {name} = {}", key.example);
            self.scope.report(problem.help(help).at(self.span).within(self.within));
        }
        found
    }

    /// Whether something can lie under it: a route, and not `[defaults]` itself.
    pub(super) fn is_route(&self) -> bool {
        self.section.key("upstream").is_some()
    }

    /// A problem with this section as a whole.
    pub(super) fn conflict(&self, message: impl Into<String>, help: impl Into<String>) {
        let problem = Problem::error(ProblemKind::Conflict, self.path.clone(), message).help(help);
        self.scope.report(problem.at(self.span).within(self.within));
    }

    pub(super) fn boolean(&self, name: &str) -> bool {
        let read = self.find(name).and_then(|found| found.boolean());
        read.unwrap_or(matches!(self.key(name).default, Default::Boolean(true)))
    }

    pub(super) fn integer<T: TryFrom<i64>>(&self, name: &str) -> Option<T> {
        let default = match self.key(name).default {
            Default::Integer(default) => Some(default),
            _ => None,
        };
        self.find(name).and_then(|found| found.integer()).or(default).and_then(|number| T::try_from(number).ok())
    }

    /// The number of a key that has a default.
    pub(super) fn count<T: TryFrom<i64> + std::default::Default>(&self, name: &str) -> T {
        self.integer(name).unwrap_or_default()
    }

    pub(super) fn size(&self, name: &str) -> u64 {
        let default = || self.default_text(name).and_then(|text| scalar::size(text).ok()).unwrap_or_default();
        self.find(name).and_then(|found| found.size()).unwrap_or_else(default)
    }

    pub(super) fn duration(&self, name: &str) -> Option<Duration> {
        let default = || self.default_text(name).and_then(|text| scalar::duration(text).ok()).flatten();
        match self.find(name) {
            Some(found) => found.duration().unwrap_or_else(default),
            None => default(),
        }
    }

    pub(super) fn word<T: Words>(&self, name: &str) -> T {
        let default = || {
            let text = self.default_text(name);
            T::WORDS.iter().find(|(word, _)| Some(*word) == text).unwrap_or(&T::WORDS[0]).1
        };
        self.find(name).and_then(|found| found.word()).unwrap_or_else(default)
    }

    /// A text, read by `read`; the default too.
    pub(super) fn parsed<T>(&self, name: &str, read: impl Fn(&str) -> Read<T>) -> Option<T> {
        match self.find(name) {
            Some(found) => found.parsed(&read),
            None => self.default_text(name).and_then(|text| read(text).ok()),
        }
    }

    /// Each text of a list, read by `read`; of the default too.
    pub(super) fn list<T>(&self, name: &str, read: impl Fn(&str) -> Read<T>) -> Vec<T> {
        match (self.find(name), self.key(name).default) {
            (Some(found), _) => found.items().iter().filter_map(|item| item.parsed(&read)).collect(),
            (None, Default::Texts(texts)) => texts.iter().filter_map(|text| read(text).ok()).collect(),
            (None, _) => Vec::new(),
        }
    }

    /// A file that the config depends on, from the working directory.
    pub(super) fn file(&self, name: &str) -> Option<PathBuf> {
        self.find(name).and_then(|found| found.file())
    }

    pub(super) fn section(&self, name: &str) -> Option<Fields<'a>> {
        self.find(name)?.section()
    }

    fn default_text(&self, name: &str) -> Option<&'static str> {
        match self.key(name).default {
            Default::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// The section that does have a key, as its header is written.
fn home(section: &Section, header: &str, name: &str) -> Option<String> {
    section.keys().find_map(|key| {
        let path = join(header, key.name);
        let (inner, path) = match &key.kind {
            Kind::Table(inner) => (inner, path),
            Kind::Named(inner) => (inner, format!("{path}.NAME")),
            Kind::Repeated(inner) => (inner, path),
            _ => return None,
        };
        let shown = if matches!(key.kind, Kind::Repeated(_)) { format!("[[{path}]]") } else { format!("[{path}]") };
        if inner.key(name).is_some() { Some(shown) } else { home(inner, &path, name) }
    })
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// A value that is there.
pub(super) struct Found<'a> {
    pub(super) scope: &'a Scope<'a>,
    pub(super) node: &'a Node,
    pub(super) path: String,
    kind: &'static Kind,
    within: Option<Span>,
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
            (Kind::Text(..) | Kind::Path | Kind::Word(_), Shape::Integer(_) | Shape::Float | Shape::Boolean(_)) => {
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
        let (least, most) = self.kind.integers();
        if (least..=most).contains(&number) {
            return Some(number);
        }
        self.out_of_range(&number.to_string());
        None
    }

    /// A size in the range of its kind.
    fn size(&self) -> Option<u64> {
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
        let help = self.kind.range().map(|range| format!("it can be {range}"));
        self.wrong(Wrong::new(format!("{written} is out of range"), help.unwrap_or_default()));
    }

    /// `None`: a problem; `Some(None)`: off.
    fn duration(&self) -> Option<Option<Duration>> {
        let read = self.parsed(scalar::duration)?;
        let off = matches!(&self.node.shape, Shape::Text(text) if text == "off");
        if off && matches!(self.kind, Kind::Duration) {
            self.wrong(Wrong::new("this duration cannot be \"off\"", "write \"0s\" for none at all"));
            return None;
        }
        Some(read)
    }

    fn word<T: Words>(&self) -> Option<T> {
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
        self.scope.files.borrow_mut().push(path.clone());
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
    fn integers(&self) -> (i64, i64) {
        match self {
            Self::Integer(least, most) => (*least, *most),
            Self::Either(kinds) => {
                kinds.iter().find(|kind| matches!(kind, Self::Integer(..))).map_or((i64::MIN, i64::MAX), Self::integers)
            }
            _ => (i64::MIN, i64::MAX),
        }
    }

    fn section(&self) -> Option<&'static Section> {
        match self {
            Self::Table(section) | Self::Named(section) | Self::Repeated(section) => Some(section),
            Self::Either(kinds) => kinds.iter().find_map(Self::section),
            _ => None,
        }
    }
}
