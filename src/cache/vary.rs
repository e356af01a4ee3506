//! The secondary key: which request fields chose a response, and what they said (RFC 9111 §4.1).
//!
//! Values are compared in a normal form, so that two clients that mean the same share a variant.

use http::header::{ACCEPT_CHARSET, ACCEPT_ENCODING, ACCEPT_LANGUAGE, CONTENT_LANGUAGE, VARY};
use http::{HeaderName, HeaderValue};

use crate::http::Headers;

/// Names that one response may vary by; with more it is not stored.
const MAX_NAMES: usize = 16;
/// Between the values of a secondary key; no field holds it.
const END: u8 = 0;
/// Stands for a field that is not there, which is not the same as an empty one.
const ABSENT: u8 = 1;

/// The request fields that chose a response, sorted, each once.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Names(Box<[HeaderName]>);

impl Names {
    /// From `Vary` of a response; `None` where it matches no second request: `*`, what is no name, or more names than are allowed.
    pub fn of(headers: &Headers) -> Option<Self> {
        let mut names: Vec<HeaderName> = Vec::new();
        for line in headers.all(&VARY) {
            for name in
                line.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii).filter(|name| !name.is_empty())
            {
                if name == b"*" {
                    return None;
                }
                names.push(HeaderName::from_bytes(name).ok()?);
            }
        }
        names.sort_by(|one, other| one.as_str().cmp(other.as_str()));
        names.dedup();
        (names.len() <= MAX_NAMES).then(|| Self(names.into()))
    }

    /// As they were stored.
    pub(super) fn stored(names: Vec<HeaderName>) -> Self {
        Self(names.into())
    }

    /// Whether every request for the address matches.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The names.
    pub fn iter(&self) -> impl Iterator<Item = &HeaderName> {
        self.0.iter()
    }

    /// The same without one name, for a store that keeps the codings of one body together.
    #[must_use]
    pub fn without(&self, name: &HeaderName) -> Self {
        Self(self.0.iter().filter(|listed| *listed != name).cloned().collect())
    }

    /// Appends what a request says in these fields, in normal form: two requests match where the bytes are the same.
    pub fn write(&self, request: &Headers, key: &mut Vec<u8>) {
        for name in &self.0 {
            if !request.contains(name) {
                key.push(ABSENT);
            } else if *name == ACCEPT_LANGUAGE || *name == ACCEPT_ENCODING || *name == ACCEPT_CHARSET {
                preferences(request, name, key);
            } else {
                plain(request, name, key);
            }
            key.push(END);
        }
    }

    /// Whether a stored response matches a request although their secondary keys differ: all but `Accept-Language` is the same, and the
    /// response is in the one language that the client wants most. Only where the route says so.
    pub fn match_by_language(&self, wanted: &[u8], stored: &[u8], request: &Headers, response: &Headers) -> bool {
        let Some(place) = self.0.iter().position(|name| *name == ACCEPT_LANGUAGE) else { return false };
        let parts = |key: &'_ [u8]| key.split(|byte| *byte == END).map(<[u8]>::to_vec).collect::<Vec<_>>();
        let (wanted, stored) = (parts(wanted), parts(stored));
        let same = wanted.len() == stored.len()
            && wanted.iter().zip(&stored).enumerate().all(|(at, (one, other))| at == place || one == other);
        same && speaks_the_best(request, response)
    }
}

/// All lines as one, without the blanks around commas outside of quotes.
fn plain(request: &Headers, name: &HeaderName, key: &mut Vec<u8>) {
    for (at, line) in request.all(name).enumerate() {
        if at > 0 {
            key.push(b',');
        }
        let mut quoted = false;
        for byte in line.as_bytes().trim_ascii() {
            match byte {
                b'"' => quoted = !quoted,
                b',' if !quoted => trim_blanks(key),
                b' ' | b'\t' if !quoted && key.last() == Some(&b',') => continue,
                _ => {}
            }
            key.push(*byte);
        }
    }
}

fn trim_blanks(key: &mut Vec<u8>) {
    while matches!(key.last(), Some(b' ' | b'\t')) {
        key.pop();
    }
}

