//! Compression dictionaries and what is said of them (RFC 9842): one response helps to compress the next.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderName, HeaderValue};

use super::Headers;
use super::structured::{self, Bare};

/// Which dictionary the client has (§2.2).
pub const AVAILABLE_DICTIONARY: HeaderName = HeaderName::from_static("available-dictionary");
/// For which requests a response is a dictionary (§2.1).
pub const USE_AS_DICTIONARY: HeaderName = HeaderName::from_static("use-as-dictionary");

/// The beginning of a dictionary of zstd's own format, which a decoder of raw content (§2.1.4) would read as something else.
const FORMATTED: [u8; 4] = [0x37, 0xa4, 0x30, 0xec];
/// What is shorter helps nobody.
const LEAST: usize = 64;

/// The SHA-256 of a dictionary.
pub type Hash = [u8; 32];

/// Octets that both sides have. Clones share them.
#[derive(Clone)]
pub struct Dictionary(Arc<(Hash, Bytes)>);

impl std::fmt::Debug for Dictionary {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dictionary").field("octets", &self.octets().len()).finish_non_exhaustive()
    }
}

impl Dictionary {
    /// Of these octets, which have that SHA-256; `None` where they are of no use as one.
    pub fn new(hash: Hash, octets: Bytes) -> Option<Self> {
        let useful = octets.len() >= LEAST && !octets.starts_with(&FORMATTED);
        useful.then(|| Self(Arc::new((hash, octets))))
    }

    /// Its SHA-256.
    pub fn hash(&self) -> Hash {
        self.0.0
    }

    /// Its content.
    pub fn octets(&self) -> &[u8] {
        &self.0.1
    }
}

/// The hash of the dictionary that a client has; `None` where it has none, or says it in no valid way.
pub fn available(headers: &Headers) -> Option<Hash> {
    match structured::item(headers.all(&AVAILABLE_DICTIONARY))?.value {
        Bare::Bytes(octets) => octets.try_into().ok(),
        _ => None,
    }
}

/// `Use-As-Dictionary` for a pattern of URLs and an identifier, which may be empty; `None` where they cannot be written in a field.
pub fn use_as(pattern: &str, id: &str) -> Option<HeaderValue> {
    let mut text = String::with_capacity(pattern.len() + id.len() + 16);
    text.push_str("match=");
    quote(&mut text, pattern);
    if !id.is_empty() {
        text.push_str(", id=");
        quote(&mut text, id);
    }
    HeaderValue::try_from(text).ok()
}

/// The pattern that only this path matches (URL Pattern Standard): what means something in a pattern is escaped.
pub fn pattern_of(path: &str) -> String {
    let mut pattern = String::with_capacity(path.len() + 8);
    for letter in path.chars() {
        if matches!(letter, '\\' | '*' | ':' | '{' | '}' | '(' | ')' | '?' | '+' | '#') {
            pattern.push('\\');
        }
        pattern.push(letter);
    }
    pattern
}

/// A string of structured fields (RFC 9651 §3.3.3).
fn quote(text: &mut String, value: &str) {
    text.push('"');
    for letter in value.chars() {
        if matches!(letter, '"' | '\\') {
            text.push('\\');
        }
        text.push(letter);
    }
    text.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clients_hash_is_one_sequence_of_32_octets() {
        let good = ":pZGm1Av0IEBKARczz7exkNYsZb8LzaMrV7J32a2fFG4=:";
        for (values, want) in [
            (&[good][..], true),
            (&[":pZGm1Av0IEBKARczz7exkNYsZb8LzaMrV7J32a2fFG4=:;a=1"], true),
            (&[good, good], false),
            (&["pZGm1Av0IEBKARczz7exkNYsZb8LzaMrV7J32a2fFG4="], false),
            (&[":pZGm1Av0:"], false),
            (&["\"pZGm1Av0IEBKARczz7exkNYsZb8LzaMrV7J32a2fFG4=\""], false),
            (&[""], false),
            (&[], false),
        ] {
            let headers: Headers =
                values.iter().map(|value| (AVAILABLE_DICTIONARY, HeaderValue::from_static(value))).collect();
            let found = available(&headers);
            assert_eq!(found.is_some(), want, "{values:?}");
            assert!(found.is_none_or(|hash| hash[..3] == [0xa5, 0x91, 0xa6]));
        }
    }

    #[test]
    fn what_responses_say() {
        for (pattern, id, want) in [
            ("/app/*", "", Some("match=\"/app/*\"")),
            ("/app/*", "v\"1\"", Some("match=\"/app/*\", id=\"v\\\"1\\\"\"")),
            ("/a\n", "", None),
        ] {
            let said = use_as(pattern, id);
            assert_eq!(said.as_ref().and_then(|value| value.to_str().ok()), want);
        }
        assert_eq!(pattern_of("/a/b.js"), "/a/b.js");
        assert_eq!(pattern_of("/a*b(c)+"), "/a\\*b\\(c\\)\\+");
    }

    #[test]
    fn what_is_no_dictionary() {
        let formatted = [&FORMATTED[..], &[1; 100]].concat();
        for (octets, want) in [(vec![1; 64], true), (vec![1; 63], false), (formatted, false)] {
            assert_eq!(Dictionary::new([0; 32], octets.into()).is_some(), want);
        }
    }
}
