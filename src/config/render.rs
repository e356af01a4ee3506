//! Problems as a person reads them: the lines of the file, a mark under what is wrong, the way out below.

use std::fmt::Write as _;

use annotate_snippets::renderer::DecorStyle;
use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Origin, Renderer, Snippet};

use super::problem::{Problem, Severity};
use super::source::{Sources, Span, floor};

/// More than this at once helps nobody; the machine formats have all of them.
const SHOWN: usize = 50;

/// A section header further up than this is not shown with its key.
const HEADER_LINES: usize = 40;

pub(super) fn render(problems: &[Problem], sources: &Sources, colour: bool) -> String {
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let renderer = renderer.decor_style(if colour { DecorStyle::Unicode } else { DecorStyle::Ascii }).term_width(120);
    let mut out = String::new();
    for problem in problems.iter().take(SHOWN) {
        out.push_str(&renderer.render(&[group(problem, sources)]));
        out.push_str("\n\n");
    }
    if let Some(more) = problems.len().checked_sub(SHOWN).filter(|&more| more > 0) {
        let _ = writeln!(out, "... and {more} more\n"); // writing to a String cannot fail
    }
    out
}

fn group<'a>(problem: &'a Problem, sources: &'a Sources) -> Group<'a> {
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level.primary_title(problem.message.as_str());
    let title = if problem.key_path.is_empty() { title } else { title.id(problem.key_path.as_str()) };
    let mut group = Group::with_title(title);
    if let Some(span) = problem.span {
        group = excerpts(group, problem, span, sources);
    }
    match &problem.help {
        Some(help) => group.element(Level::HELP.message(help.as_str())),
        None => group,
    }
}

fn excerpts<'a>(group: Group<'a>, problem: &'a Problem, span: Span, sources: &'a Sources) -> Group<'a> {
    if sources.text(span.file).is_empty() {
        return group.element(Origin::path(&**sources.name(span.file)));
    }
    let line = |span: Span| sources.line(span.file, span.start);
    let near = |other: &Span| other.file == span.file && line(*other).abs_diff(line(span)) <= HEADER_LINES;
    let header = problem.within.filter(near).filter(|header| line(*header) < line(span));
    let (close, far): (Vec<_>, Vec<_>) = problem.related.iter().partition(|(place, _)| near(place));

    let mut marks = vec![(AnnotationKind::Primary, span, None)];
    marks.extend(header.map(|header| (AnnotationKind::Visible, header, None)));
    marks.extend(close.iter().map(|(place, part)| (AnnotationKind::Context, *place, Some(part.as_str()))));
    let mut group = group.element(excerpt(&marks, sources));
    for (place, part) in far {
        group = group.element(excerpt(&[(AnnotationKind::Context, *place, Some(part.as_str()))], sources));
    }
    group
}

type Mark<'a> = (AnnotationKind, Span, Option<&'a str>);

/// Only the lines around the marks, so that a large file costs nothing.
fn excerpt<'a>(marks: &[Mark<'a>], sources: &'a Sources) -> Snippet<'a, Annotation<'a>> {
    let file = marks[0].1.file;
    let text = sources.text(file);
    let first = marks.iter().map(|(_, span, _)| sources.line(file, span.start)).min().unwrap_or(1);
    let last = marks.iter().map(|(_, span, _)| sources.line(file, span.start)).max().unwrap_or(1);
    let begin = sources.line_start(file, first);
    let end = sources.line_start(file, last + 1);
    let inside = |offset: usize| floor(text, offset).clamp(begin, end) - begin;
    let annotations = marks.iter().map(|&(kind, span, part)| {
        // A value of many lines is marked by its first line.
        let stop = sources.line_start(file, sources.line(file, span.start) + 1);
        let line = text[..stop].trim_end_matches(['\n', '\r']).len();
        let mark = kind.span(inside(span.start)..inside(span.end.min(line).max(span.start)));
        part.map(|part| mark.clone().label(part)).unwrap_or(mark)
    });
    Snippet::source(&text[begin..end]).line_start(first).path(&**sources.name(file)).annotations(annotations)
}

pub(super) fn summary(problems: &[Problem], sources: &Sources) -> String {
    let count = |severity| problems.iter().filter(|problem| problem.severity == severity).count();
    let some = |count: usize, word: &str| match count {
        0 => None,
        1 => Some(format!("1 {word}")),
        _ => Some(format!("{count} {word}s")),
    };
    let (errors, warnings) = (count(Severity::Error), count(Severity::Warning));
    let counts = [some(errors, if warnings == 0 { "problem" } else { "error" }), some(warnings, "warning")];
    let counts = counts.into_iter().flatten().collect::<Vec<_>>().join(" and ");
    let mut files: Vec<_> = problems.iter().filter_map(|problem| problem.span).map(|span| span.file).collect();
    files.sort_unstable();
    files.dedup();
    match files.as_slice() {
        [] => counts,
        [one] => format!("{counts} in {}", sources.name(*one)),
        [one, other] => format!("{counts} in {} and {}", sources.name(*one), sources.name(*other)),
        [one, rest @ ..] => format!("{counts} in {} and {} more files", sources.name(*one), rest.len()),
    }
}