/// A list of words with weights (RFC 9110 §12.4.2): in lower case, the heaviest first, then by name; order means nothing.
fn preferences(request: &Headers, name: &HeaderName, key: &mut Vec<u8>) {
    for (at, (weight, word)) in weighted(request, name).iter().enumerate() {
        if at > 0 {
            key.push(b',');
        }
        key.extend_from_slice(word);
        if *weight != 1000 {
            key.push(b';');
            key.extend_from_slice(itoa::Buffer::new().format(*weight).as_bytes());
        }
    }
}

fn weighted(request: &Headers, name: &HeaderName) -> Vec<(u16, Vec<u8>)> {
    let words = |line: &HeaderValue| line.as_bytes().split(|byte| *byte == b',').map(weight).collect::<Vec<_>>();
    let mut words: Vec<_> = request.all(name).flat_map(words).filter(|(_, word)| !word.is_empty()).collect();
    words.sort_by(|one, other| other.0.cmp(&one.0).then_with(|| one.1.cmp(&other.1)));
    words.dedup();
    words
}

/// The word in lower case and its weight in thousandths. Parameters other than a valid weight stay with the word.
fn weight(member: &[u8]) -> (u16, Vec<u8>) {
    let mut weight = 1000;
    let mut word = Vec::with_capacity(member.len());
    for (at, part) in member.split(|byte| *byte == b';').map(<[u8]>::trim_ascii).enumerate() {
        let number = (at > 0).then(|| part.strip_prefix(b"q=").or_else(|| part.strip_prefix(b"Q="))).flatten();
        match number.and_then(thousandths) {
            Some(number) => weight = number,
            None => {
                if at > 0 {
                    word.push(b';');
                }
                word.extend(part.iter().map(u8::to_ascii_lowercase));
            }
        }
    }
    (weight, word)
}

/// `0`, `0.5`, `1.000` and so on in thousandths.
fn thousandths(text: &[u8]) -> Option<u16> {
    let (whole, part) = match text.iter().position(|byte| *byte == b'.') {
        Some(dot) => (&text[..dot], &text[dot + 1..]),
        None => (text, &[][..]),
    };
    if part.len() > 3 || !part.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let part = (0..3).fold(0, |sum, at| sum * 10 + u16::from(part.get(at).map_or(0, |digit| digit - b'0')));
    match whole {
        b"0" => Some(part),
        b"1" if part == 0 => Some(1000),
        _ => None,
    }
}

