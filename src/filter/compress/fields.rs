//! What compression changes in the fields of messages: `Vary`, `ETag`, and what described the octets before.

use http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, ETAG, IF_NONE_MATCH, VARY,
};
use http::{HeaderName, HeaderValue};

use crate::http::Headers;
use crate::http::dictionary::AVAILABLE_DICTIONARY;

/// Fields that speak of the octets as they were (RFC 9530, RFC 3230, RFC 1864) or of parts of them.
const OF_THE_OCTETS: [HeaderName; 5] = [
    HeaderName::from_static("content-digest"),
    HeaderName::from_static("repr-digest"),
    HeaderName::from_static("digest"),
    HeaderName::from_static("content-md5"),
    ACCEPT_RANGES,
];

/// The fields of a response whose content has another coding now; none is the identity.
pub(in crate::filter) fn recode(headers: &mut Headers, coding: Option<&'static str>) {
    match coding {
        Some(coding) => headers.set(CONTENT_ENCODING, HeaderValue::from_static(coding)),
        None => drop(headers.remove(&CONTENT_ENCODING)),
    }
    if headers.contains(&CONTENT_LENGTH) {
        headers.remove(&CONTENT_LENGTH);
    }
    for name in &OF_THE_OCTETS {
        if headers.contains(name) {
            headers.remove(name);
        }
    }
    weaken(headers);
}

/// Another client may be sent another coding (RFC 9110 §12.5.5).
pub(in crate::filter) fn vary(headers: &mut Headers) {
    if !varies_by(headers, &ACCEPT_ENCODING) {
        headers.append(VARY, HeaderValue::from_static("accept-encoding"));
    }
}

/// The same, and one with another dictionary may be sent other octets (RFC 9842 §6.2).
pub(super) fn vary_by_dictionary(headers: &mut Headers) {
    match (varies_by(headers, &ACCEPT_ENCODING), varies_by(headers, &AVAILABLE_DICTIONARY)) {
        (_, true) => vary(headers),
        (false, false) => headers.append(VARY, HeaderValue::from_static("accept-encoding, available-dictionary")),
        (true, false) => headers.append(VARY, HeaderValue::from_static("available-dictionary")),
    }
}

fn varies_by(headers: &Headers, name: &HeaderName) -> bool {
    headers.all(&VARY).any(|value| {
        let names = value.to_str().unwrap_or("").split(',').map(str::trim);
        names.into_iter().any(|said| said == "*" || said.eq_ignore_ascii_case(name.as_str()))
    })
}

/// A strong tag promises the same octets, which another coding breaks; a weak one promises the same meaning (RFC 9110 §8.8.1).
pub(in crate::filter) fn weaken(headers: &mut Headers) {
    let Some(tag) = headers.first(&ETAG) else { return };
    if tag.as_bytes().first() == Some(&b'"')
        && let Ok(weak) = HeaderValue::from_bytes(&[b"W/", tag.as_bytes()].concat())
    {
        headers.set(ETAG, weak);
    }
}

/// A tag that we made weak comes back weak. Some upstreams compare tags octet by octet, so that they are asked with both forms.
pub(super) fn name_both_forms(headers: &mut Headers) {
    let Some(asked) = headers.first(&IF_NONE_MATCH).filter(|asked| holds(asked, b"W/\"")) else { return };
    if headers.all(&IF_NONE_MATCH).count() > 1 {
        return;
    }
    let mut both = asked.as_bytes().to_vec();
    for tag in weak_tags(asked.as_bytes()) {
        if memchr::memmem::find_iter(asked.as_bytes(), tag).count() == 1 {
            both.extend_from_slice(b", ");
            both.extend_from_slice(tag);
        }
    }
    if both.len() <= MAX_TAGS
        && let Ok(both) = HeaderValue::from_bytes(&both)
    {
        headers.set(IF_NONE_MATCH, both);
    }
}

/// A list of tags longer than this stays as it is.
const MAX_TAGS: usize = 1024;

/// Whether this tag of a 304 is one that the client has in its weak form only: then it is told that form again.
pub(super) fn known_weak(asked: Option<&HeaderValue>, headers: &Headers) -> bool {
    let (Some(asked), Some(tag)) = (asked, headers.first(&ETAG)) else { return false };
    let strong = tag.as_bytes();
    strong.first() == Some(&b'"')
        && weak_tags(asked.as_bytes()).any(|tag| tag == strong)
        && memchr::memmem::find_iter(asked.as_bytes(), strong).count() == 1
}

