//! Range requests (RFC 9110 §14): which octets of a representation are asked for.
//!
//! A `Range` that is malformed, of another unit, or asks for more than the whole is ignored: then the whole is sent, which costs no
//! more than a request without it.

use bytes::Bytes;
use http::header::RANGE;
use http::{HeaderValue, Method};

use super::Headers;
use super::conditional::{self, Validators};

/// Parts that one answer may have.
const MAX_PARTS: usize = 32;

/// Octets of a representation; never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// The first octet, from 0.
    pub first: u64,
    /// The last octet, included.
    pub last: u64,
}

impl Span {
    /// How many octets that is.
    pub const fn octets(self) -> u64 {
        self.last - self.first + 1
    }

    /// `Content-Range` of this part of so many octets.
    pub fn content_range(self, length: u64) -> HeaderValue {
        visible(format!("bytes {}-{}/{length}", self.first, self.last))
    }
}

/// The part and the length of the whole that a `Content-Range` names; `None` where it names none, or one that cannot be (§14.4).
pub fn parse_content_range(value: &HeaderValue) -> Option<(Span, u64)> {
    let (unit, rest) = value.to_str().ok()?.trim().split_once(' ')?;
    let (span, total) = rest.trim_start().split_once('/')?;
    let (first, last) = span.split_once('-')?;
    let number =
        |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten();
    let (span, total) = (Span { first: number(first)?, last: number(last)? }, number(total)?);
    (unit.eq_ignore_ascii_case("bytes") && span.first <= span.last && span.last < total).then_some((span, total))
}

/// `Range` for these octets of a representation of so many.
pub fn ask(span: Span, length: u64) -> HeaderValue {
    let Span { first, last } = span;
    visible(if last + 1 == length { format!("bytes={first}-") } else { format!("bytes={first}-{last}") })
}

/// `Content-Range` of 416.
pub fn unsatisfied(length: u64) -> HeaderValue {
    visible(format!("bytes */{length}"))
}

fn visible(text: String) -> HeaderValue {
    HeaderValue::from_maybe_shared(Bytes::from(text)).expect("digits and words are visible")
}

/// What to send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Selection {
    /// 200 with everything.
    Whole,
    /// 206 with one part.
    One(Span),
    /// 206 with `multipart/byteranges`, in the order asked for.
    Several(Vec<Span>),
    /// 416
    Unsatisfiable,
}

/// What the request selects of a representation of `length` octets.
pub fn select(method: &Method, headers: &Headers, validators: Validators<'_>, length: u64) -> Selection {
    let mut ranges = headers.all(&RANGE);
    let Some(range) = ranges.next() else { return Selection::Whole };
    if ranges.next().is_some() || method != Method::GET || !conditional::range_counts(headers, validators) {
        return Selection::Whole;
    }
    drop(ranges);
    range.to_str().ok().and_then(|range| parse(range, length)).unwrap_or(Selection::Whole)
}

/// `None` where the field is to be ignored.
fn parse(range: &str, length: u64) -> Option<Selection> {
    let (unit, set) = range.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let mut spans = Vec::new();
    let mut specs = 0;
    for spec in set.split(',').map(str::trim).filter(|spec| !spec.is_empty()) {
        specs += 1;
        if specs > MAX_PARTS {
            return None;
        }
        spans.extend(span(spec, length)?);
    }
    match *spans.as_slice() {
        // An empty representation has no octet that a suffix could name, and nothing to be unsatisfied about.
        [] if specs == 0 || length == 0 && set.trim_start().starts_with('-') => None,
        [] => Some(Selection::Unsatisfiable),
        [only] => Some(Selection::One(only)),
        [..] => {
            let asked = spans.iter().fold(0_u64, |sum, span| sum.saturating_add(span.octets()));
            (asked <= length).then_some(Selection::Several(spans))
        }
    }
}

/// One spec; the inner `None` is one that cannot be satisfied, the outer one is malformed.
fn span(spec: &str, length: u64) -> Option<Option<Span>> {
    let (first, last) = spec.split_once('-')?;
    let (first, last) = (first.trim(), last.trim());
    let end = length.checked_sub(1);
    if first.is_empty() {
        let suffix = number(last)?;
        return Some(end.filter(|_| suffix > 0).map(|end| Span { first: length.saturating_sub(suffix), last: end }));
    }
    let first = number(first)?;
    let last = if last.is_empty() { u64::MAX } else { number(last)? };
    if last < first {
        return None;
    }
    Some(end.filter(|end| first <= *end).map(|end| Span { first, last: last.min(end) }))
}

