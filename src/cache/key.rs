//! The primary key: what makes two requests ask for the same thing.
//!
//! A key is written in full and compared in full; its hash is only the way to it, so that nobody can make two addresses meet. By default
//! it is scheme, host and port, path and query, octet for octet as the upstream sees them: what the upstream could tell apart, the key
//! tells apart. A route may narrow the query or add fields and cookies.
//!
//! ```text
//! space \0 scheme://host:port/path?query \0 field \0 field \0 cookie \0 ...
//! ```

use std::ops::Range;

use bytes::Bytes;
use http::HeaderName;
use http::header::COOKIE;
use twox_hash::XxHash3_128;

use crate::http::{Headers, Scheme, Target, authority};

use super::policy::{Address, RequestView, SearchVariance};

/// Between the parts of a key; no part holds it.
const END: u8 = 0;
/// In front of a query that is written by a rule; no query begins like this.
const RULE: &[u8] = b"?\x02";
/// Stands for a field or a cookie that is not there.
const ABSENT: u8 = 1;

/// Which parameters of the query are part of the key.
///
/// What is left out still reaches the upstream, so it must be something that its responses do not depend on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Query {
    /// All of it.
    #[default]
    Whole,
    /// Nothing of it.
    None,
    /// Parameters of these names.
    Only(Box<[Box<str>]>),
    /// Parameters of all names but these.
    Except(Box<[Box<str>]>),
}

/// How a route makes its keys, compiled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recipe {
    /// Keeps apart what different routes would fetch for the same address; routes with the same space share what they store.
    pub space: Box<str>,
    /// Which parameters of the query count.
    pub query: Query,
    /// Whether the parameters are sorted by name.
    pub sort_query: bool,
    /// Request fields that count beside what `Vary` says.
    pub headers: Box<[HeaderName]>,
    /// Cookies that count.
    pub cookies: Box<[Box<str>]>,
}

/// A key that is not kept: bytes in a buffer of the worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyRef<'a> {
    /// Hash of the bytes.
    pub hash: u128,
    /// All of the key.
    pub bytes: &'a [u8],
}

/// A key as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    /// Hash of the bytes.
    pub hash: u128,
    /// All of the key.
    pub bytes: Bytes,
}

impl<'a> KeyRef<'a> {
    /// The key that these bytes are. The seed is the store's own, unknown to clients, so that hashes cannot be aimed at.
    pub fn of(bytes: &'a [u8], seed: u64) -> Self {
        Self { hash: hash(bytes, seed), bytes }
    }

    /// The same, to keep.
    pub fn to_key(self) -> Key {
        Key { hash: self.hash, bytes: Bytes::copy_from_slice(self.bytes) }
    }
}

impl Key {
    /// The same, borrowed.
    pub fn borrow(&self) -> KeyRef<'_> {
        KeyRef { hash: self.hash, bytes: &self.bytes }
    }
}

/// The hash of the bytes of a key, or of what is looked up beside it (a tag, an address).
pub fn hash(bytes: &[u8], seed: u64) -> u128 {
    XxHash3_128::oneshot_with_seed(seed, bytes)
}

/// Where the address stands in the bytes of a key: `scheme://host:port/path?query`, for purging by address or by its beginning.
pub fn address_of(key: &[u8]) -> Range<usize> {
    let start = memchr::memchr(END, key).map_or(key.len(), |end| end + 1);
    let end = memchr::memchr(END, &key[start..]).map_or(key.len(), |end| start + end);
    start..end
}

impl Recipe {
    /// Appends the key of a request. `search` is what the path is known to vary by (`No-Vary-Search`), where it is known.
    pub fn write(&self, asked: &RequestView<'_>, search: Option<&SearchVariance>, key: &mut Vec<u8>) {
        self.begin(asked.scheme, asked.authority, asked.target, key);
        self.write_query(asked.target, search, key);
        key.push(END);
        for name in &self.headers {
            write_field(asked.headers, name, key);
        }
        for name in &self.cookies {
            write_cookie(asked.headers, name, key);
        }
    }

    /// Appends the path of a request, under which its [`SearchVariance`] is kept.
    pub fn write_path(asked: &RequestView<'_>, path: &mut Vec<u8>) {
        write_origin(asked.scheme, asked.authority, path);
        path.extend_from_slice(asked.target.path().as_bytes());
    }

