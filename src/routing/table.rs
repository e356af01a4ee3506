//! The routes of one host: a tree of path segments, and one set of regexes.

use std::cell::RefCell;
use std::cmp::Reverse;

use regex::Regex;
use regex_automata::meta::{self, Config};
use regex_automata::nfa::thompson::WhichCaptures;
use regex_automata::util::syntax;
use regex_automata::{Input, MatchKind, PatternSet};
use rustc_hash::FxHashMap;

use super::condition::{Conditions, ListenerSet, predicates};
use super::segment::Segment;
use super::{Lookup, RouteIndex};
use crate::config::model::{PathMatch, Route};
use crate::http::normal::normal;

thread_local! {
    /// Which regexes match, kept so that a lookup allocates nothing; it grows to the largest set.
    static HITS: RefCell<PatternSet> = RefCell::new(PatternSet::new(0));
}

/// A route at the place where host and path matched.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    route: RouteIndex,
    listeners: ListenerSet,
    conditions: Option<std::sync::Arc<Conditions>>,
}

impl Candidate {
    /// The route at that place of the config.
    pub(super) fn compile(place: u32, route: &Route, listeners: usize) -> Self {
        Self {
            route: RouteIndex(place),
            listeners: ListenerSet::compile(&route.listeners, listeners),
            conditions: Conditions::compile(route),
        }
    }

    fn takes(&self, lookup: &Lookup<'_>) -> bool {
        self.listeners.contains(lookup.listener) && self.conditions.as_ref().is_none_or(|all| all.hold(lookup))
    }
}

/// The place behind one more segment of a path: less than a line of memory, and all of them side by side.
#[derive(Debug, Default)]
struct Node {
    children: Option<Box<FxHashMap<Segment, u32>>>,
    parent: u32,
    /// Routes whose exact path ends here.
    exact: Few,
    /// Routes whose prefix ends here.
    prefix: Few,
    /// Routes whose prefix ends here with a slash, so that a segment must follow.
    prefix_slash: Few,
}

/// A part of the table's list of candidates, in the order of rank.
#[derive(Clone, Copy, Debug, Default)]
struct Few {
    begin: u32,
    end: u32,
}

/// The candidates of one node while the tree grows.
#[derive(Default)]
struct Growing {
    exact: Vec<Candidate>,
    prefix: Vec<Candidate>,
    prefix_slash: Vec<Candidate>,
}

/// The routes of one host, or of several hosts that have the same ones.
#[derive(Debug)]
pub(super) struct Table {
    /// The first is the root.
    nodes: Vec<Node>,
    /// Those of all nodes.
    candidates: Vec<Candidate>,
    /// In the order of rank, beside their regexes.
    by_regex: Vec<Candidate>,
    regexes: Regexes,
    /// Routes that take any path, in the order of rank.
    any: Vec<Candidate>,
}

impl Table {
    /// The routes at these places; `candidates` has one for each route of the config.
    pub(super) fn compile(places: &[u32], routes: &[Route], candidates: &[Candidate]) -> Self {
        let mut table = Self {
            nodes: vec![Node::default()],
            candidates: Vec::new(),
            by_regex: Vec::new(),
            regexes: Regexes::Each(Vec::new()),
            any: Vec::new(),
        };
        let mut order: Vec<_> = places.iter().map(|place| *place as usize).collect();
        order.sort_by_key(|&place| (Reverse(predicates(&routes[place])), place));
        let (mut regexes, mut room) = (Vec::new(), String::new());
        let mut growing = vec![Growing::default()];
        for place in order {
            let candidate = candidates[place].clone();
            match &routes[place].path {
                PathMatch::Exact(exact) => table.grow(normal(exact, &mut room), &mut growing).exact.push(candidate),
                PathMatch::Prefix(prefix) if prefix == "/" => table.any.push(candidate),
                PathMatch::Prefix(prefix) => {
                    let prefix = normal(prefix, &mut room);
                    match prefix.strip_suffix('/') {
                        Some(before) => table.grow(before, &mut growing).prefix_slash.push(candidate),
                        None => table.grow(prefix, &mut growing).prefix.push(candidate),
                    }
                }
                PathMatch::Regex(regex) => {
                    table.by_regex.push(candidate);
                    regexes.push(regex.clone());
                }
            }
        }
        table.regexes = Regexes::compile(regexes);
        table.settle(growing);
        table
    }

    /// Puts the candidates of all nodes into one list.
    fn settle(&mut self, growing: Vec<Growing>) {
        let place = |list: &Vec<Candidate>| u32::try_from(list.len()).expect("a config has fewer than 2^32 routes");
        for (node, Growing { exact, prefix, prefix_slash }) in self.nodes.iter_mut().zip(growing) {
            let parts = [(&mut node.exact, exact), (&mut node.prefix, prefix), (&mut node.prefix_slash, prefix_slash)];
            for (few, candidates) in parts {
                let begin = place(&self.candidates);
                self.candidates.extend(candidates);
                *few = Few { begin, end: place(&self.candidates) };
            }
        }
        self.candidates.shrink_to_fit();
        self.nodes.shrink_to_fit();
    }

