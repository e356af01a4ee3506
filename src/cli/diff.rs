//! `tidegate diff OLD NEW`: what a new config changes, before it does.
//!
//! Three questions are answered: which settings differ, which requests go another way, and what the new config says without effect that the
//! old one did not (a route that another one shadows, say).

mod changes;
mod files;
mod requests;
mod text;

use std::path::Path;
use std::process::ExitCode;

use serde::Serialize;

use super::args::DiffArgs;
use super::terminal::{colour, complain, print};
use crate::config::{self, Loaded};

pub(super) use changes::{Change, Kind, changes};
pub(super) use requests::{Moved, moved};

/// A config cannot be used.
const UNUSABLE: u8 = 2;

/// All that is different.
#[derive(Debug, Serialize)]
pub(super) struct Diff {
    /// Whether anything is.
    differs: bool,
    /// Listeners, upstreams, routes and sections that came, went or changed.
    changes: Vec<Change>,
    /// Requests that another route takes, one for each route of either config and listener.
    requests: Vec<Moved>,
    /// What the new config says without effect, and the old one did not.
    warnings: Vec<String>,
}

pub(super) fn run(args: &DiffArgs) -> ExitCode {
    let (Some(old), Some(new)) = (load(&args.old), load(&args.new)) else {
        return ExitCode::from(UNUSABLE);
    };
    let diff = Diff::between(&old, &new);
    let text = if args.json {
        serde_json::to_string_pretty(&diff).expect("all keys are texts") + "\n"
    } else {
        text::render(&diff, colour(&std::io::stdout()))
    };
    match print(&text) {
        ExitCode::SUCCESS if diff.differs => ExitCode::FAILURE,
        printed => printed,
    }
}

/// The config with all that its files hold; what is wrong with it is told.
fn load(path: &Path) -> Option<Loaded> {
    let told = |problems: config::Problems| {
        complain(&problems.report(colour(&std::io::stderr()), &format!("{} cannot be used", path.display())));
    };
    super::deep::load(path).map_err(told).ok()
}

impl Diff {
    fn between(old: &Loaded, new: &Loaded) -> Self {
        let outline = |loaded: &Loaded| loaded.outline(&super::environment);
        let changes = changes(&outline(old), &outline(new));
        let requests = moved(&old.model, &new.model);
        let said = |loaded: &Loaded| -> Vec<_> {
            loaded.warnings.iter().map(|problem| format!("{}: {}", problem.key_path, problem.message)).collect()
        };
        let before = said(old);
        let warnings: Vec<_> = said(new).into_iter().filter(|warning| !before.contains(warning)).collect();
        let differs = !(changes.is_empty() && requests.is_empty() && warnings.is_empty());
        Self { differs, changes, requests, warnings }
    }
}

#[cfg(test)]
mod tests;
