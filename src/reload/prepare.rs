//! From the config's source to a snapshot that can be published.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::guard::{Digest, Tried};
use crate::config::model::{Endpoint, Labelled, Model};
use crate::config::{self, Environment, Loaded, Problem, ProblemKind, Problems, Written};
use crate::observe::metrics::Metrics;
use crate::snapshot::{self, CompileProblem, Snapshot};
use crate::upstream::discovery::Answers;

/// Where the config comes from.
#[derive(Clone, Debug)]
pub enum Source {
    /// A file, read anew at each reload.
    File(PathBuf),
    /// A text that is part of the program or of its command line.
    Text {
        /// Its name in messages.
        name: String,
        /// TOML.
        text: String,
        /// Variables beside those of the process.
        variables: Vec<(String, String)>,
    },
    /// `tidegate proxy --from ADDR --to ADDR...`
    Proxy {
        /// Where to listen.
        from: String,
        /// The endpoints.
        to: Vec<String>,
    },
}

/// A snapshot that can be published.
#[derive(Debug)]
pub struct Prepared {
    /// It.
    pub snapshot: Arc<Snapshot>,
    /// What the config says without effect.
    pub warnings: Problems,
    /// What is known of endpoints: what was known before, and the files as they are now.
    pub answers: Answers,
    /// What tells it from other configs, where `[server] guard` needs that.
    pub tried: Option<Tried>,
    /// What was read, where it asks for containers: to be joined again when there are others.
    pub written: Option<Written>,
    /// What their labels came to.
    pub labelled: Labelled,
}

impl Source {
    /// Reads the config.
    ///
    /// # Errors
    /// Every problem of it.
    pub fn read(&self) -> Result<Loaded, Problems> {
        let environment: &Environment<'_> = &|wanted| self.variable(wanted);
        match self {
            Self::File(path) => config::load(path, environment),
            Self::Text { name, text, .. } => config::parse(name, text, environment),
            Self::Proxy { from, to } => config::minimal_proxy(from, to),
        }
    }

    /// Reads the config, and joins it with containers where it asks for that.
    fn joined(&self, known: &Answers) -> Result<(Loaded, Labelled, Option<Written>), Problems> {
        let Self::File(path) = self else { return Ok((self.read()?, Labelled::default(), None)) };
        let written = config::written(path, &|wanted| self.variable(wanted));
        if !written.asks() {
            return Ok((written.alone(&|wanted| self.variable(wanted))?, Labelled::default(), None));
        }
        let (loaded, labelled) = written.joined(&|wanted| self.variable(wanted), &known.containers)?;
        Ok((loaded, labelled, Some(written)))
    }

    fn variable(&self, wanted: &str) -> Option<String> {
        let own = match self {
            Self::Text { variables, .. } => &variables[..],
            _ => &[],
        };
        let known = own.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
        known.or_else(|| std::env::var(wanted).ok())
    }

    /// What tells the config that was read from others, where it asks for that.
    fn tried(&self, loaded: &Loaded) -> Option<Tried> {
        loaded.model.server.guard.as_ref()?;
        let text = match self {
            Self::File(_) => "",
            Self::Text { text, .. } => text,
            Self::Proxy { .. } => "proxy",
        };
        let digest = Digest::of(&loaded.model.files, text);
        Some(Tried { digest, prints: loaded.prints(&|wanted| self.variable(wanted)) })
    }
}

/// Reads the config and compiles it beside the snapshot in force. `known` is what was found out about endpoints.
///
/// # Errors
/// Every problem of it and of the files that it names.
pub fn prepare(
    source: &Source,
    previous: Option<&Snapshot>,
    metrics: &Metrics,
    known: &Answers,
) -> Result<Prepared, Problems> {
    finish(source, source.joined(known)?, previous, metrics, known)
}

/// The same with what was read before, and the containers that there are now.
///
/// # Errors
/// Likewise.
pub fn prepare_again(
    source: &Source,
    written: &Written,
    previous: Option<&Snapshot>,
    metrics: &Metrics,
    known: &Answers,
) -> Result<Prepared, Problems> {
    let (loaded, labelled) = written.joined(&|wanted| source.variable(wanted), &known.containers)?;
    finish(source, (loaded, labelled, Some(written.clone())), previous, metrics, known)
}

fn finish(
    source: &Source,
    (loaded, labelled, written): (Loaded, Labelled, Option<Written>),
    previous: Option<&Snapshot>,
    metrics: &Metrics,
    known: &Answers,
) -> Result<Prepared, Problems> {
    let tried = source.tried(&loaded);
    let mut answers = Answers { files: Default::default(), ..known.clone() };
    let mut found = read_files(&loaded.model, &mut answers);
    let compiled = snapshot::compile(Arc::new(loaded.model.clone()), previous, metrics, &answers);
    let error = |problem: CompileProblem| {
        Problem::error(ProblemKind::Content(problem.label), problem.key, problem.message).help(problem.help)
    };
    match compiled {
        Ok(snapshot) if found.is_empty() => {
            Ok(Prepared { snapshot: Arc::new(snapshot), warnings: loaded.warnings, answers, tried, written, labelled })
        }
        compiled => {
            found.extend(compiled.err().into_iter().flatten().map(error));
            // Errors were found, so this is one.
            loaded.with(found).and_then(|loaded| Err(loaded.warnings))
        }
    }
}

/// Reads each `endpoints_file`, and gives back what is wrong with them.
pub fn read_files(model: &Model, answers: &mut Answers) -> Vec<Problem> {
    let mut found = Vec::new();
    for upstream in &model.upstreams {
        let Some(path) = &upstream.discovery.file else { continue };
        match read_endpoints(path) {
            Ok(listed) => drop(answers.files.insert(path.clone(), listed.into())),
            Err(problems) => {
                let key = format!("upstreams.{}.endpoints_file", upstream.name);
                let error = |line: String| Problem::error(ProblemKind::Content("endpoints_file"), key.clone(), line);
                found.extend(problems.iter().map(|problem| error(problems.line(problem))));
            }
        }
    }
    found
}

/// Reads one `endpoints_file`.
///
/// # Errors
/// Every problem of it.
pub fn read_endpoints(path: &Path) -> Result<Vec<Endpoint>, Problems> {
    config::read_endpoints(path, &|name: &str| std::env::var(name).ok())
}
