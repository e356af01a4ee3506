//! One config of many files: `include`, and what it means that two files say something about the same thing.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use super::env::{Environment, fill};
use super::keys::ROOT;
use super::kind::Kind;
use super::nearest::quoted;
use super::problem::{Problem, ProblemKind};
use super::raw::{self, Entry, Node, Shape, Table};
use super::source::{Sources, Span};

/// All files, read.
#[derive(Clone, Debug, Default)]
pub(super) struct Read {
    pub(super) sources: Sources,
    pub(super) table: Table,
    pub(super) problems: Vec<Problem>,
    /// Every file that was opened or looked for, and every folder that a pattern looked in.
    pub(super) files: Vec<PathBuf>,
    /// Some file is not TOML throughout, so that what is missing may stand in the lost part.
    pub(super) broken: bool,
}

/// Reads a file and what it includes.
pub(super) fn read(path: &Path, env: &Environment<'_>) -> Read {
    let mut read = Read::default();
    let mut walk = Walk { read: &mut read, env, open: Vec::new(), seen: HashSet::new() };
    walk.file(path, None);
    read
}

/// Reads one text that can include nothing.
pub(super) fn read_text(name: &str, text: &str) -> Read {
    let mut read = Read::default();
    let file = read.sources.add(name, Path::new(""), text.to_owned());
    let (table, problems) = raw::read(file, &read.sources);
    read.broken = !problems.is_empty();
    read.problems = problems;
    if let Some(entry) = table.find("include") {
        let problem = Problem::error(ProblemKind::Value, "include", "a config that is no file cannot include files");
        read.problems.push(problem.at(entry.key_span));
    }
    read.table = table;
    read
}

impl Read {
    /// With a text of our own at the end, as if a file of that name were included.
    pub(super) fn with(mut self, name: &str, text: &str) -> Self {
        let file = self.sources.add(name, Path::new(""), text.to_owned());
        let (table, problems) = raw::read(file, &self.sources);
        self.broken |= !problems.is_empty();
        self.problems.extend(problems);
        merge(&mut self.table, table, &mut self.problems, &self.sources);
        self
    }
}

struct Walk<'w, 'e> {
    read: &'w mut Read,
    env: &'w Environment<'e>,
    /// The files that are being read, the outermost first.
    open: Vec<PathBuf>,
    seen: HashSet<PathBuf>,
}

/// Who includes a file: the key path and the place.
type Includer = (String, Span);

impl Walk<'_, '_> {
    fn file(&mut self, path: &Path, from: Option<&Includer>) {
        let identity = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
        if let (true, Some((key, span))) = (self.open.contains(&identity), from) {
            let message = format!("{} includes itself, by way of this", quoted(&path.display().to_string()));
            let problem = Problem::error(ProblemKind::Conflict, key.clone(), message)
                .help("a file is included from one side only");
            self.read.problems.push(problem.at(*span));
            return;
        }
        if !self.seen.insert(identity.clone()) {
            return;
        }
        self.read.files.push(path.to_path_buf());
        let directory = path.parent().unwrap_or(Path::new("")).to_path_buf();
        let name = path.display().to_string();
        let bytes = match std::fs::read(path) {
            Ok(bytes) => bytes,
            Err(error) => return self.unreadable(&name, &directory, &error, from),
        };
        let text = match String::from_utf8(bytes) {
            Ok(text) => text,
            Err(error) => return self.not_text(&name, &directory, error.as_bytes(), error.utf8_error().valid_up_to()),
        };
        let file = self.read.sources.add(&name, &directory, text);
        let (table, problems) = raw::read(file, &self.read.sources);
        self.read.broken |= !problems.is_empty();
        self.read.problems.extend(problems);
        self.open.push(identity);
        let includes = table.find("include").cloned();
        merge(&mut self.read.table, table, &mut self.read.problems, &self.read.sources);
        if let Some(entry) = includes {
            self.includes(&entry.node, &directory);
        }
        self.open.pop();
    }

    fn unreadable(&mut self, name: &str, directory: &Path, error: &std::io::Error, from: Option<&Includer>) {
        self.read.broken = true;
        let reason = match error.kind() {
            std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
            std::io::ErrorKind::PermissionDenied => "no permission to read it".to_owned(),
            std::io::ErrorKind::IsADirectory => "it is a directory".to_owned(),
            _ => error.to_string(),
        };
        let message = format!("cannot read {}: {reason}", quoted(name));
        let problem = match from {
            Some((key, span)) => Problem::error(ProblemKind::File, key.clone(), message).at(*span),
            None => {
                let file = self.read.sources.add(name, directory, String::new());
                Problem::error(ProblemKind::File, "", message).at(Span { file, start: 0, end: 0 })
            }
        };
        self.read.problems.push(problem);
    }

    fn not_text(&mut self, name: &str, directory: &Path, bytes: &[u8], end: usize) {
        self.read.broken = true;
        let text = String::from_utf8_lossy(bytes).into_owned();
        let file = self.read.sources.add(name, directory, text);
        let problem = Problem::error(ProblemKind::Syntax, "", "this file is not UTF-8").help("save it as UTF-8");
        self.read.problems.push(problem.at(Span {
            file,
            start: end,
            end: end + char::REPLACEMENT_CHARACTER.len_utf8(),
        }));
    }

