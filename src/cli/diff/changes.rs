//! Which settings differ.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::files;
use crate::config::{Outline, Setting};

/// A listener, upstream, route or section that is not as it was.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(in crate::cli) struct Change {
    /// What happened to it.
    pub(super) kind: Kind,
    /// `routes.api`, or `server`.
    pub(super) of: String,
    /// Its settings that differ; of one that came, those that are not the default.
    pub(super) settings: Vec<Edit>,
}

/// What happened to a thing or a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::cli) enum Kind {
    /// It was not there.
    Gained,
    /// It is no longer there.
    Lost,
    /// It is there and different.
    Changed,
}

/// A setting that differs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(in crate::cli) struct Edit {
    /// Its key within the thing.
    pub(super) key: String,
    /// What it was; none: it was not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) old: Option<String>,
    /// What it is; none: it is gone.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) new: Option<String>,
    /// Whether it is a section, of which there is nothing more to say than that it is there.
    #[serde(skip)]
    pub(super) section: bool,
    /// More about it: what is in the files that it names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) note: Option<String>,
}

/// All differences of two configs, in the order of their key paths.
pub(in crate::cli) fn changes(old: &Outline, new: &Outline) -> Vec<Change> {
    let mut found: BTreeMap<String, Vec<Edit>> = BTreeMap::new();
    let paths: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    for path in paths {
        let (before, after) = (old.get(path), new.get(path));
        if same(before, after) || follows(path, old, new) {
            continue;
        }
        let (of, key) = place(path, old, new);
        let note = files::note(before, after);
        let shown = |setting: Option<&Setting>| setting.map(|setting| setting.value.clone());
        let section = before.or(after).is_some_and(|setting| setting.section);
        let edit = Edit { key: key.to_owned(), old: shown(before), new: shown(after), section, note };
        let edits = found.entry(of.to_owned()).or_default();
        // The thing itself is told by what happened to it.
        if !key.is_empty() {
            edits.push(edit);
        }
    }
    let kind = |of: &str| match (old.contains_key(of), new.contains_key(of)) {
        (true, false) => Kind::Lost,
        (false, true) => Kind::Gained,
        _ => Kind::Changed,
    };
    let change = |(of, settings): (String, Vec<Edit>)| {
        let kind = kind(&of);
        // What it was is of no use to anybody once it is gone.
        Change { settings: if kind == Kind::Lost { Vec::new() } else { settings }, kind, of }
    };
    found.into_iter().map(change).collect()
}

fn same(before: Option<&Setting>, after: Option<&Setting>) -> bool {
    match (before, after) {
        (Some(before), Some(after)) => {
            files::same(before, after).unwrap_or(before.value == after.value && before.secret == after.secret)
        }
        _ => false,
    }
}

/// Whether it differs only because the section around it came or went, and is the default there: that goes without saying.
fn follows(path: &str, old: &Outline, new: &Outline) -> bool {
    let is_default = old.get(path).or_else(|| new.get(path)).is_some_and(|setting| setting.default);
    let one_sided = old.contains_key(path) != new.contains_key(path);
    // An endpoint's address and an arm's upstream stand in the name already.
    let named = path.rsplit_once('.').is_some_and(|(around, key)| {
        let value = |of: &Outline| of.get(path).map(|setting| setting.value.trim_matches('"').to_owned());
        let value = value(old).or_else(|| value(new)).unwrap_or_default();
        matches!(key, "address" | "upstream" | "name" | "cert") && around.ends_with(&format!("[{value}]"))
            || key == "name" && around.ends_with(&format!(".{value}"))
    });
    one_sided && (is_default || named)
}

/// The thing or top section that a path belongs to, and the key in it.
fn place<'p>(path: &'p str, old: &Outline, new: &Outline) -> (&'p str, &'p str) {
    let is_thing = |path: &str| [old, new].iter().any(|outline| outline.get(path).is_some_and(|one| one.thing));
    if is_thing(path) {
        return (path, "");
    }
    // Names may have dots: the longest one that there is.
    let mut dots = path.match_indices('.').map(|(at, _)| at);
    match dots.rfind(|at| is_thing(&path[..*at])) {
        Some(at) => (&path[..at], &path[at + 1..]),
        None => path.split_once('.').unwrap_or((path, "")),
    }
}
