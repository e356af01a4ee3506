//! The names under which a response may be purged: tags (`Surrogate-Key`, `Cache-Tag`) and groups (`Cache-Groups`, RFC 9875).

use http::HeaderName;

use crate::http::Headers;
use crate::http::structured::{self, Bare, Member};

/// Separated by blanks.
pub(super) const SURROGATE_KEY: HeaderName = HeaderName::from_static("surrogate-key");
/// Separated by commas.
const CACHE_TAG: HeaderName = HeaderName::from_static("cache-tag");
const CACHE_GROUPS: HeaderName = HeaderName::from_static("cache-groups");
const CACHE_GROUP_INVALIDATION: HeaderName = HeaderName::from_static("cache-group-invalidation");

/// Tags, and groups, that one response may have; further ones do not count. RFC 9875 §2 asks for at least 32 groups.
const MAX: usize = 128;
/// Octets of one; a longer one does not count. RFC 9875 §2 asks for at least 32.
const MAX_LENGTH: usize = 256;

/// What a response may be purged by.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags {
    /// Tags, each once, as the origin wrote them. They hold for the whole store.
    pub tags: Vec<Box<str>>,
    /// Groups, each once. They hold for one origin (scheme, host and port).
    pub groups: Vec<Box<str>>,
}

impl Tags {
    /// Of a response.
    pub fn of(headers: &Headers) -> Self {
        let mut tags = Vec::new();
        for line in headers.all(&SURROGATE_KEY).filter_map(|line| line.to_str().ok()) {
            line.split([' ', '\t']).for_each(|tag| add(&mut tags, tag));
        }
        for line in headers.all(&CACHE_TAG).filter_map(|line| line.to_str().ok()) {
            line.split(',').for_each(|tag| add(&mut tags, tag.trim()));
        }
        Self { tags, groups: strings(headers, &CACHE_GROUPS) }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.tags.is_empty() && self.groups.is_empty()
    }
}

/// The groups of the origin that a response to an unsafe request makes invalid (RFC 9875 §3).
pub(super) fn invalidated_groups(headers: &Headers) -> Vec<Box<str>> {
    strings(headers, &CACHE_GROUP_INVALIDATION)
}

/// A list of strings; where a member is none, the field is ignored (RFC 9875 §2).
fn strings(headers: &Headers, name: &HeaderName) -> Vec<Box<str>> {
    let mut found = Vec::new();
    if !headers.contains(name) {
        return found;
    }
    for member in structured::list(headers.all(name)).unwrap_or_default() {
        let Some(group) = member_text(&member) else { return Vec::new() };
        add(&mut found, group);
    }
    found
}

fn member_text(member: &Member) -> Option<&str> {
    member.bare().and_then(Bare::string)
}

fn add(list: &mut Vec<Box<str>>, tag: &str) {
    let counts = !tag.is_empty() && tag.len() <= MAX_LENGTH && list.len() < MAX;
    if counts && !list.iter().any(|before| **before == *tag) {
        list.push(tag.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::policy::tests::headers;

    #[test]
    fn tags_and_groups() {
        let found = Tags::of(&headers(&[
            ("surrogate-key", "a  b\ta"),
            ("cache-tag", "c d , b,,e"),
            ("cache-groups", "\"g\", \"h\";x"),
        ]));
        let texts = |list: &[Box<str>]| list.iter().map(|tag| tag.to_string()).collect::<Vec<_>>();
        assert_eq!(texts(&found.tags), ["a", "b", "c d", "e"]);
        assert_eq!(texts(&found.groups), ["g", "h"]);
        assert!(!found.is_empty() && Tags::default().is_empty());
    }

    #[test]
    fn groups_are_strings_or_nothing() {
        for field in ["g", "\"g\", h", "(\"g\")", "\"g\"x", "\"g"] {
            assert!(Tags::of(&headers(&[("cache-groups", field)])).is_empty(), "{field}");
        }
    }

    #[test]
    fn they_are_bounded() {
        let many = (0..500).map(|number| number.to_string()).collect::<Vec<_>>().join(" ");
        let long = "x".repeat(257);
        let found = Tags::of(&headers(&[("surrogate-key", &many), ("cache-tag", &long)]));
        assert_eq!(found.tags.len(), 128);
    }
}
