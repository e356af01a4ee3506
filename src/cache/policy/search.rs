//! `No-Vary-Search`: which part of the query makes no difference.
//!
//! A store keeps the latest variance of each path, so that a look-up stays one step: the query is brought to its significant form, which
//! is the key.

use http::HeaderName;

use crate::http::Headers;
use crate::http::structured::{self, Bare, Member};

const NO_VARY_SEARCH: HeaderName = HeaderName::from_static("no-vary-search");

/// Which parameters of the query count, and whether their order does.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SearchVariance {
    listed: Vec<Box<str>>,
    /// Whether those that are listed are the ones that count, or the ones that do not.
    only_listed: bool,
    ordered: bool,
}

impl SearchVariance {
    /// Of a response; `None` where there is no such field, it is not valid, or it changes nothing: then every octet of the query counts.
    pub fn of(headers: &Headers) -> Option<Self> {
        if !headers.contains(&NO_VARY_SEARCH) {
            return None;
        }
        let found = structured::dictionary(headers.all(&NO_VARY_SEARCH))?;
        let ordered = match found.member("key-order") {
            None => true,
            Some(member) => !member.bare()?.boolean()?,
        };
        let (all, without) = match found.member("params") {
            None => (false, Vec::new()),
            Some(Member::Inner(items, _)) => (false, texts(items)?),
            Some(member) => (member.bare()?.boolean()?, Vec::new()),
        };
        let except = match found.member("except") {
            None => None,
            // Only with `params` that stands for all.
            Some(Member::Inner(items, _)) if all => Some(texts(items)?),
            Some(_) => return None,
        };
        let mut listed = except.unwrap_or(without);
        listed.sort();
        listed.dedup();
        let variance = Self { listed, only_listed: all, ordered };
        (variance.only_listed || !variance.ordered || !variance.listed.is_empty()).then_some(variance)
    }

    /// Appends the significant form of a query: the parameters that count, decoded and written in one way, sorted where order is nothing.
    pub fn write(&self, query: &str, key: &mut Vec<u8>) {
        let mut pairs: Vec<(Vec<u8>, Vec<u8>)> = pairs(query).filter(|(name, _)| self.counts(name)).collect();
        if !self.ordered {
            pairs.sort_by(|one, other| one.0.cmp(&other.0));
        }
        for (at, (name, value)) in pairs.iter().enumerate() {
            if at > 0 {
                key.push(b'&');
            }
            encode(name, key);
            key.push(b'=');
            encode(value, key);
        }
    }

    /// Appends the rule itself, in a form in which two rules are the same where they mean the same.
    pub fn write_rule(&self, key: &mut Vec<u8>) {
        key.push(if self.only_listed { b'+' } else { b'-' });
        key.push(if self.ordered { b'o' } else { b's' });
        for name in &self.listed {
            encode(name.as_bytes(), key);
            key.push(b',');
        }
        key.push(b'?');
    }

    /// Octets of memory that it takes.
    pub fn weight(&self) -> usize {
        size_of::<Self>() + self.listed.iter().map(|name| name.len() + size_of::<Box<str>>()).sum::<usize>()
    }

    fn counts(&self, name: &[u8]) -> bool {
        self.listed.iter().any(|listed| listed.as_bytes() == name) == self.only_listed
    }
}

/// The names of a list of strings, decoded as those of a query are.
fn texts(items: &[structured::Item]) -> Option<Vec<Box<str>>> {
    let text = |item: &structured::Item| {
        let Bare::String(text) = &item.value else { return None };
        String::from_utf8(decode(text)).ok().map(Box::from)
    };
    items.iter().map(text).collect()
}

/// Name and value of each parameter (`application/x-www-form-urlencoded`).
fn pairs(query: &str) -> impl Iterator<Item = (Vec<u8>, Vec<u8>)> {
    query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decode(name), decode(value))
    })
}

/// `+` is a blank; an escape that is none stays as it is.
fn decode(text: &str) -> Vec<u8> {
    let digit =
        |byte: Option<&u8>| byte.and_then(|byte| char::from(*byte).to_digit(16)).and_then(|d| u8::try_from(d).ok());
    let bytes = text.as_bytes();
    let mut found = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        match (byte, digit(bytes.get(at + 1)), digit(bytes.get(at + 2))) {
            (b'%', Some(high), Some(low)) => {
                found.push(high * 16 + low);
                at += 2;
            }
            (b'+', ..) => found.push(b' '),
            _ => found.push(*byte),
        }
        at += 1;
    }
    found
}

