//! `tidegate check`

use std::fmt::Write as _;
use std::path::Path;
use std::process::ExitCode;

use serde_json::json;

use super::args::CheckArgs;
use super::terminal::{colour, complain, fail, print};
use crate::config::model::{Action, Listener, Model, Upstream};
use crate::config::{Loaded, Problems};

/// Of a long list only so many are shown.
const SHOWN: usize = 12;

pub(super) fn check(args: &CheckArgs) -> ExitCode {
    let path = match super::config_file(&args.file) {
        Ok(path) => path,
        Err(error) => return fail(&error.to_string()),
    };
    let loaded = super::deep::load(&path);
    match (loaded, args.json) {
        (Ok(loaded), false) => {
            if !loaded.warnings.is_empty() {
                complain(&loaded.warnings.render(colour(&std::io::stderr())));
                complain("\n");
            }
            print(&summary(&path, &loaded))
        }
        (Err(problems), false) => {
            complain(&problems.report(colour(&std::io::stderr()), "the config cannot be used"));
            ExitCode::FAILURE
        }
        (Ok(Loaded { model, warnings, .. }), true) => print(&as_json(&path, Some(&model), &warnings)),
        (Err(problems), true) => {
            let _ = print(&as_json(&path, None, &problems));
            ExitCode::FAILURE
        }
    }
}

fn as_json(path: &Path, model: Option<&Model>, problems: &Problems) -> String {
    let count = |count: fn(&Model) -> usize| model.map(count);
    let answer = json!({
        "valid": model.is_some(),
        "config": path.display().to_string(),
        "listeners": count(|model| model.listeners.len()),
        "upstreams": count(|model| model.upstreams.len()),
        "routes": count(|model| model.routes.len()),
        "problems": problems.to_json(),
    });
    format!("{answer:#}\n")
}

fn summary(path: &Path, loaded: &Loaded) -> String {
    let Loaded { model, warnings, .. } = loaded;
    let mut out = format!("{} is a valid config\n\n", path.display());
    column(&mut out, "listeners", model.listeners.iter().map(listener).collect());
    column(&mut out, "upstreams", model.upstreams.iter().map(upstream).collect());
    column(&mut out, "routes", vec![routes(model)]);
    if let Some(admin) = &model.admin {
        column(&mut out, "admin", vec![vec![admin.address.to_string()]]);
    }
    let warnings = if warnings.is_empty() { "none".to_owned() } else { warnings.len().to_string() };
    column(&mut out, "warnings", vec![vec![warnings]]);
    out
}

/// A heading and its lines, the cells of each below each other.
fn column(out: &mut String, heading: &str, lines: Vec<Vec<String>>) {
    let more = lines.len().saturating_sub(SHOWN);
    let width = |cell| {
        lines.iter().take(SHOWN).filter_map(|line| line.get(cell)).map(|text: &String| text.chars().count()).max()
    };
    for (place, line) in lines.iter().take(SHOWN).enumerate() {
        let heading = if place == 0 { heading } else { "" };
        let cells =
            line.iter().enumerate().map(|(cell, text)| format!("{text:<width$}", width = width(cell).unwrap_or(0)));
        let line = format!("  {heading:<11}{}", cells.collect::<Vec<_>>().join("  "));
        let _ = writeln!(out, "{}", line.trim_end()); // writing to a String cannot fail
    }
    if more > 0 {
        let _ = writeln!(out, "  {:<11}and {more} more", "");
    }
}

fn listener(listener: &Listener) -> Vec<String> {
    let speaks = match (&listener.tls, listener.redirect_to_https) {
        (Some(_), _) => "TLS",
        (None, Some(_)) => "redirects to HTTPS",
        (None, None) => "clear text",
    };
    vec![listener.name.to_string(), listener.address.to_string(), speaks.to_owned()]
}

fn upstream(upstream: &Upstream) -> Vec<String> {
    let tls = if upstream.tls.is_some() { ", TLS" } else { "" };
    let file = upstream.discovery.file.as_ref().map(|file| format!("those of {}", file.display()));
    let listed = (!upstream.endpoints.is_empty()).then(|| counted(upstream.endpoints.len(), "endpoint", "endpoints"));
    let endpoints: Vec<_> = listed.into_iter().chain(file).collect();
    vec![upstream.name.to_string(), format!("{}{tls}", endpoints.join(" and "))]
}

/// `5: 3 to upstreams, 1 split, 1 redirect`
fn routes(model: &Model) -> Vec<String> {
    let count = |is: fn(&Action) -> bool| model.routes.iter().filter(|route| is(&route.action)).count();
    let kinds = [
        (count(|action| matches!(action, Action::Upstream(_))), "to an upstream", "to upstreams"),
        (count(|action| matches!(action, Action::Split(_))), "split", "splits"),
        (count(|action| matches!(action, Action::Redirect(_))), "redirect", "redirects"),
        (count(|action| matches!(action, Action::Respond(_))), "fixed answer", "fixed answers"),
        (count(|action| matches!(action, Action::Files(_))), "folder of files", "folders of files"),
    ];
    let kinds =
        kinds.into_iter().filter(|(number, ..)| *number > 0).map(|(number, one, many)| counted(number, one, many));
    let kinds = kinds.collect::<Vec<_>>().join(", ");
    vec![if kinds.is_empty() { "none".to_owned() } else { kinds }]
}

fn counted(number: usize, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}
