//! Parts of a response: what of a 206 is stored, and what it may be put together with (§3.3, §3.4; RFC 9110 §15.3.7.3).

use http::header::{CONTENT_LENGTH, CONTENT_RANGE, ETAG, IF_RANGE};
use http::{HeaderName, HeaderValue, Method, StatusCode};

use crate::http::Headers;
use crate::http::range::{self, Span};

use super::{NotStored, Options, RequestView, ResponseView, Storable, Times, may_store, update};

/// A part of a response that may be stored.
#[derive(Clone, Debug)]
pub struct Part {
    /// What the whole would be stored with.
    pub storable: Storable,
    /// Which octets of the whole its body has.
    pub span: Span,
    /// Octets of the whole.
    pub total: u64,
}

/// Whether a 206 may be stored for its request. `completes`: we asked for it, with a range and a condition of our own.
///
/// A 206 to a client's own `If-Range` is not stored: it leaves fields out that the client has already (RFC 9110 §15.3.7).
///
/// # Errors
/// The reason why not.
pub fn may_store_part(
    asked: &RequestView<'_>,
    response: &ResponseView<'_>,
    options: &Options,
    times: Times,
    completes: bool,
) -> Result<Part, NotStored> {
    let own_condition = !completes && asked.headers.contains(&IF_RANGE);
    if response.status != StatusCode::PARTIAL_CONTENT || asked.method != Method::GET || own_condition {
        return Err(NotStored::Partial);
    }
    let (span, total) = span(response.headers).ok_or(NotStored::Partial)?;
    if span.octets() > options.max_object {
        return Err(NotStored::TooLarge);
    }
    let of_the_part = |name: &HeaderName| *name == CONTENT_RANGE || *name == CONTENT_LENGTH;
    let kept = response.headers.iter().filter(|(name, _)| !of_the_part(name));
    let headers: Headers = kept.map(|(name, value)| (name.clone(), value.clone())).collect();
    let storable = may_store(asked, &ResponseView { status: StatusCode::OK, headers: &headers }, options, times)?;
    Ok(Part { storable, span, total })
}

/// The octets that a 206 has, and how many the whole has. Where its body is shorter than its range says, it has those that came (an
/// incomplete response, §3.3); where it is longer, nobody knows which.
fn span(headers: &Headers) -> Option<(Span, u64)> {
    let mut ranges = headers.all(&CONTENT_RANGE);
    let (span, total) = ranges.next().filter(|_| ranges.next().is_none()).and_then(range::parse_content_range)?;
    let length = match headers.text(&CONTENT_LENGTH) {
        Some(length) => length.parse::<u64>().ok()?,
        None => span.octets(),
    };
    let last = span.first.checked_add(length.checked_sub(1)?)?;
    (last <= span.last).then_some((Span { first: span.first, last }, total))
}

/// The validator by which parts of a response may be put together: a strong entity tag. A date could be that of two responses.
pub fn strong_validator(headers: &Headers) -> Option<&HeaderValue> {
    let mut tags = headers.all(&ETAG);
    let tag = tags.next().filter(|_| tags.next().is_none())?;
    let opaque = tag.as_bytes().strip_prefix(b"\"")?.strip_suffix(b"\"")?;
    (!opaque.contains(&b'"')).then_some(tag)
}

/// Whether two responses are of one representation, so that their octets may be put together (§3.4).
pub fn is_same(one: &Headers, other: &Headers) -> bool {
    let (one, other) = (strong_validator(one), strong_validator(other));
    one.is_some() && one == other
}

