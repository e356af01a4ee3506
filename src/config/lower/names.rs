//! The names that routes may refer to.

use std::cell::RefCell;
use std::collections::HashMap;

use crate::config::fields::Fields;
use crate::config::found::Found;
use crate::config::nearest::{listed, nearest, quoted};
use crate::config::problem::ProblemKind;
use crate::config::raw::{Shape, Table};
use crate::config::scalar::Wrong;
use crate::config::source::Span;

/// The names under `[listeners]` or `[upstreams]`, each with its place in the model.
pub(super) struct Names<'a> {
    /// `listeners` or `upstreams`
    pub(super) section: &'static str,
    places: HashMap<&'a str, usize>,
    /// In the order of the file, each with where it is defined.
    pub(super) list: Vec<(&'a str, Span)>,
    used: RefCell<Vec<bool>>,
}

impl<'a> Names<'a> {
    pub(super) fn of(root: &Fields<'a>, section: &'static str) -> Self {
        let nothing: &[_] = &[];
        let entries = match root.own(section).map(|found| &found.node.shape) {
            Some(Shape::Table(Table { entries })) => entries.as_slice(),
            _ => nothing,
        };
        let list: Vec<_> = entries.iter().map(|entry| (entry.key.as_str(), entry.key_span)).collect();
        let places = list.iter().enumerate().map(|(place, (name, _))| (*name, place)).collect();
        let used = RefCell::new(vec![false; list.len()]);
        Self { section, places, list, used }
    }

    /// The place that a value names, which from then on counts as used.
    pub(super) fn resolve(&self, found: &Found<'_>) -> Option<usize> {
        let text = found.text()?;
        let place = self.places.get(text.as_ref()).copied();
        match place {
            Some(place) => self.used.borrow_mut()[place] = true,
            None => found.report(ProblemKind::Reference, self.unknown(&text), found.node.span),
        }
        place
    }

    fn unknown(&self, text: &str) -> Wrong {
        let one = self.section.trim_end_matches('s');
        let names: Vec<_> = self.list.iter().take(8).map(|(name, _)| quoted(name)).collect();
        let help = match nearest(text, self.places.keys().copied()) {
            Some(name) => format!("did you mean {}?", quoted(name)),
            None if one == "upstream" && text.contains([':', '/']) => {
                let address = text.rsplit("//").next().unwrap_or(text);
                format!("a name belongs here: add [upstreams.NAME] with endpoints = [{}]", quoted(address))
            }
            None if names.is_empty() => format!("there is none: add [{}.NAME]", self.section),
            None => format!(
                "the {} are {}{}",
                self.section,
                listed(&names, "and"),
                if self.list.len() > 8 { ", ..." } else { "" }
            ),
        };
        Wrong::new(format!("there is no {one} {}", quoted(text)), help)
    }

    pub(super) fn unused(&self) -> Vec<(&'a str, Span)> {
        let used = self.used.borrow();
        self.list.iter().zip(used.iter()).filter(|(_, used)| !**used).map(|(one, _)| *one).collect()
    }
}