    /// Appends the address as it stands in the keys of this recipe ([`address_of`]), for purging.
    pub fn write_address(&self, address: &Address, search: Option<&SearchVariance>, key: &mut Vec<u8>) {
        write_origin(address.scheme, address.authority.as_str(), key);
        key.extend_from_slice(address.target.path().as_bytes());
        self.write_query(&address.target, search, key);
    }

    fn begin(&self, scheme: Scheme, authority: &str, target: &Target, key: &mut Vec<u8>) {
        key.extend_from_slice(self.space.as_bytes());
        key.push(END);
        write_origin(scheme, authority, key);
        key.extend_from_slice(target.path().as_bytes());
    }

    fn write_query(&self, target: &Target, search: Option<&SearchVariance>, key: &mut Vec<u8>) {
        if let Some(search) = search {
            // The rule is part of the key: what is found by it was stored by it.
            key.extend_from_slice(RULE);
            search.write_rule(key);
            search.write(&target.query().map(|query| self.narrowed(query)).unwrap_or_default(), key);
            return;
        }
        let Some(query) = target.query() else { return };
        if self.query == Query::Whole && !self.sort_query {
            key.push(b'?');
            key.extend_from_slice(query.as_bytes());
            return;
        }
        let start = key.len();
        key.push(b'?');
        key.extend_from_slice(self.narrowed(query).as_bytes());
        // Where nothing of the query counts it is as if there were none.
        if key.len() == start + 1 {
            key.truncate(start);
        }
    }

    /// The query with the parameters that count, in the order in which they do.
    fn narrowed(&self, query: &str) -> String {
        let mut pairs: Vec<&str> = query.split('&').filter(|pair| self.counts(pair)).collect();
        if self.sort_query {
            pairs.sort_by_key(|pair| name_of(pair));
        }
        pairs.join("&")
    }

    fn counts(&self, pair: &str) -> bool {
        let listed = |names: &[Box<str>]| {
            // An escaped name is the same name to most upstreams, so it is read as one.
            let name = crate::http::path::unescape(name_of(pair)).unwrap_or_else(|| name_of(pair).as_bytes().to_vec());
            names.iter().any(|listed| listed.as_bytes() == name)
        };
        match &self.query {
            Query::Whole => true,
            Query::None => false,
            Query::Only(names) => listed(names),
            Query::Except(names) => !listed(names),
        }
    }
}

fn name_of(pair: &str) -> &str {
    pair.split('=').next().unwrap_or_default()
}

fn write_origin(scheme: Scheme, authority: &str, key: &mut Vec<u8>) {
    key.extend_from_slice(scheme.as_str().as_bytes());
    key.extend_from_slice(b"://");
    key.extend_from_slice(authority::shortest(authority, scheme).as_bytes());
}

fn write_field(headers: &Headers, name: &HeaderName, key: &mut Vec<u8>) {
    if !headers.contains(name) {
        key.push(ABSENT);
    }
    for (at, value) in headers.all(name).enumerate() {
        if at > 0 {
            key.push(b',');
        }
        key.extend_from_slice(value.as_bytes());
    }
    key.push(END);
}