    /// What is no list of texts is left to the decoder, which reports it as it does for every key.
    fn includes(&mut self, node: &Node, directory: &Path) {
        let Shape::List(list) = &node.shape else { return };
        for (place, item) in list.iter().enumerate() {
            let Shape::Text(text) = &item.shape else { continue };
            let Ok(pattern) = fill(text, self.env) else { continue };
            let from = (format!("include[{place}]"), item.span);
            let paths = glob(directory, &pattern, &mut self.read.files);
            if paths.is_empty() {
                let problem = Problem::warning(ProblemKind::NoEffect, from.0.clone(), "no file matches this pattern");
                self.read.problems.push(problem.at(item.span));
            }
            paths.iter().for_each(|path| self.file(path, Some(&from)));
        }
    }
}

/// The files of a pattern in the order of their names; `*` and `?` do not match a slash, and `*` no leading dot.
/// A pattern without either is that file, there or not.
/// The folders that were looked in join `seen`: a file that is added there later belongs to the config.
fn glob(directory: &Path, pattern: &str, seen: &mut Vec<PathBuf>) -> Vec<PathBuf> {
    let mut paths = vec![if pattern.starts_with('/') { PathBuf::from("/") } else { directory.to_path_buf() }];
    for part in pattern.split('/').filter(|part| !part.is_empty()) {
        if !part.contains(['*', '?']) {
            paths.iter_mut().for_each(|path| path.push(part));
            continue;
        }
        let mut matched = Vec::new();
        for path in &paths {
            let folder = if path.as_os_str().is_empty() { Path::new(".") } else { path };
            seen.push(folder.to_path_buf());
            let names = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.file_name());
            let names = names.filter(|name| name.to_str().is_some_and(|name| matches(part, name)));
            matched.extend(names.map(|name| path.join(name)));
        }
        matched.sort();
        paths = matched;
    }
    paths
}

fn matches(pattern: &str, name: &str) -> bool {
    if name.starts_with('.') && !pattern.starts_with('.') {
        return false;
    }
    let (pattern, name): (Vec<_>, Vec<_>) = (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    let mut star = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, n));
                p += 1;
            }
            Some(&c) if c == '?' || c == name[n] => (p, n) = (p + 1, n + 1),
            // The last star takes one character more; an earlier one need not.
            _ => match star {
                Some((at, from)) => {
                    star = Some((at, from + 1));
                    (p, n) = (at + 1, from + 1);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

/// Adds a file: routes at the end, listeners and upstreams by name, other sections key by key.
fn merge(into: &mut Table, from: Table, problems: &mut Vec<Problem>, sources: &Sources) {
    for entry in from.entries {
        let Some(old) = into.entries.iter_mut().find(|old| old.key == entry.key) else {
            into.entries.push(entry);
            continue;
        };
        let kind = ROOT.key(&entry.key).map(|key| &key.kind);
        match (kind, &mut old.node.shape, entry.node.shape) {
            (Some(Kind::Repeated(_) | Kind::List(_)), Shape::List(old), Shape::List(new)) => old.extend(new),
            (Some(Kind::Named(_) | Kind::Table(_)), Shape::Table(old), Shape::Table(new)) => {
                merge_section(&entry.key, old, new, problems);
            }
            (_, _, shape) => {
                let message = format!(
                    "`{}` is {} here, but not in {}",
                    entry.key,
                    shape.noun(),
                    sources.name(old.node.span.file)
                );
                let problem = Problem::error(ProblemKind::Conflict, entry.key, message);
                problems.push(problem.at(entry.key_span).related(old.key_span, "the other place"));
            }
        }
    }
}

/// By map, since a large config has many names.
fn merge_section(section: &str, old: &mut Table, new: Table, problems: &mut Vec<Problem>) {
    let places: std::collections::HashMap<_, _> =
        old.entries.iter().map(|entry| (entry.key.clone(), entry.key_span)).collect();
    let mut fresh: Vec<Entry> = Vec::new();
    for entry in new.entries {
        match places.get(&entry.key) {
            None => fresh.push(entry),
            Some(first) => {
                let message = format!("{} is defined in two files", quoted(&entry.key));
                let problem = Problem::error(ProblemKind::Conflict, format!("{section}.{}", entry.key), message);
                let problem = problem.help("keep one of them").related(*first, "first defined here");
                problems.push(problem.at(entry.key_span));
            }
        }
    }
    old.entries.extend(fresh);
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns() {
        let cases = [
            ("*.toml", "a.toml", true),
            ("*.toml", ".toml", false),
            ("*.toml", "a.toml.bak", false),
            (".*", ".a", true),
            ("?-*.toml", "1-a.toml", true),
            ("a*b*c", "aXbXbc", true),
            ("a*b*c", "aXbX", false),
            ("*", "", true),
            ("ü?", "üé", true),
        ];
        for (pattern, name, expected) in cases {
            assert_eq!(matches(pattern, name), expected, "{pattern} {name}");
        }
    }
}
