//! Conditional requests (RFC 9110 §13): which preconditions hold for a representation, in the order of §13.2.2.

use http::header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE};
use http::{HeaderName, HeaderValue, Method};

use super::{Headers, date};

/// What identifies the present state of a representation.
#[derive(Clone, Copy, Debug, Default)]
pub struct Validators<'a> {
    /// `ETag` with its quotes, and `W/` where it is weak.
    pub etag: Option<&'a HeaderValue>,
    /// `Last-Modified` in seconds since 1970.
    pub modified: Option<u64>,
    /// When it was made or came, for `If-Modified-Since` alone where it is not known when it was modified (RFC 9111 §4.3.2).
    pub dated: Option<u64>,
    /// Now, in seconds since 1970; a change in the present second may come after the answer (§8.8.2.2).
    pub now: u64,
}

/// What the preconditions come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// All hold, or there is none.
    Proceed,
    /// 304
    NotModified,
    /// 412
    Failed,
}

impl Verdict {
    /// The word for it in metrics, logs and docs.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Proceed => "proceed",
            Self::NotModified => "not_modified",
            Self::Failed => "precondition_failed",
        }
    }
}

/// Evaluates the preconditions against a representation that exists.
pub fn evaluate(method: &Method, headers: &Headers, validators: Validators<'_>) -> Verdict {
    if headers.contains(&IF_MATCH) {
        if !any_tag(headers, &IF_MATCH, validators.etag, strong) {
            return Verdict::Failed;
        }
    } else if let (Some(limit), Some(modified)) = (single_date(headers, &IF_UNMODIFIED_SINCE), validators.modified)
        && modified > limit
    {
        return Verdict::Failed;
    }
    let reads = method == Method::GET || method == Method::HEAD;
    if headers.contains(&IF_NONE_MATCH) {
        return match any_tag(headers, &IF_NONE_MATCH, validators.etag, weak) {
            true if reads => Verdict::NotModified,
            true => Verdict::Failed,
            false => Verdict::Proceed,
        };
    }
    match (single_date(headers, &IF_MODIFIED_SINCE), validators.modified.or(validators.dated)) {
        (Some(since), Some(modified)) if reads && modified <= since => Verdict::NotModified,
        _ => Verdict::Proceed,
    }
}

/// Whether `If-Range` lets a `Range` count (§13.1.5): there is none, or it names this very representation.
pub fn range_counts(headers: &Headers, validators: Validators<'_>) -> bool {
    let mut conditions = headers.all(&IF_RANGE);
    let Some(condition) = conditions.next() else { return true };
    if conditions.next().is_some() {
        return false;
    }
    let text = condition.as_bytes().trim_ascii();
    if text.first() == Some(&b'"') {
        return validators.etag.is_some_and(|etag| strong(etag.as_bytes(), text));
    }
    let modified = validators.modified.filter(|modified| *modified < validators.now);
    modified.is_some() && date::parse(condition) == modified
}

/// A date that occurs once; anything else is ignored.
fn single_date(headers: &Headers, name: &HeaderName) -> Option<u64> {
    let mut dates = headers.all(name);
    dates.next().filter(|_| dates.next().is_none()).and_then(date::parse)
}

type Compare = fn(&[u8], &[u8]) -> bool;

/// Whether `*` or a tag of the list stands for the representation. What is no tag ends the list.
fn any_tag(headers: &Headers, name: &HeaderName, etag: Option<&HeaderValue>, compare: Compare) -> bool {
    headers.all(name).any(|list| {
        let list = list.as_bytes().trim_ascii();
        list == b"*" || etag.is_some_and(|etag| Tags(list).any(|tag| compare(etag.as_bytes(), tag)))
    })
}

/// §8.8.3.2: equal, and neither is weak.
fn strong(one: &[u8], other: &[u8]) -> bool {
    one == other && !one.starts_with(b"W/")
}

/// §8.8.3.2: equal but for `W/`.
fn weak(one: &[u8], other: &[u8]) -> bool {
    one.strip_prefix(b"W/").unwrap_or(one) == other.strip_prefix(b"W/").unwrap_or(other)
}