/// A number of any size; what is larger than any file stays larger than any file.
fn number(digits: &str) -> Option<u64> {
    let valid = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    valid.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::header::IF_RANGE;

    fn selected(range: &'static str, length: u64) -> Selection {
        let headers = [(RANGE, HeaderValue::from_static(range))].into_iter().collect();
        select(&Method::GET, &headers, Validators::default(), length)
    }

    fn one(first: u64, last: u64) -> Selection {
        Selection::One(Span { first, last })
    }

    #[test]
    fn ranges() {
        use Selection::{Unsatisfiable, Whole};
        let several = |spans: &[(u64, u64)]| {
            Selection::Several(spans.iter().map(|&(first, last)| Span { first, last }).collect())
        };
        for (range, length, want) in [
            ("bytes=0-0", 10, one(0, 0)),
            ("bytes=0-9", 10, one(0, 9)),
            ("bytes=0-", 10, one(0, 9)),
            ("bytes=9-", 10, one(9, 9)),
            ("bytes=5-100", 10, one(5, 9)),
            ("BYTES=5-6", 10, one(5, 6)),
            ("bytes= 5-6 ", 10, one(5, 6)),
            ("bytes=-1", 10, one(9, 9)),
            ("bytes=-10", 10, one(0, 9)),
            ("bytes=-11", 10, one(0, 9)),
            ("bytes=0-99999999999999999999999", 10, one(0, 9)),
            ("bytes=-99999999999999999999999", 10, one(0, 9)),
            ("bytes=0-0,-1", 10, several(&[(0, 0), (9, 9)])),
            ("bytes=5-6 , ,1-2", 10, several(&[(5, 6), (1, 2)])),
            ("bytes=0-0,10-", 10, one(0, 0)),
            ("bytes=10-", 10, Unsatisfiable),
            ("bytes=10-20,30-", 10, Unsatisfiable),
            ("bytes=-0", 10, Unsatisfiable),
            ("bytes=99999999999999999999999-", 10, Unsatisfiable),
            ("bytes=0-", 0, Unsatisfiable),
            ("bytes=-5", 0, Whole),
            ("bytes=0-9,0-9", 10, Whole),
            ("bytes=0-,0-,0-,0-", 10, Whole),
            ("bytes=6-5", 10, Whole),
            ("bytes=0-1,6-5", 10, Whole),
            ("bytes=", 10, Whole),
            ("bytes=,", 10, Whole),
            ("bytes=-", 10, Whole),
            ("bytes=a-b", 10, Whole),
            ("bytes=+1-2", 10, Whole),
            ("bytes=1-2-3", 10, Whole),
            ("bytes 0-1", 10, Whole),
            ("lines=0-1", 10, Whole),
        ] {
            assert_eq!(selected(range, length), want, "{range} of {length}");
        }
    }

    #[test]
    fn parts_are_counted() {
        let many = |count: u64| {
            format!("bytes={}", (0..count).map(|at| format!("{0}-{0}", at * 2)).collect::<Vec<_>>().join(","))
        };
        assert!(matches!(parse(&many(32), 1000), Some(Selection::Several(spans)) if spans.len() == 32));
        assert_eq!(parse(&many(33), 1000), None);
    }

    #[test]
    fn only_get_and_only_the_same_representation() {
        let range = (RANGE, HeaderValue::from_static("bytes=1-2"));
        let etag = HeaderValue::from_static("\"a\"");
        let validators = Validators { etag: Some(&etag), ..Validators::default() };
        let asked = |fields: Vec<_>, method: Method| select(&method, &fields.into_iter().collect(), validators, 10);
        assert_eq!(asked(vec![range.clone()], Method::GET), one(1, 2));
        assert_eq!(asked(vec![range.clone()], Method::HEAD), Selection::Whole);
        assert_eq!(asked(vec![range.clone(), range.clone()], Method::GET), Selection::Whole);
        assert_eq!(asked(vec![range.clone(), (IF_RANGE, etag.clone())], Method::GET), one(1, 2));
        assert_eq!(asked(vec![range, (IF_RANGE, HeaderValue::from_static("\"b\""))], Method::GET), Selection::Whole);
    }

    #[test]
    fn what_is_asked_for_and_what_comes() {
        let span = Span { first: 4, last: 9 };
        assert_eq!(
            (ask(span, 10), ask(span, 11)),
            (HeaderValue::from_static("bytes=4-"), HeaderValue::from_static("bytes=4-9"))
        );
        let read = |text: &'static str| parse_content_range(&HeaderValue::from_static(text));
        assert_eq!(read("bytes 4-9/10"), Some((span, 10)));
        for text in [
            "",
            "bytes",
            "bytes 4-9",
            "bytes 4-9/*",
            "bytes */10",
            "bytes 4-/10",
            "bytes +4-9/10",
            "bytes 4-10/10",
            "x 4-9/10",
        ] {
            assert_eq!(read(text), None, "{text}");
        }
    }

    #[test]
    fn content_range() {
        assert_eq!(Span { first: 1, last: 2 }.content_range(10), "bytes 1-2/10");
        assert_eq!(Span { first: 1, last: 2 }.octets(), 2);
        assert_eq!(unsatisfied(10), "bytes */10");
    }
}