/// The value of a cookie; of several of one name all count, in their order.
fn write_cookie(headers: &Headers, name: &str, key: &mut Vec<u8>) {
    let before = key.len();
    for line in headers.all(&COOKIE) {
        for pair in line.as_bytes().split(|byte| *byte == b';').map(<[u8]>::trim_ascii) {
            if let Some(value) = pair.strip_prefix(name.as_bytes()).and_then(|rest| rest.strip_prefix(b"=")) {
                key.push(b'=');
                key.extend_from_slice(value);
            }
        }
    }
    if key.len() == before {
        key.push(ABSENT);
    }
    key.push(END);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::policy::tests::{Ask, headers};
    use http::Method;

    fn key(recipe: &Recipe, target: &str, fields: &[(&str, &str)]) -> String {
        let ask = Ask::new(Method::GET, target, headers(fields));
        let mut key = Vec::new();
        recipe.write(&ask.view(), None, &mut key);
        String::from_utf8(key).unwrap().replace('\0', "|").replace('\u{1}', "-")
    }

    fn list(names: &[&str]) -> Box<[Box<str>]> {
        names.iter().map(|name| Box::from(*name)).collect()
    }

    #[test]
    fn queries() {
        let whole = Recipe::default();
        let none = Recipe { query: Query::None, ..Recipe::default() };
        let only = Recipe { query: Query::Only(list(&["a", "b"])), ..Recipe::default() };
        let except = Recipe { query: Query::Except(list(&["a"])), ..Recipe::default() };
        let sorted = Recipe { sort_query: true, ..Recipe::default() };
        for (recipe, target, want) in [
            (&whole, "/p", "/p"),
            (&whole, "/p?", "/p?"),
            (&whole, "/p?b=1&a=2&b=0", "/p?b=1&a=2&b=0"),
            (&whole, "/%70", "/%70"),
            (&none, "/p?a=1", "/p"),
            (&only, "/p?c=1&b=2&a=1&%62=3", "/p?b=2&a=1&%62=3"),
            (&only, "/p?c=1", "/p"),
            (&except, "/p?c=1&a=2&%61=3&b", "/p?c=1&b"),
            (&sorted, "/p?b=1&a=2&b=0&a", "/p?a=2&a&b=1&b=0"),
        ] {
            assert_eq!(key(recipe, target, &[]), format!("|http://example.org{want}|"), "{target}");
        }
    }

    #[test]
    fn spaces_fields_and_cookies() {
        let recipe = Recipe {
            space: "shop".into(),
            headers: [HeaderName::from_static("x-a"), HeaderName::from_static("x-b")].into(),
            cookies: list(&["lang", "c"]),
            ..Recipe::default()
        };
        assert_eq!(key(&recipe, "/", &[]), "shop|http://example.org/|-|-|-|-|");
        let fields = [("x-b", "1"), ("x-b", "2"), ("x-a", ""), ("cookie", "lang=de; xc=1; lang=en"), ("cookie", "c=")];
        assert_eq!(key(&recipe, "/", &fields), "shop|http://example.org/||1,2|=de=en|=|");
    }

    #[test]
    fn what_a_client_sends_beside_the_address_is_no_part() {
        let recipe = Recipe::default();
        let plain = key(&recipe, "/", &[]);
        for name in ["x-forwarded-host", "x-forwarded-proto", "x-original-url", "cookie", "accept", "origin"] {
            assert_eq!(key(&recipe, "/", &[(name, "evil")]), plain, "{name}");
        }
        assert_ne!(key(&recipe, "/account/x.css", &[]), key(&recipe, "/account", &[]));
        assert_ne!(key(&recipe, "/a%2Fb", &[]), key(&recipe, "/a/b", &[]));
    }

    #[test]
    fn scheme_host_and_port() {
        let ask = Ask::get("/x?y");
        let written = |view: RequestView<'_>| {
            let mut key = Vec::new();
            Recipe::default().write(&view, None, &mut key);
            key
        };
        let plain = written(ask.view());
        assert_eq!(written(RequestView { authority: "example.org:80", ..ask.view() }), plain);
        for other in [
            RequestView { authority: "example.org:8080", ..ask.view() },
            RequestView { authority: "example.com", ..ask.view() },
            RequestView { scheme: Scheme::Https, ..ask.view() },
        ] {
            assert_ne!(written(other), plain);
        }
        assert_eq!(&plain[address_of(&plain)], b"http://example.org/x?y");
        let mut address = Vec::new();
        Recipe::default().write_address(&Address::of(&ask.view()), None, &mut address);
        assert_eq!(address, b"http://example.org/x?y");
        let mut path = Vec::new();
        Recipe::write_path(&ask.view(), &mut path);
        assert_eq!(path, b"http://example.org/x");
    }

    #[test]
    fn a_known_search_variance_narrows_the_query() {
        let search = SearchVariance::of(&headers(&[("no-vary-search", "key-order, params=(\"t\")")])).unwrap();
        let written = |target: &str| {
            let mut key = Vec::new();
            Recipe::default().write(&Ask::get(target).view(), Some(&search), &mut key);
            key
        };
        assert_eq!(written("/?b=1&t=9&a=%32"), written("/?a=2&b=1"));
        assert_eq!(written("/?t=1"), written("/"));
        assert_ne!(written("/?a=1"), written("/?a=2"));
        // What was stored without the rule is another thing.
        let mut plain = Vec::new();
        Recipe::default().write(&Ask::get("/?a=2&b=1").view(), None, &mut plain);
        assert_ne!(written("/?a=2&b=1"), plain);
    }

    #[test]
    fn hashes_depend_on_the_seed() {
        let one = KeyRef::of(b"a", 1);
        assert_eq!(one, KeyRef::of(b"a", 1));
        assert_ne!(one.hash, KeyRef::of(b"a", 2).hash);
        assert_eq!(one.to_key().borrow(), one);
    }
}
