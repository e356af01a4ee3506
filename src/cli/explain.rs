//! `tidegate explain`: which route takes a request, why, what would be done with it, and why the others lost.
//!
//! [`explain`] is pure: a config and a question give a [`Report`], and that is shown as text or as JSON. The decision is made by
//! the same sanitiser, router, filters and splits that serve requests; nothing here decides by itself.

mod action;
mod edge;
mod question;
mod report;
mod text;
mod words;

pub use action::{ActionReport, ArmReport, EndpointReport, Step, UpstreamReport};
pub use question::{Question, Unasked};
pub use report::{
    Decision, ListenerReport, LostReport, Outcome, PathReport, ReasonReport, Report, RequestReport, RouteReport,
};

use std::process::ExitCode;

use super::args::ExplainArgs;
use super::terminal::{colour, complain, fail, print};
use crate::config;
use crate::config::model::Model;

/// How the answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// For people; with colours where the output is a terminal that wants them.
    Text {
        /// Whether there are colours.
        colour: bool,
    },
    /// For programs.
    Json,
}

/// What is printed, and the exit status: 0 where the request has a route or is redirected, 1 where it is refused or has none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// For standard output, with the newline at its end.
    pub text: String,
    /// Exit status.
    pub status: u8,
}

/// `tidegate explain`
pub(super) fn run(args: &ExplainArgs) -> ExitCode {
    let path = match super::config_file(&args.file) {
        Ok(path) => path,
        Err(error) => return fail(&error.to_string()),
    };
    let loaded = match config::load(&path, &super::environment) {
        Ok(loaded) => loaded,
        Err(problems) => {
            complain(&problems.report(colour(&std::io::stderr()), "the config cannot be used"));
            return ExitCode::FAILURE;
        }
    };
    let style = if args.json { Style::Json } else { Style::Text { colour: colour(&std::io::stdout()) } };
    match explain(&loaded.model, &Question::from(args), style) {
        Ok(Answer { text, status: 0 }) => print(&text),
        Ok(Answer { text, status }) => {
            let _ = print(&text); // it fails already
            ExitCode::from(status)
        }
        Err(error) => {
            let _ = fail(&error.to_string());
            ExitCode::from(2)
        }
    }
}

/// Answers `/api/explain`: the parameters are `url`, `method`, `header` ("Name: value", may stand several times), `client`
/// and `listener`.
///
/// # Errors
/// One sentence, where it is no question.
pub fn answer(model: &Model, parameters: &[(String, String)]) -> Result<serde_json::Value, String> {
    let report = Report::make(model, &Question::of(parameters)?).map_err(|error| error.to_string())?;
    serde_json::to_value(report).map_err(|error| error.to_string())
}

/// Answers the question.
///
/// # Errors
/// [`Unasked`] where it is no question: wrong usage, exit status 2.
pub fn explain(model: &Model, question: &Question, style: Style) -> Result<Answer, Unasked> {
    let report = Report::make(model, question)?;
    let text = match style {
        Style::Text { colour } => text::render(&report, colour),
        Style::Json => {
            serde_json::to_string_pretty(&report).expect("a report has only text keys and finite numbers") + "\n"
        }
    };
    Ok(Answer { text, status: u8::from(!report.is_served()) })
}

#[cfg(test)]
mod tests;
