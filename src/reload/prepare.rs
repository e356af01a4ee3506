//! From the config's source to a snapshot that can be published.

use std::path::PathBuf;
use std::sync::Arc;

use crate::config::{self, Environment, Loaded, Problem, ProblemKind, Problems};
use crate::observe::metrics::Metrics;
use crate::snapshot::{self, CompileProblem, Snapshot};

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
}

impl Source {
    /// Reads the config.
    ///
    /// # Errors
    /// Every problem of it.
    pub fn read(&self) -> Result<Loaded, Problems> {
        let process = |name: &str| std::env::var(name).ok();
        match self {
            Self::File(path) => config::load(path, &process),
            Self::Text { name, text, variables } => {
                let known =
                    |wanted: &str| variables.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
                let environment: &Environment<'_> = &|wanted| known(wanted).or_else(|| process(wanted));
                config::parse(name, text, environment)
            }
            Self::Proxy { from, to } => config::minimal_proxy(from, to),
        }
    }
}

/// Reads the config and compiles it beside the snapshot in force.
///
/// # Errors
/// Every problem of it and of the files that it names.
pub fn prepare(source: &Source, previous: Option<&Snapshot>, metrics: &Metrics) -> Result<Prepared, Problems> {
    let loaded = source.read()?;
    match snapshot::compile(Arc::new(loaded.model.clone()), previous, metrics) {
        Ok(snapshot) => Ok(Prepared { snapshot: Arc::new(snapshot), warnings: loaded.warnings }),
        Err(found) => {
            let error = |problem: CompileProblem| {
                Problem::error(ProblemKind::Content(problem.label), problem.key, problem.message).help(problem.help)
            };
            // Errors were found, so this is one.
            loaded.with(found.into_iter().map(error)).and_then(|loaded| Err(loaded.warnings))
        }
    }
}
