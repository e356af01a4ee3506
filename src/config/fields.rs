//! Reading a section by its key table. What is wrong is written down, a default takes its place, and reading goes on.

use std::cell::RefCell;
use std::path::PathBuf;
use std::time::Duration;

use super::env::Environment;
use super::found::Found;
use super::keys::ROOT;
use super::kind::{Default, Key, Kind, Section};
use super::nearest::{listed, nearest, quoted};
use super::problem::{Problem, ProblemKind, Severity};
use super::raw::{Entry, Table};
use super::scalar::{self, Read};
use super::source::{Sources, Span};
use super::words::Words;

/// What all sections of one config share while it is read.
pub(super) struct Scope<'a> {
    pub(super) env: &'a Environment<'a>,
    pub(super) sources: &'a Sources,
    problems: RefCell<Vec<Problem>>,
    files: RefCell<Vec<PathBuf>>,
}

impl<'a> Scope<'a> {
    /// With what is wrong already.
    pub(super) fn new(sources: &'a Sources, env: &'a Environment<'a>, problems: Vec<Problem>) -> Self {
        Self { env, sources, problems: RefCell::new(problems), files: RefCell::default() }
    }

    pub(super) fn report(&self, problem: Problem) {
        self.problems.borrow_mut().push(problem);
    }

    pub(super) fn depend_on(&self, file: PathBuf) {
        self.files.borrow_mut().push(file);
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

    /// The section of a key that is absent and on by default.
    pub(super) fn unsaid(&self, name: &str) -> Option<Fields<'a>> {
        static EMPTY: Table = Table { entries: Vec::new() };
        let section = self.key(name).kind.section()?;
        Some(Fields::open(self.scope, section, join(&self.path, name), (&EMPTY, self.span, None)))
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

    /// The section, or `nothing` in its place: all its defaults.
    pub(super) fn section_or(&self, name: &str, nothing: &'a Table) -> Fields<'a> {
        let Kind::Table(section) = &self.key(name).kind else { unreachable!("the code asks so for tables only") };
        let absent = || Fields::open(self.scope, section, join(&self.path, name), (nothing, self.span, self.within));
        self.section(name).unwrap_or_else(absent)
    }

    fn default_text(&self, name: &str) -> Option<&'static str> {
        match self.key(name).default {
            Default::Text(text) => Some(text),
            _ => None,
        }
    }
}

/// The section that does have a key, as its header is written: the outermost one.
fn home(section: &'static Section, header: &str, name: &str) -> Option<String> {
    let mut level = vec![(section, header.to_owned())];
    while !level.is_empty() {
        let mut below = Vec::new();
        for (section, header) in level {
            for key in section.keys() {
                let (Kind::Table(inner) | Kind::Named(inner) | Kind::Repeated(inner)) = &key.kind else { continue };
                let name_too = if matches!(key.kind, Kind::Named(_)) { ".NAME" } else { "" };
                let path = format!("{}{name_too}", join(&header, key.name));
                if inner.key(name).is_some() {
                    let repeated = matches!(key.kind, Kind::Repeated(_));
                    return Some(if repeated { format!("[[{path}]]") } else { format!("[{path}]") });
                }
                below.push((*inner, path));
            }
        }
        level = below;
    }
    None
}

pub(super) fn join(path: &str, key: &str) -> String {
    // A key is any text in quotes: it must not steer a terminal or end a line of the log.
    let key = if key.contains(char::is_control) { key.escape_debug().to_string() } else { key.to_owned() };
    if path.is_empty() { key } else { format!("{path}.{key}") }
}