/// The fields of both together: the newer ones count (§3.4).
pub fn combined(stored: &Headers, new: &Headers) -> Headers {
    update::updated(stored, new)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::policy::tests::{Ask, headers};

    const FRESH: (&str, &str) = ("cache-control", "max-age=60");

    fn stored(
        asked: &[(&'static str, &'static str)],
        fields: &[(&'static str, &'static str)],
    ) -> Result<(u64, u64, u64), NotStored> {
        let ask = Ask::new(Method::GET, "/", headers(asked));
        let response = headers(fields);
        let view = ResponseView { status: StatusCode::PARTIAL_CONTENT, headers: &response };
        let options = Options { max_object: 100, ..Options::default() };
        may_store_part(&ask.view(), &view, &options, Times::at(0), false)
            .map(|part| (part.span.first, part.span.last, part.total))
    }

    #[test]
    fn what_a_206_says_that_it_has() {
        let part = |range, length| {
            stored(&[("range", "bytes=4-")], &[FRESH, ("content-range", range), ("content-length", length)])
        };
        for (range, length, want) in [
            ("bytes 4-9/10", "6", Ok((4, 9, 10))),
            ("bytes 4-9/1000", "6", Ok((4, 9, 1000))),
            ("Bytes 4-9/10", "6", Ok((4, 9, 10))),
            // It broke off, and nobody noticed: what came is what it has.
            ("bytes 4-9/10", "5", Ok((4, 8, 10))),
            ("bytes 4-9/10", "7", Err(NotStored::Partial)),
            ("bytes 4-9/10", "0", Err(NotStored::Partial)),
            ("bytes 4-9/10", "six", Err(NotStored::Partial)),
            ("bytes 4-9/*", "6", Err(NotStored::Partial)),
            ("bytes */10", "6", Err(NotStored::Partial)),
            ("bytes 9-4/10", "6", Err(NotStored::Partial)),
            ("bytes 4-10/10", "7", Err(NotStored::Partial)),
            ("lines 4-9/10", "6", Err(NotStored::Partial)),
            ("bytes 4-9", "6", Err(NotStored::Partial)),
            ("bytes 4-9/99999999999999999999999", "6", Err(NotStored::Partial)),
            ("bytes 4-104/1000", "101", Err(NotStored::TooLarge)),
        ] {
            assert_eq!(part(range, length), want, "{range} with {length}");
        }
        assert_eq!(stored(&[], &[FRESH, ("content-range", "bytes 0-1/2")]), Ok((0, 1, 2)), "of chunks");
        assert_eq!(stored(&[], &[FRESH]), Err(NotStored::Partial), "of several parts");
    }

    #[test]
    fn what_holds_for_the_whole_holds_for_a_part() {
        let part =
            |asked: &[(&'static str, &'static str)], field| stored(asked, &[field, ("content-range", "bytes 4-9/10")]);
        let range = ("range", "bytes=4-");
        for (asked, field, want) in [
            (&[range][..], FRESH, Ok((4, 9, 10))),
            (&[range], ("etag", "\"a\""), Ok((4, 9, 10))),
            (&[range], ("x", "y"), Err(NotStored::NoFreshness)),
            (&[range], ("cache-control", "no-store"), Err(NotStored::NoStore)),
            (&[range], ("cache-control", "private, max-age=60"), Err(NotStored::Private)),
            (&[range], ("vary", "*"), Err(NotStored::Vary)),
            (&[range, ("authorization", "x")], FRESH, Err(NotStored::Authorization)),
            (&[range, ("if-range", "\"a\"")], FRESH, Err(NotStored::Partial)),
        ] {
            assert_eq!(part(asked, field), want, "{asked:?} {field:?}");
        }
    }

    #[test]
    fn only_a_strong_validator_holds_parts_together() {
        for (one, other, same) in [
            ("\"a\"", "\"a\"", true),
            ("\"a\"", "\"b\"", false),
            ("W/\"a\"", "W/\"a\"", false),
            ("\"a\"", "W/\"a\"", false),
            ("a", "a", false),
            ("\"", "\"", false),
        ] {
            assert_eq!(is_same(&headers(&[("etag", one)]), &headers(&[("etag", other)])), same, "{one} {other}");
        }
        let dated = headers(&[("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT")]);
        assert!(!is_same(&dated, &dated));
        assert!(!is_same(&headers(&[]), &headers(&[])));
    }

    #[test]
    fn the_newer_fields_count_and_the_others_stay() {
        let stored = headers(&[("a", "1"), ("b", "1"), ("content-type", "text/plain")]);
        let found = combined(&stored, &headers(&[("a", "2")]));
        let told: Vec<_> = found.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
        assert_eq!(told, [("b", "1"), ("content-type", "text/plain"), ("a", "2")]);
    }
}
