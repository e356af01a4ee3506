//! What only shows when the files that a config names are read too.

use crate::config::model::Model;
use crate::config::{Problem, ProblemKind};
use crate::tls::{self, Severity, TlsProblem};

/// Reads certificates, keys and authorities; for [`crate::config::Loaded::with`], which finds the places.
pub fn deep_problems(model: &Model) -> Vec<Problem> {
    tls::problems(model).into_iter().map(of_tls).collect()
}

fn of_tls(problem: TlsProblem) -> Problem {
    let kind = ProblemKind::Content(problem.kind.label());
    let new = match problem.severity() {
        Severity::Error => Problem::error,
        Severity::Warning => Problem::warning,
    };
    new(kind, problem.key, problem.message).help(problem.help)
}
