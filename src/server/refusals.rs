//! Why a config cannot be put in force, in sentences.

use std::sync::Arc;

use crate::admin::Refusal;
use crate::config::Problems;

pub(super) fn sentences(failed: Vec<(Arc<str>, crate::listener::BindError)>) -> Vec<String> {
    failed.into_iter().map(|(name, error)| format!("listener {name:?}: {error}")).collect()
}

pub(super) fn refusal(message: String) -> Refusal {
    Refusal { message, problems: serde_json::json!([]) }
}

pub(super) fn refusal_of(problems: &Problems) -> Refusal {
    let lines = problems.iter().map(|problem| problems.line(problem)).collect::<Vec<_>>();
    Refusal { message: lines.join("\n"), problems: problems.to_json() }
}
