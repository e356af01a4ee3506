//! The files that a config was read from, and places in them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::model::Place;

/// The texts of one config: the file, then what it includes.
#[derive(Clone, Debug, Default)]
pub struct Sources {
    files: Vec<Source>,
}

#[derive(Clone)]
struct Source {
    name: Arc<str>,
    directory: PathBuf,
    text: String,
    /// Where each line begins, in octets.
    lines: Vec<usize>,
}

/// Without the text: it has secrets.
impl std::fmt::Debug for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Source").field("name", &self.name).finish_non_exhaustive()
    }
}

/// Octets of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Span {
    pub(super) file: usize,
    pub(super) start: usize,
    pub(super) end: usize,
}

impl Sources {
    /// Adds a text under the name that messages show. Relative paths in it are relative to `directory`.
    pub(super) fn add(&mut self, name: &str, directory: &Path, text: String) -> usize {
        let lines = std::iter::once(0).chain(memchr::memchr_iter(b'\n', text.as_bytes()).map(|at| at + 1)).collect();
        self.files.push(Source { name: name.into(), directory: directory.to_path_buf(), text, lines });
        self.files.len() - 1
    }

    pub(super) fn name(&self, file: usize) -> &Arc<str> {
        &self.files[file].name
    }

    pub(super) fn text(&self, file: usize) -> &str {
        &self.files[file].text
    }

    pub(super) fn slice(&self, span: Span) -> &str {
        self.text(span.file).get(span.start..span.end).unwrap_or_default()
    }

    /// A path as the file names it, from the working directory.
    pub(super) fn resolve(&self, file: usize, path: &str) -> PathBuf {
        self.files[file].directory.join(path)
    }

    pub(super) fn place(&self, span: Span) -> Place {
        Place { file: Arc::clone(self.name(span.file)), line: self.line(span.file, span.start) }
    }

    /// The line of an octet, from 1.
    pub(super) fn line(&self, file: usize, offset: usize) -> usize {
        self.files[file].lines.partition_point(|&begin| begin <= offset)
    }

    /// The column of an octet in characters, from 1.
    pub(super) fn column(&self, file: usize, offset: usize) -> usize {
        let begin = self.line_start(file, self.line(file, offset));
        let before = self.text(file).get(begin..offset).unwrap_or_default();
        before.chars().count() + 1
    }

    /// Where a line (from 1) begins; past the last line, where the text ends.
    pub(super) fn line_start(&self, file: usize, line: usize) -> usize {
        let source = &self.files[file];
        source.lines.get(line.saturating_sub(1)).copied().unwrap_or(source.text.len())
    }
}

/// The beginning of the character that an octet belongs to. `str::floor_char_boundary` is younger than our oldest Rust.
pub(super) fn floor(text: &str, offset: usize) -> usize {
    let offset = offset.min(text.len());
    (0..=offset).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_and_columns_count_characters_from_one() {
        let mut sources = Sources::default();
        let file = sources.add("a.toml", Path::new("/etc"), "a\nüb\n\nc".to_owned());
        let places = [(0, 1, 1), (1, 1, 2), (2, 2, 1), (4, 2, 2), (6, 3, 1), (7, 4, 1), (8, 4, 2)];
        for (offset, line, column) in places {
            assert_eq!((sources.line(file, offset), sources.column(file, offset)), (line, column), "{offset}");
        }
        assert_eq!(sources.line_start(file, 2), 2);
        assert_eq!(sources.line_start(file, 9), 8);
        assert_eq!(sources.resolve(file, "b/c"), Path::new("/etc/b/c"));
        assert_eq!(sources.resolve(file, "/b"), Path::new("/b"));
    }
}
