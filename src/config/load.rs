//! The way from a file to a model, or to all that is wrong with it.

use std::path::Path;
use std::sync::Arc;

use super::env::Environment;
use super::fields::Scope;
use super::include::Read;
use super::joined::Written;
use super::lower;
use super::model::Model;
use super::outline::{Outline, Prints, outline, prints};
use super::problem::{Problem, Problems};
use super::raw::Table;

/// A config that can be used.
#[derive(Debug)]
pub struct Loaded {
    /// What it means.
    pub model: Model,
    /// What it says without effect.
    pub warnings: Problems,
    /// For the places of problems that other layers find.
    pub(super) raw: Table,
}

/// Reads a file and all that it includes. `env` fills in `${NAME}`.
///
/// # Errors
/// Every problem of every file; at least one of them is an error.
pub fn load(path: &Path, env: &Environment<'_>) -> Result<Loaded, Problems> {
    judge(super::include::read(path, env), env)
}

/// Reads a file and all that it includes, without a verdict.
pub fn written(path: &Path, env: &Environment<'_>) -> Written {
    Written::new(super::include::read(path, env))
}

/// Reads a text, which cannot include files; `name` is its name in messages.
///
/// # Errors
/// Every problem of the text; at least one of them is an error.
pub fn parse(name: &str, text: &str, env: &Environment<'_>) -> Result<Loaded, Problems> {
    judge(super::include::read_text(name, text), env)
}

/// What `tidegate proxy --from ADDR --to ADDR...` serves. An endpoint that begins with `https://` means TLS to all of them.
///
/// # Errors
/// Every problem of the addresses.
pub fn minimal_proxy<S: AsRef<str>>(from: &str, to: &[S]) -> Result<Loaded, Problems> {
    let plain = |one: &S| {
        one.as_ref().trim_start_matches("http://").trim_start_matches("https://").trim_end_matches('/').to_owned()
    };
    let tls = to.iter().any(|one| one.as_ref().starts_with("https://"));
    let port = if tls { 443 } else { 80 };
    let to = to.iter().map(plain).map(|one| if one.contains(':') { one } else { format!("{one}:{port}") });
    let quote = |text: &str| toml::Value::from(text.replace("${", "$${")).to_string();
    let text = format!(
        "[listeners.from]\naddress = {}\n\n[upstreams.to]\nendpoints = [{}]\n{}\n[[routes]]\nname = \"all\"\nupstream = \"to\"\n",
        quote(from),
        to.map(|one| quote(&one)).collect::<Vec<_>>().join(", "),
        if tls { "tls = {}\n" } else { "" },
    );
    parse("command line", &text, &|_| None)
}

pub(super) fn judge(read: Read, env: &Environment<'_>) -> Result<Loaded, Problems> {
    let Read { sources, table, problems, mut files, broken } = read;
    let certain = problems.len();
    let scope = Scope::new(&sources, env, problems);
    let mut model = lower::lower(&scope, &table);
    let (mut problems, named) = scope.finish();
    if broken {
        let found = problems.split_off(certain);
        problems.extend(found.into_iter().filter(|problem| problem.kind.is_local()));
    }
    files.extend(named);
    files.sort();
    files.dedup();
    model.files = files;
    model.written = Arc::new(super::shown::shown(&table));
    let problems = Problems::new(problems, Arc::new(sources));
    if problems.has_errors() {
        return Err(problems);
    }
    Ok(Loaded { model, warnings: problems, raw: table })
}

impl Loaded {
    /// What it comes to, setting by setting. `env` fills in `${NAME}`, as when it was read.
    pub fn outline(&self, env: &Environment<'_>) -> Outline {
        outline(&self.raw, self.warnings.sources(), env)
    }

    /// What tells one thing of it from another one, in a number each. `env` likewise.
    pub fn prints(&self, env: &Environment<'_>) -> Prints {
        prints(&self.raw, self.warnings.sources(), env)
    }

    /// Adds what other layers found; they know key paths, and the places are found from those.
    ///
    /// # Errors
    /// Every problem, warnings too, when one of them is an error.
    pub fn with(self, found: impl IntoIterator<Item = Problem>) -> Result<Self, Problems> {
        let Self { model, warnings, raw } = self;
        let problems = warnings.and(found, &raw);
        if problems.has_errors() { Err(problems) } else { Ok(Self { model, warnings: problems, raw }) }
    }
}
