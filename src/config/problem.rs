//! What is wrong with a config: a list of problems, each with its place, its key and the way out.

use std::fmt;
use std::sync::Arc;

use serde_json::json;

use super::raw::Table;
use super::source::{Sources, Span};

/// Whether a config with this problem can be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// It cannot.
    Error,
    /// It can, but it does not do what it seems to say.
    Warning,
}

impl Severity {
    /// The word for it in every output.
    pub fn label(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
        }
    }
}

/// The kind of a problem. All of them are the operator's to mend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ProblemKind {
    /// A file that cannot be read.
    File,
    /// Not TOML.
    Syntax,
    /// A key that no section has.
    UnknownKey,
    /// A key that must be there.
    Missing,
    /// A number where a text belongs, and so on.
    Type,
    /// The right type, but not a value that this key can have.
    Value,
    /// `${NAME}` without such an environment variable.
    Environment,
    /// A name that nothing has.
    Reference,
    /// Two things that cannot both be.
    Conflict,
    /// Something without effect.
    NoEffect,
    /// What it names is not usable: a certificate, a key, a folder. The word is that of the layer that found out.
    Content(&'static str),
}

impl ProblemKind {
    /// The word for it in every output for machines.
    pub fn label(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Syntax => "syntax",
            Self::UnknownKey => "unknown_key",
            Self::Missing => "missing",
            Self::Type => "type",
            Self::Value => "value",
            Self::Environment => "environment",
            Self::Reference => "reference",
            Self::Conflict => "conflict",
            Self::NoEffect => "no_effect",
            Self::Content(label) => label,
        }
    }

    /// Whether it would still be there if the rest of the file were different.
    pub(super) fn is_local(self) -> bool {
        !matches!(self, Self::Missing | Self::Reference | Self::Conflict | Self::NoEffect | Self::Content(_))
    }
}

/// One problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Error or warning.
    pub severity: Severity,
    /// What kind.
    pub kind: ProblemKind,
    /// The key it is about: `listeners.web.address`, `routes.api.split[1].weight`; empty: the whole file.
    pub key_path: String,
    /// What is wrong: one clause, without a full stop.
    pub message: String,
    /// The way out: one clause.
    pub help: Option<String>,
    /// Where, when that is known; [`super::Loaded::with`] finds it from the key path.
    pub span: Option<Span>,
    /// The header of the section around it.
    pub(super) within: Option<Span>,
    /// Other places that belong to it, each with its part: "first defined here".
    pub related: Vec<(Span, String)>,
}

impl Problem {
    /// An error about a key, without a place yet.
    pub fn error(kind: ProblemKind, key_path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            kind,
            key_path: key_path.into(),
            message: message.into(),
            help: None,
            span: None,
            within: None,
            related: Vec::new(),
        }
    }

    /// A warning about a key, without a place yet.
    pub fn warning(kind: ProblemKind, key_path: impl Into<String>, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(kind, key_path, message) }
    }

    /// With the way out.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into()).filter(|help: &String| !help.is_empty());
        self
    }

    /// With its place.
    #[must_use]
    pub fn at(mut self, span: Span) -> Self {
        self.span = Some(span);
        self
    }

    /// With the section that it is in.
    #[must_use]
    pub(super) fn within(mut self, section: Option<Span>) -> Self {
        self.within = section;
        self
    }

    /// With another place.
    #[must_use]
    pub fn related(mut self, span: Span, part: impl Into<String>) -> Self {
        self.related.push((span, part.into()));
        self
    }
}

/// All problems of a config, by file and place.
#[derive(Clone, Debug, Default)]
pub struct Problems {
    list: Vec<Problem>,
    sources: Arc<Sources>,
}

impl Problems {
    /// Sorts by place and drops what is there twice (a bad value of `[defaults]` is met by each route).
    pub(super) fn sources(&self) -> &Sources {
        &self.sources
    }

    pub(super) fn new(mut list: Vec<Problem>, sources: Arc<Sources>) -> Self {
        list.sort_by(|a, b| {
            let key = |one: &Problem| (one.span.is_none(), one.span.map(|span| (span.file, span.start)), one.severity);
            key(a).cmp(&key(b))
        });
        list.dedup();
        Self { list, sources }
    }