/// Whether the response is in the one language that the client wants more than any other.
fn speaks_the_best(request: &Headers, response: &Headers) -> bool {
    let wanted = weighted(request, &ACCEPT_LANGUAGE);
    let mut spoken = response.all(&CONTENT_LANGUAGE);
    let (Some(spoken), None) = (spoken.next(), spoken.next()) else { return false };
    let best = match wanted.as_slice() {
        [(weight, only)] if *weight > 0 => only,
        [(first, best), (second, _), ..] if first > second => best,
        _ => return false,
    };
    best != b"*" && spoken.as_bytes().trim_ascii().eq_ignore_ascii_case(best)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::policy::tests::headers;

    fn names(vary: &str) -> Option<Names> {
        Names::of(&headers(&[("vary", vary)]))
    }

    fn key(names: &Names, fields: &[(&str, &str)]) -> Vec<u8> {
        let mut key = Vec::new();
        names.write(&headers(fields), &mut key);
        key
    }

    #[test]
    fn names_of_a_response() {
        for vary in ["*", "*, *", ", *", "*, foo", "foo, *", "a b", "foo, (", &["x"; 17].join("1,")] {
            let more = vary.starts_with('x');
            assert_eq!(names(vary).is_none(), !more, "{vary}");
        }
        let many = (0..17).map(|number| format!("n{number}")).collect::<Vec<_>>().join(",");
        assert_eq!(names(&many), None);
        let found = names("Foo, bar ,, FOO").unwrap();
        assert_eq!(found.iter().map(HeaderName::as_str).collect::<Vec<_>>(), ["bar", "foo"]);
        assert_eq!(found.without(&HeaderName::from_static("foo")), names("bar").unwrap());
        assert!(Names::of(&headers(&[])).unwrap().is_empty());
        assert_eq!(Names::of(&headers(&[("vary", ""), ("vary", "*")])), None);
    }

    #[test]
    fn what_is_the_same_and_what_is_not() {
        type Fields<'a> = &'a [(&'a str, &'a str)];
        let cases: &[(&str, Fields<'_>, Fields<'_>, bool)] = &[
            ("foo", &[("foo", "1")], &[("foo", "1"), ("other", "3")], true),
            ("foo", &[("foo", "1")], &[("foo", "2")], false),
            ("foo", &[], &[("foo", "1")], false),
            ("foo", &[], &[("foo", "")], false),
            ("foo", &[], &[], true),
            ("foo, bar", &[("foo", "1"), ("bar", "abc")], &[("bar", "abc"), ("foo", "1")], true),
            ("foo, bar", &[("foo", "1"), ("bar", "abc")], &[("foo", "1")], false),
            ("foo, bar", &[("foo", "a"), ("bar", "")], &[("foo", ""), ("bar", "a")], false),
            ("foo, bar, baz", &[("foo", "1"), ("baz", "7")], &[("baz", "7"), ("foo", "1")], true),
            ("foo", &[("foo", "1, 2")], &[("foo", "1"), ("foo", "2")], true),
            ("foo", &[("foo", "1,2")], &[("foo", " 1 , 2 ")], true),
            ("foo", &[("foo", "\"1,2\"")], &[("foo", "\"1, 2\"")], false),
            ("foo", &[("foo", "1 2")], &[("foo", "12")], false),
            ("foo", &[("foo", "a")], &[("foo", "A")], false),
            ("accept-language", &[("accept-language", "en, de")], &[("accept-language", "de, en")], true),
            ("accept-language", &[("accept-language", "en, de")], &[("accept-language", "eN,  De")], true),
            (
                "accept-language",
                &[("accept-language", "en;q=0.5, de")],
                &[("accept-language", "de;q=1.0,en; Q=0.50")],
                true,
            ),
            ("accept-language", &[("accept-language", "en;q=0.5, de")], &[("accept-language", "en, de;q=0.5")], false),
            (
                "accept-encoding",
                &[("accept-encoding", "gzip, br")],
                &[("accept-encoding", "br"), ("accept-encoding", "GZIP")],
                true,
            ),
            ("accept-encoding", &[("accept-encoding", "gzip;q=0, br")], &[("accept-encoding", "gzip, br")], false),
            ("accept-encoding", &[("accept-encoding", "gzip;x=1")], &[("accept-encoding", "gzip")], false),
            ("accept-encoding", &[("accept-encoding", "")], &[], false),
        ];
        for (vary, one, other, same) in cases {
            let names = names(vary).unwrap();
            assert_eq!(key(&names, one) == key(&names, other), *same, "{vary} {one:?} {other:?}");
        }
    }

    #[test]
    fn by_the_language_of_the_response() {
        let names = names("accept-language, foo").unwrap();
        let stored = key(&names, &[("accept-language", "en, de"), ("foo", "1")]);
        for (accept, foo, content, want) in [
            ("fr;q=0.5, de;q=1.0", "1", "de", true),
            ("de", "1", "DE", true),
            ("de, fr;q=0.1", "2", "de", false),
            ("fr, de;q=0.5", "1", "de", false),
            ("fr, de", "1", "de", false),
            ("de;q=0", "1", "de", false),
            ("*", "1", "*", false),
            ("de", "1", "en", false),
        ] {
            let request = headers(&[("accept-language", accept), ("foo", foo)]);
            let mut wanted = Vec::new();
            names.write(&request, &mut wanted);
            let response = headers(&[("content-language", content)]);
            assert_eq!(
                names.match_by_language(&wanted, &stored, &request, &response),
                want,
                "{accept} {foo} {content}"
            );
        }
    }

    #[test]
    fn weights() {
        for (text, want) in [
            ("0", Some(0)),
            ("1", Some(1000)),
            ("0.", Some(0)),
            ("0.5", Some(500)),
            ("0.005", Some(5)),
            ("1.000", Some(1000)),
            ("1.001", None),
            ("0.0001", None),
            ("2", None),
            (".5", None),
            ("", None),
            ("0.x", None),
        ] {
            assert_eq!(thousandths(text.as_bytes()), want, "{text}");
        }
    }
}
