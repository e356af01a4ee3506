//! Which content types are worth the work.

use http::HeaderValue;

use crate::config::model::TypePattern;

/// Patterns of content types.
#[derive(Clone, Debug)]
pub(super) struct Types(Box<[TypePattern]>);

/// `text/event-stream`, the one type whose reader waits for every line.
pub(super) const EVENT_STREAM: &str = "text/event-stream";

impl Types {
    pub(super) fn compile(patterns: &[TypePattern]) -> Self {
        Self(patterns.into())
    }

    /// Whether one of the patterns takes the type. Its parameters do not count.
    ///
    /// gRPC compresses its messages one by one and frames them, so it is never taken; a stream of events only where a pattern names it.
    pub(super) fn take(&self, of: &HeaderValue) -> bool {
        let Some(bare) = bare(of) else { return false };
        if starts_with(bare, "application/grpc") {
            return false;
        }
        let events = bare.eq_ignore_ascii_case(EVENT_STREAM);
        self.0.iter().any(|pattern| match pattern {
            TypePattern::Exact(named) => bare.eq_ignore_ascii_case(named),
            TypePattern::Family(family) => !events && starts_with(bare, family),
            TypePattern::Suffix(suffix) => ends_with(bare, suffix),
        })
    }
}

/// Whether it is a stream of events.
pub(super) fn is_event_stream(of: Option<&HeaderValue>) -> bool {
    of.and_then(bare).is_some_and(|bare| bare.eq_ignore_ascii_case(EVENT_STREAM))
}

/// The type without its parameters.
fn bare(of: &HeaderValue) -> Option<&str> {
    of.to_str().ok()?.split(';').next().map(str::trim)
}

fn starts_with(text: &str, start: &str) -> bool {
    text.get(..start.len()).is_some_and(|head| head.eq_ignore_ascii_case(start))
}

fn ends_with(text: &str, end: &str) -> bool {
    text.len().checked_sub(end.len()).and_then(|at| text.get(at..)).is_some_and(|tail| tail.eq_ignore_ascii_case(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_take_types() {
        let types = |patterns: &[&str]| {
            Types::compile(
                &patterns.iter().map(|text| TypePattern::parse(text).expect("a pattern")).collect::<Vec<_>>(),
            )
        };
        for (patterns, of, want) in [
            (&["text/html"][..], "text/html", true),
            (&["text/html"], "Text/HTML; charset=utf-8", true),
            (&["text/html"], "text/htmlx", false),
            (&["text/*"], "text/css", true),
            (&["text/*"], "text/event-stream", false),
            (&["text/event-stream"], "text/event-stream;charset=utf-8", true),
            (&["*/*"], "image/png", true),
            (&["*/*"], "application/grpc", false),
            (&["*/*"], "application/grpc+proto", false),
            (&["*+json"], "application/problem+json; charset=utf-8", true),
            (&["*+json"], "application/json", false),
            (&["image/svg+xml"], "image/png", false),
            (&[], "text/html", false),
            (&["text/*"], "", false),
        ] {
            assert_eq!(types(patterns).take(&HeaderValue::from_static(of)), want, "{patterns:?} {of}");
        }
        assert!(!types(&["*/*"]).take(&HeaderValue::from_bytes(b"text/\xff").expect("a value")));
    }
}