/// The weak tags of a list, without their `W/`.
fn weak_tags(list: &[u8]) -> impl Iterator<Item = &[u8]> {
    memchr::memmem::find_iter(list, b"W/\"").filter_map(|at| {
        let rest = &list[at + 2..];
        let end = memchr::memchr(b'"', &rest[1..])?;
        Some(&rest[..end + 2])
    })
}

fn holds(value: &HeaderValue, part: &[u8]) -> bool {
    memchr::memmem::find(value.as_bytes(), part).is_some()
}

/// Whether a message asks to be left as it is (RFC 9111 §5.2.2.6).
pub(super) fn is_fixed(headers: &Headers) -> bool {
    headers.all(&CACHE_CONTROL).any(|value| {
        let directives = value.to_str().unwrap_or("").split(',').map(str::trim);
        directives.into_iter().any(|directive| directive.eq_ignore_ascii_case("no-transform"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(HeaderName, &'static str)]) -> Headers {
        fields.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn vary_is_added_once() {
        for (before, after) in [
            (vec![], vec!["accept-encoding"]),
            (vec!["origin"], vec!["origin", "accept-encoding"]),
            (vec!["origin, Accept-Encoding"], vec!["origin, Accept-Encoding"]),
            (vec!["origin", "accept-encoding"], vec!["origin", "accept-encoding"]),
            (vec!["*"], vec!["*"]),
        ] {
            let mut fields: Headers = before.iter().map(|value| (VARY, HeaderValue::from_static(value))).collect();
            vary(&mut fields);
            let seen: Vec<_> = fields.all(&VARY).filter_map(|value| value.to_str().ok()).collect();
            assert_eq!(seen, after);
        }
    }

    #[test]
    fn with_a_dictionary_both_count() {
        let both = "accept-encoding, available-dictionary";
        for (before, after) in [
            (vec![], vec![both]),
            (vec!["Accept-Encoding"], vec!["Accept-Encoding", "available-dictionary"]),
            (vec![both], vec![both]),
            (vec!["Available-Dictionary"], vec!["Available-Dictionary", "accept-encoding"]),
            (vec!["*"], vec!["*"]),
        ] {
            let mut fields: Headers = before.iter().map(|value| (VARY, HeaderValue::from_static(value))).collect();
            vary_by_dictionary(&mut fields);
            let seen: Vec<_> = fields.all(&VARY).filter_map(|value| value.to_str().ok()).collect();
            assert_eq!(seen, after);
        }
    }

    #[test]
    fn another_coding_is_another_content() {
        let mut fields = headers(&[
            (CONTENT_LENGTH, "7"),
            (ETAG, "\"a\""),
            (ACCEPT_RANGES, "bytes"),
            (OF_THE_OCTETS[0].clone(), "sha-256=:x:"),
        ]);
        recode(&mut fields, Some("br"));
        assert_eq!(
            (fields.len(), fields.text(&CONTENT_ENCODING), fields.text(&ETAG)),
            (2, Some("br"), Some("W/\"a\""))
        );
        recode(&mut fields, None);
        assert_eq!((fields.len(), fields.text(&ETAG)), (1, Some("W/\"a\"")));
    }

    #[test]
    fn tags_that_come_back_are_asked_for_in_both_forms() {
        for (asked, sent) in [
            ("\"a\"", "\"a\""),
            ("W/\"a\"", "W/\"a\", \"a\""),
            ("W/\"a\", W/\"b\"", "W/\"a\", W/\"b\", \"a\", \"b\""),
            ("W/\"a\", \"a\"", "W/\"a\", \"a\""),
            ("W/\"a", "W/\"a"),
            ("*", "*"),
        ] {
            let mut fields = headers(&[(IF_NONE_MATCH, asked)]);
            name_both_forms(&mut fields);
            assert_eq!(fields.text(&IF_NONE_MATCH), Some(sent), "{asked}");
        }
    }

    #[test]
    fn a_304_says_the_tag_that_the_client_has() {
        for (asked, tag, want) in [
            (Some("W/\"a\""), "\"a\"", true),
            (Some("W/\"b\", W/\"a\""), "\"a\"", true),
            (Some("\"a\""), "\"a\"", false),
            (Some("W/\"a\", \"a\""), "\"a\"", false),
            (Some("W/\"a\""), "W/\"a\"", false),
            (Some("W/\"b\""), "\"a\"", false),
            (None, "\"a\"", false),
        ] {
            let asked = asked.map(HeaderValue::from_static);
            assert_eq!(known_weak(asked.as_ref(), &headers(&[(ETAG, tag)])), want, "{asked:?} {tag}");
        }
    }
}