    /// In the order of the files.
    pub fn iter(&self) -> std::slice::Iter<'_, Problem> {
        self.list.iter()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// None at all.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Whether one of them forbids the config.
    pub fn has_errors(&self) -> bool {
        self.list.iter().any(|problem| problem.severity == Severity::Error)
    }

    /// How many are of this severity.
    pub fn count(&self, severity: Severity) -> usize {
        self.list.iter().filter(|problem| problem.severity == severity).count()
    }

    /// With more, each placed by its key path where it has no place.
    #[must_use]
    pub(super) fn and(self, more: impl IntoIterator<Item = Problem>, table: &Table) -> Self {
        let Self { mut list, sources } = self;
        list.extend(more.into_iter().map(|problem| {
            let span = problem.span.or_else(|| table.locate(&problem.key_path));
            Problem { span, ..problem }
        }));
        Self::new(list, sources)
    }

    /// File, line and column (in characters), both from 1; none for a problem without a place.
    pub fn position(&self, problem: &Problem) -> Option<(&str, usize, usize)> {
        let Span { file, start, .. } = problem.span?;
        Some((self.sources.name(file), self.sources.line(file, start), self.sources.column(file, start)))
    }

    /// With source excerpts, for people; `colour` is for terminals.
    pub fn render(&self, colour: bool) -> String {
        self.report(colour, "")
    }

    /// Likewise; the last line ends with the conclusion: `3 problems in edge.toml; nothing was changed`.
    pub fn report(&self, colour: bool, conclusion: &str) -> String {
        let joint = if conclusion.is_empty() { "" } else { "; " };
        let excerpts = super::render::render(&self.list, &self.sources, colour);
        format!("{excerpts}{}{joint}{conclusion}\n", self.summary())
    }

    /// For machines: an array of `{severity, kind, file, line, column, key, message, help}`.
    pub fn to_json(&self) -> serde_json::Value {
        let one = |problem: &Problem| {
            let position = self.position(problem);
            json!({
                "severity": problem.severity.label(),
                "kind": problem.kind.label(),
                "file": position.map(|(file, ..)| file),
                "line": position.map(|(_, line, _)| line),
                "column": position.map(|(.., column)| column),
                "key": problem.key_path,
                "message": problem.message,
                "help": problem.help,
            })
        };
        self.list.iter().map(one).collect()
    }

    /// One line for a log: `edge.toml:3:1 listeners.web.adress: no such key; did you mean "address"?`
    pub fn line(&self, problem: &Problem) -> String {
        let place = self.position(problem).map(|(file, line, column)| format!("{file}:{line}:{column}"));
        let key = Some(problem.key_path.clone()).filter(|key| !key.is_empty());
        let head: Vec<_> = place.into_iter().chain(key).collect();
        let help = problem.help.as_ref().map(|help| format!("; {help}")).unwrap_or_default();
        let colon = if head.is_empty() { "" } else { ": " };
        format!("{}{colon}{}{help}", head.join(" "), problem.message).replace('\n', " ")
    }

    /// `2 problems in edge.toml`, `1 error and 3 warnings in edge.toml and 2 more files`
    pub fn summary(&self) -> String {
        super::render::summary(&self.list, &self.sources)
    }
}

/// One line a problem.
impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.list.iter().try_for_each(|problem| writeln!(f, "{}", self.line(problem)))
    }
}

impl std::error::Error for Problems {}

/// Problems of the layers below, which know keys but no places; see [`super::Loaded::with`].
impl FromIterator<Problem> for Problems {
    fn from_iter<I: IntoIterator<Item = Problem>>(list: I) -> Self {
        Self { list: list.into_iter().collect(), sources: Arc::default() }
    }
}

impl IntoIterator for Problems {
    type Item = Problem;
    type IntoIter = std::vec::IntoIter<Problem>;

    fn into_iter(self) -> Self::IntoIter {
        self.list.into_iter()
    }
}