/// Writes octets so that they cannot be taken for what separates them.
fn encode(text: &[u8], key: &mut Vec<u8>) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text {
        if byte.is_ascii_alphanumeric() || b"*-._".contains(byte) {
            key.push(*byte);
        } else {
            key.extend([b'%', HEX[usize::from(byte >> 4)], HEX[usize::from(byte & 15)]]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::policy::tests::headers;

    fn form(field: &str, query: &str) -> Option<String> {
        let variance = SearchVariance::of(&headers(&[("no-vary-search", field)]))?;
        let mut key = Vec::new();
        variance.write(query, &mut key);
        String::from_utf8(key).ok()
    }

    #[test]
    fn significant_forms() {
        for (field, query, want) in [
            ("params", "a=1&b=2", Some("")),
            ("params=?1", "a=1", Some("")),
            ("params=(\"a\")", "b=2&a=1&c", Some("b=2&c=")),
            ("params=(\"a b\")", "a+b=2&a%20b=1&c", Some("c=")),
            ("params=(\"a+b\")", "a%20b=1&c", Some("c=")),
            ("params, except=(\"a\")", "b=2&a=1&a=0", Some("a=1&a=0")),
            ("key-order", "b=2&a=1&b=1", Some("a=1&b=2&b=1")),
            ("key-order, params=(\"x\")", "b=2&x&a=%31", Some("a=1&b=2")),
            ("key-order", "a=%zz&b=%e9", Some("a=%25zz&b=%E9")),
            ("key-order, other=1", "a=1", Some("a=1")),
            ("params=?0", "a=1", None),
            ("key-order=?0", "a=1", None),
            ("params=()", "a=1", None),
            ("", "a=1", None),
            ("params=1", "a=1", None),
            ("params=(a)", "a=1", None),
            ("except=(\"a\")", "a=1", None),
            ("params=(\"a\"), except=(\"b\")", "a=1", None),
            ("params, except", "a=1", None),
            ("key-order=1", "a=1", None),
            ("params=(", "a=1", None),
        ] {
            assert_eq!(form(field, query).as_deref(), want, "{field} {query}");
        }
        assert_eq!(SearchVariance::of(&Headers::new()), None);
    }

    /// The draft's own words: both are parsed, what does not count goes, the rest is sorted by name where order is nothing, and compared.
    fn alike(field: &[&str], wildcard: bool, sorted: bool, one: &str, other: &str) -> bool {
        let read = |query: &str| {
            let mut found: Vec<(String, String)> = Vec::new();
            for pair in query.split('&').filter(|pair| !pair.is_empty()) {
                let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                let text = |text: &str| text.replace('+', " ").replace("%20", " ").replace("%61", "a");
                if field.contains(&text(name).as_str()) == wildcard {
                    found.push((text(name), text(value)));
                }
            }
            if sorted {
                found.sort_by(|one, other| one.0.cmp(&other.0));
            }
            found
        };
        read(one) == read(other)
    }

    proptest::proptest! {
        #[test]
        fn two_queries_have_one_form_where_they_mean_the_same(
            listed in proptest::sample::subsequence(vec!["a", "b", "a b", ""], 0..4),
            wildcard: bool,
            sorted: bool,
            one in "(a|b|a\\+b|a%20b|%61|)(=|=1|=%61|=a|)(&(a|b|c|%61)(=1|=2|)){0,3}",
            other in "(a|b|a\\+b|a%20b|%61|)(=|=1|=%61|=a|)(&(a|b|c|%61)(=1|=2|)){0,3}",
        ) {
            let names = listed.iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(" ");
            let params = if wildcard { format!("params, except=({names})") } else { format!("params=({names})") };
            let field = if sorted { format!("{params}, key-order") } else { params };
            let forms = (form(&field, &one), form(&field, &other));
            if let (Some(first), Some(second)) = forms {
                proptest::prop_assert_eq!(first == second, alike(&listed, wildcard, sorted, &one, &other));
            } else {
                proptest::prop_assert!(!wildcard && !sorted && listed.is_empty());
            }
        }
    }
}