    /// What the node of that path has; it is made where it is missing.
    fn grow<'a>(&mut self, path: &str, growing: &'a mut Vec<Growing>) -> &'a mut Growing {
        let mut at = 0;
        for segment in segments(path.as_bytes()) {
            let next = u32::try_from(self.nodes.len()).expect("a config has fewer than 2^32 segments");
            let children = self.nodes[at].children.get_or_insert_default();
            let child = *children.entry(Segment::new(segment)).or_insert(next);
            if child == next {
                growing.push(Growing::default());
                self.nodes.push(Node { parent: u32::try_from(at).unwrap_or(0), ..Node::default() });
            }
            at = child as usize;
        }
        &mut growing[at]
    }

    /// The best route of this host. The path is in normal form.
    pub(super) fn find(&self, lookup: &Lookup<'_>) -> Option<RouteIndex> {
        self.find_in_tree(lookup).or_else(|| self.find_by_regex(lookup)).or_else(|| first(&self.any, lookup))
    }

    fn few(&self, few: Few) -> &[Candidate] {
        &self.candidates[few.begin as usize..few.end as usize]
    }

    fn find_by_regex(&self, lookup: &Lookup<'_>) -> Option<RouteIndex> {
        let takes = |place: usize| self.by_regex.get(place).filter(|one| one.takes(lookup)).map(|one| one.route);
        if self.by_regex.is_empty() { None } else { self.regexes.first(lookup.path, takes) }
    }

    /// Down as far as the path goes, then up again: the longest prefix first.
    fn find_in_tree(&self, lookup: &Lookup<'_>) -> Option<RouteIndex> {
        let (mut at, mut more) = (0, false);
        for segment in segments(lookup.path.as_bytes()) {
            let Some(child) = self.nodes[at].children.as_ref().and_then(|children| children.get(segment)) else {
                more = true;
                break;
            };
            at = *child as usize;
        }
        if !more && let Some(route) = first(self.few(self.nodes[at].exact), lookup) {
            return Some(route);
        }
        loop {
            let node = &self.nodes[at];
            if more && let Some(route) = first(self.few(node.prefix_slash), lookup) {
                return Some(route);
            }
            if let Some(route) = first(self.few(node.prefix), lookup) {
                return Some(route);
            }
            if at == 0 {
                return None;
            }
            more = true;
            at = node.parent as usize;
        }
    }
}

/// The first that takes the request.
fn first(candidates: &[Candidate], lookup: &Lookup<'_>) -> Option<RouteIndex> {
    candidates.iter().find(|one| one.takes(lookup)).map(|one| one.route)
}

/// What stands behind each slash; `/` is one empty segment, and a path without a slash in front has none.
fn segments(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = path.strip_prefix(b"/");
    std::iter::from_fn(move || {
        let here = rest?;
        let Some(slash) = memchr::memchr(b'/', here) else {
            rest = None;
            return Some(here);
        };
        rest = Some(&here[slash + 1..]);
        Some(&here[..slash])
    })
}

/// Regexes in the order of rank.
#[derive(Debug)]
enum Regexes {
    /// All at once, in one pass over the path.
    Set(meta::Regex),
    /// One after the other: for one regex, and for what is too large to be one automaton.
    Each(Vec<Regex>),
}

impl Regexes {
    fn compile(regexes: Vec<Regex>) -> Self {
        if regexes.len() < 2 {
            return Self::Each(regexes);
        }
        // As `regex::RegexSet` is built, but without its size limit: each regex was held to one when it was read.
        let config = Config::new()
            .match_kind(MatchKind::All)
            .utf8_empty(true)
            .which_captures(WhichCaptures::None)
            .nfa_size_limit(None);
        let syntax = syntax::Config::new().utf8(true);
        let patterns: Vec<_> = regexes.iter().map(Regex::as_str).collect();
        let built = meta::Builder::new().configure(config).syntax(syntax).build_many(&patterns);
        built.map_or(Self::Each(regexes), Self::Set)
    }

    /// The first answer of `takes`, asked for each regex that matches.
    fn first(&self, path: &str, takes: impl Fn(usize) -> Option<RouteIndex>) -> Option<RouteIndex> {
        let set = match self {
            Self::Set(set) => set,
            Self::Each(all) => {
                return all.iter().enumerate().filter(|(_, regex)| regex.is_match(path)).find_map(|(at, _)| takes(at));
            }
        };
        HITS.with_borrow_mut(|hits| {
            if hits.capacity() < set.pattern_len() {
                *hits = PatternSet::new(set.pattern_len());
            }
            hits.clear();
            set.which_overlapping_matches(&Input::new(path), hits);
            hits.iter().find_map(|pattern| takes(pattern.as_usize()))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_of_paths() {
        let cases: [(&str, &[&str]); 7] = [
            ("/", &[""]),
            ("/a", &["a"]),
            ("/a/", &["a", ""]),
            ("//a", &["", "a"]),
            ("/a/b", &["a", "b"]),
            ("*", &[]),
            ("", &[]),
        ];
        for (path, expected) in cases {
            let seen: Vec<_> = segments(path.as_bytes()).map(|one| std::str::from_utf8(one).expect("ASCII")).collect();
            assert_eq!(seen, expected, "{path}");
        }
    }

    #[test]
    fn regexes_answer_in_their_order_together_or_alone() {
        let regexes: Vec<_> = ["b+", "^/a", "/ab$"].iter().map(|text| Regex::new(text).expect("a regex")).collect();
        let together = Regexes::compile(regexes.clone());
        assert!(matches!(together, Regexes::Set(_)));
        for set in [together, Regexes::Each(regexes)] {
            let from = |least: usize| move |at: usize| (at >= least).then_some(RouteIndex(at as u32));
            assert_eq!(set.first("/ab", from(0)), Some(RouteIndex(0)));
            assert_eq!(set.first("/ab", from(1)), Some(RouteIndex(1)));
            assert_eq!(set.first("/ab", from(3)), None);
            assert_eq!(set.first("/c", from(0)), None);
            assert_eq!(set.first("/ac", from(0)), Some(RouteIndex(1)));
        }
    }
}