/// The entity tags of a list; a tag may hold commas.
struct Tags<'a>(&'a [u8]);

impl<'a> Iterator for Tags<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let start = self.0.iter().position(|byte| !matches!(byte, b',' | b' ' | b'\t'))?;
        let list = &self.0[start..];
        let open = if list.starts_with(b"W/") { 2 } else { 0 };
        let quoted = list.get(open..)?.strip_prefix(b"\"")?;
        let end = open + 1 + memchr::memchr(b'"', quoted)? + 1;
        self.0 = &list[end..];
        Some(&list[..end])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODIFIED: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
    const AFTER: &str = "Sun, 06 Nov 1994 08:49:38 GMT";

    fn headers(fields: &[(HeaderName, &str)]) -> Headers {
        fields.iter().map(|(name, value)| (name.clone(), HeaderValue::from_str(value).expect("a value"))).collect()
    }

    fn verdict(method: Method, etag: Option<&str>, fields: &[(HeaderName, &str)]) -> Verdict {
        let etag = etag.map(|etag| HeaderValue::from_str(etag).expect("a value"));
        let validators = Validators { etag: etag.as_ref(), modified: Some(784_111_777), dated: None, now: 800_000_000 };
        evaluate(&method, &headers(fields), validators)
    }

    #[test]
    fn preconditions_in_their_order() {
        use Verdict::{Failed, NotModified, Proceed};
        let (get, put) = (Method::GET, Method::PUT);
        for (method, fields, want) in [
            (&get, vec![], Proceed),
            (&get, vec![(IF_MATCH, "\"a\"")], Proceed),
            (&get, vec![(IF_MATCH, "*")], Proceed),
            (&get, vec![(IF_MATCH, "\"b\", \"a\"")], Proceed),
            (&get, vec![(IF_MATCH, "\"b\""), (IF_MATCH, "\"a\"")], Proceed),
            (&get, vec![(IF_MATCH, "\"b\"")], Failed),
            (&get, vec![(IF_MATCH, "W/\"a\"")], Failed),
            (&get, vec![(IF_MATCH, "a")], Failed),
            (&get, vec![(IF_MATCH, "\"b,\"a\"")], Failed),
            (&get, vec![(IF_MATCH, "\"a\""), (IF_UNMODIFIED_SINCE, BEFORE)], Proceed),
            (&get, vec![(IF_UNMODIFIED_SINCE, BEFORE)], Failed),
            (&get, vec![(IF_UNMODIFIED_SINCE, MODIFIED)], Proceed),
            (&get, vec![(IF_UNMODIFIED_SINCE, "yesterday")], Proceed),
            (&get, vec![(IF_NONE_MATCH, "\"a\"")], NotModified),
            (&get, vec![(IF_NONE_MATCH, "W/\"a\"")], NotModified),
            (&get, vec![(IF_NONE_MATCH, "*")], NotModified),
            (&get, vec![(IF_NONE_MATCH, "\"x,y\", ,\"a\"")], NotModified),
            (&get, vec![(IF_NONE_MATCH, "\"b\"")], Proceed),
            (&get, vec![(IF_NONE_MATCH, "\"b\""), (IF_MODIFIED_SINCE, AFTER)], Proceed),
            (&get, vec![(IF_MODIFIED_SINCE, MODIFIED)], NotModified),
            (&get, vec![(IF_MODIFIED_SINCE, AFTER)], NotModified),
            (&get, vec![(IF_MODIFIED_SINCE, BEFORE)], Proceed),
            (&get, vec![(IF_MODIFIED_SINCE, "never")], Proceed),
            (&get, vec![(IF_MODIFIED_SINCE, AFTER), (IF_MODIFIED_SINCE, AFTER)], Proceed),
            (&put, vec![(IF_MODIFIED_SINCE, AFTER)], Proceed),
            (&put, vec![(IF_NONE_MATCH, "*")], Failed),
            (&get, vec![(IF_MATCH, "\"b\""), (IF_NONE_MATCH, "\"a\"")], Failed),
            (&Method::HEAD, vec![(IF_NONE_MATCH, "\"a\"")], NotModified),
        ] {
            assert_eq!(verdict(method.clone(), Some("\"a\""), &fields), want, "{method} {fields:?}");
        }
    }

    #[test]
    fn weak_and_absent_tags() {
        assert_eq!(verdict(Method::GET, Some("W/\"a\""), &[(IF_NONE_MATCH, "\"a\"")]), Verdict::NotModified);
        assert_eq!(verdict(Method::GET, Some("W/\"a\""), &[(IF_MATCH, "W/\"a\"")]), Verdict::Failed);
        assert_eq!(verdict(Method::GET, None, &[(IF_NONE_MATCH, "\"a\"")]), Verdict::Proceed);
        assert_eq!(verdict(Method::GET, None, &[(IF_MATCH, "\"a\"")]), Verdict::Failed);
    }

    /// What is no entity tag (§8.8.3) is equal to nothing, not even to itself; octets beyond ASCII are allowed in one.
    #[test]
    fn tags_that_are_none() {
        for (stored, asked, want) in [
            ("\"abcdef\"", "abcdef", Verdict::Proceed),
            ("abcdef", "abcdef", Verdict::Proceed),
            ("abcdef", "\"abcdef\"", Verdict::Proceed),
            ("w/\"abcdef\"", "w/\"abcdef\"", Verdict::Proceed),
            ("W\\\"abcdef\"", "W\\\"abcdef\"", Verdict::Proceed),
            ("W\"abcdef\"", "W\"abcdef\"", Verdict::Proceed),
            ("\"abcdef\"", "\"abcdef", Verdict::Proceed),
            ("\"abcdef\u{fc}\"", "\"abcdef\u{fc}\"", Verdict::NotModified),
        ] {
            assert_eq!(verdict(Method::GET, Some(stored), &[(IF_NONE_MATCH, asked)]), want, "{stored} {asked}");
        }
    }

    #[test]
    fn if_range() {
        let etag = HeaderValue::from_static("\"a\"");
        let weak = HeaderValue::from_static("W/\"a\"");
        for (etag, now, condition, want) in [
            (&etag, 800_000_000, "\"a\"", true),
            (&etag, 800_000_000, "\"b\"", false),
            (&etag, 800_000_000, "W/\"a\"", false),
            (&weak, 800_000_000, "W/\"a\"", false),
            (&weak, 800_000_000, "\"a\"", false),
            (&etag, 800_000_000, MODIFIED, true),
            (&etag, 784_111_777, MODIFIED, false),
            (&etag, 800_000_000, AFTER, false),
            (&etag, 800_000_000, BEFORE, false),
            (&etag, 800_000_000, "nonsense", false),
        ] {
            let validators = Validators { etag: Some(etag), modified: Some(784_111_777), dated: None, now };
            assert_eq!(
                range_counts(&headers(&[(IF_RANGE, condition)]), validators),
                want,
                "{etag:?} {now} {condition}"
            );
        }
        assert!(range_counts(&Headers::new(), Validators::default()));
        assert!(!range_counts(&headers(&[(IF_RANGE, "nonsense")]), Validators::default()));
    }

    #[test]
    fn when_it_was_made_stands_in_for_if_modified_since_alone() {
        let dated = Validators { etag: None, modified: None, dated: Some(784_111_777), now: 800_000_000 };
        for (name, value, want) in [
            (IF_MODIFIED_SINCE, MODIFIED, Verdict::NotModified),
            (IF_MODIFIED_SINCE, AFTER, Verdict::NotModified),
            (IF_MODIFIED_SINCE, BEFORE, Verdict::Proceed),
            (IF_UNMODIFIED_SINCE, BEFORE, Verdict::Proceed),
        ] {
            assert_eq!(evaluate(&Method::GET, &headers(&[(name.clone(), value)]), dated), want, "{name} {value}");
        }
        assert!(!range_counts(&headers(&[(IF_RANGE, MODIFIED)]), dated));
    }
}
