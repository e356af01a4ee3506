//! The differences for people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::changes::Edit;
use super::{Change, Diff, Kind, Moved};

/// Where the same edit is in more things than that, it is told once.
const SAME: usize = 3;
/// Of a long list only so many are shown.
const SHOWN: usize = 40;
/// Keys and requests are aligned up to this width.
const WIDEST: usize = 44;

pub(super) fn render(diff: &Diff, colour: bool) -> String {
    let mut page = Page { out: String::new(), colour };
    if !diff.differs {
        page.line("nothing changes");
        return page.out;
    }
    page.changes(&diff.changes);
    page.requests(&diff.requests);
    if !diff.warnings.is_empty() {
        page.heading("the new config says without effect");
        for warning in &diff.warnings {
            page.line(&format!("  {warning}"));
        }
    }
    page.out
}

#[derive(Clone, Copy)]
enum Ink {
    Bold,
    Green,
    Yellow,
    Red,
}

struct Page {
    out: String,
    colour: bool,
}

impl Page {
    fn changes(&mut self, changes: &[Change]) {
        let repeated = repeated(changes);
        for change in changes {
            let (mark, ink) = match change.kind {
                Kind::Gained => ("+", Ink::Green),
                Kind::Lost => ("-", Ink::Red),
                Kind::Changed => ("~", Ink::Yellow),
            };
            let own: Vec<_> = change.settings.iter().filter(|edit| !repeated.contains_key(edit)).collect();
            if own.is_empty() && change.kind == Kind::Changed {
                continue; // told below
            }
            let of = match change.of.split_once('.') {
                Some((kind, name)) => format!("{} {name}", kind.trim_end_matches('s')),
                None => change.of.clone(),
            };
            let mark = self.paint(ink, mark);
            let of = self.paint(Ink::Bold, &of);
            self.line(&format!("{mark} {of}"));
            let width = own.iter().map(|edit| edit.key.chars().count()).max().unwrap_or(0).min(WIDEST);
            for edit in own {
                self.edit(edit, width, change.kind);
            }
        }
        for (edit, things) in repeated {
            let mark = self.paint(Ink::Yellow, "~");
            let of = self.paint(Ink::Bold, &format!("{} {}", things.len(), kinds(&things)));
            self.line(&format!("{mark} {of}"));
            self.edit(edit, edit.key.chars().count(), Kind::Changed);
        }
    }

    fn edit(&mut self, edit: &Edit, width: usize, of: Kind) {
        let Edit { key, old, new, section, note } = edit;
        let what = match (old, new) {
            (Some(old), Some(new)) => format!("{old} -> {}", self.paint(Ink::Bold, new)),
            (None, Some(new)) if of == Kind::Gained => new.clone(),
            (None, Some(_)) if *section => self.paint(Ink::Green, "gained"),
            (None, Some(new)) => format!("{} {new}", self.paint(Ink::Green, "gained")),
            (Some(_), None) if *section => self.paint(Ink::Red, "lost"),
            (Some(old), None) => format!("{} (was {old})", self.paint(Ink::Red, "lost")),
            (None, None) => String::new(),
        };
        let note = note.as_ref().map_or_else(String::new, |note| format!("  ({note})"));
        self.line(&format!("    {key:<width$}  {what}{note}"));
    }

    fn requests(&mut self, requests: &[Moved]) {
        if requests.is_empty() {
            return;
        }
        self.heading("requests that go another way");
        let request = |moved: &Moved| format!("{} by {}", moved.request, moved.listener);
        let width =
            requests.iter().take(SHOWN).map(|one| request(one).chars().count()).max().unwrap_or(0).min(WIDEST + 20);
        for moved in requests.iter().take(SHOWN) {
            let side = |route: &Option<String>| route.clone().unwrap_or_else(|| "404, no route".to_owned());
            let new = self.paint(Ink::Bold, &side(&moved.new));
            self.line(&format!("  {:<width$}  {} -> {new}", request(moved), side(&moved.old)));
        }
        if let Some(more) = requests.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            self.line(&format!("  and {more} more"));
        }
    }

    fn heading(&mut self, text: &str) {
        if !self.out.is_empty() {
            self.out.push('\n');
        }
        let text = self.paint(Ink::Bold, text);
        self.line(&text);
    }

    fn line(&mut self, text: &str) {
        let _ = writeln!(self.out, "{}", text.trim_end()); // writing to a String cannot fail
    }

    fn paint(&self, ink: Ink, text: &str) -> String {
        let code = match ink {
            Ink::Bold => 1,
            Ink::Red => 31,
            Ink::Green => 32,
            Ink::Yellow => 33,
        };
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// Edits that many things have in common, such as what `[defaults]` does to all routes.
fn repeated(changes: &[Change]) -> BTreeMap<&Edit, Vec<&str>> {
    let mut all: BTreeMap<&Edit, Vec<&str>> = BTreeMap::new();
    for change in changes.iter().filter(|change| change.kind == Kind::Changed) {
        for edit in &change.settings {
            all.entry(edit).or_default().push(&change.of);
        }
    }
    all.retain(|_, things| things.len() > SAME);
    all
}

/// `routes`, or `routes and upstreams`.
fn kinds(things: &[&str]) -> String {
    let mut kinds: Vec<_> = things.iter().filter_map(|thing| Some(thing.split_once('.')?.0)).collect();
    kinds.dedup();
    kinds.join(" and ")
}
