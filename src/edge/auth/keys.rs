//! API keys: known by their SHA-256 alone, and named.

use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};

use aws_lc_rs::constant_time::verify_slices_are_equal;
use aws_lc_rs::digest;
use http::HeaderName;
use http::header::AUTHORIZATION;

use super::{AuthFault, AuthProblem, Name, encoding};
use crate::config::model;
use crate::http::{Headers, Target, Text};

/// `api_keys` of a route, compiled.
#[derive(Clone)]
pub struct ApiKeys {
    /// By a seeded hash of the digest: how long a look-up takes tells nothing of the digests.
    known: HashMap<u64, Vec<(Digest, Name)>>,
    seed: RandomState,
    header: Option<HeaderName>,
    query: Option<Box<str>>,
}

type Digest = [u8; 32];

impl std::fmt::Debug for ApiKeys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ApiKeys").field("header", &self.header).field("query", &self.query).finish_non_exhaustive()
    }
}

impl ApiKeys {
    /// Of a route, with the keys of its file as it is now.
    ///
    /// # Errors
    /// Whatever the file or a digest has wrong.
    pub fn compile(model: &model::ApiKeys) -> Result<Self, AuthProblem> {
        let help = "the SHA-256 of the key in hexadecimal: printf %s KEY | sha256sum";
        let wrong = |key: &str, place: String| {
            AuthProblem::new("key_digest", key, format!("{place} is not the SHA-256 of a key"), help)
        };
        let mut keys = Self {
            known: HashMap::new(),
            seed: RandomState::new(),
            header: model.header.clone(),
            query: model.query.as_deref().map(Into::into),
        };
        for (name, digest) in &model.keys {
            let digest = encoding::hex(digest.reveal());
            keys.add(name, digest.ok_or_else(|| wrong("api_keys.keys", format!("the value of {name:?}")))?);
        }
        if let Some(file) = &model.file {
            let text =
                std::fs::read_to_string(file).map_err(|error| AuthProblem::unreadable("api_keys.file", &error))?;
            let lines = text.lines().map(str::trim).enumerate();
            for (at, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
                let pair = line.rsplit_once(':').filter(|(name, _)| !name.is_empty());
                let pair = pair.and_then(|(name, digest)| Some((name, encoding::hex(digest.trim())?)));
                let place = || format!("line {} of the file, NAME:DIGEST,", at + 1);
                let (name, digest) = pair.ok_or_else(|| wrong("api_keys.file", place()))?;
                keys.add(name, digest);
            }
        }
        if keys.known.is_empty() {
            return Err(AuthProblem::new("no_keys", "api_keys", "nobody can authenticate: there is no key", help));
        }
        Ok(keys)
    }

    fn add(&mut self, name: &str, digest: Digest) {
        self.known.entry(self.seed.hash_one(digest)).or_default().push((digest, name.into()));
    }

    /// Whose key a request brings; none: it brings none.
    ///
    /// # Errors
    /// Where it is nobody's.
    pub fn check(&self, headers: &Headers, target: &Target) -> Option<Result<Name, AuthFault>> {
        let key = self.in_field(headers).or_else(|| self.in_query(target))?;
        Some(self.owner(&key).ok_or(AuthFault::Credentials))
    }

    fn owner(&self, key: &[u8]) -> Option<Name> {
        let digest = digest::digest(&digest::SHA256, key);
        let mut own = [0; 32];
        own.copy_from_slice(digest.as_ref());
        let found = self.known.get(&self.seed.hash_one(own))?;
        found.iter().find(|(known, _)| verify_slices_are_equal(known, &own).is_ok()).map(|(_, name)| name.clone())
    }

    fn in_field(&self, headers: &Headers) -> Option<Vec<u8>> {
        let name = self.header.as_ref()?;
        let value = headers.first(name)?.as_bytes();
        if *name != AUTHORIZATION {
            return Some(value.to_vec());
        }
        let (scheme, key) = value.split_at_checked(value.iter().position(|octet| *octet == b' ')?)?;
        let ours = scheme.eq_ignore_ascii_case(b"bearer") || scheme.eq_ignore_ascii_case(b"apikey");
        ours.then(|| key.trim_ascii().to_vec())
    }

    fn in_query(&self, target: &Target) -> Option<Vec<u8>> {
        let name = self.query.as_deref()?;
        let value = target.query()?.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
        Some(value.as_bytes().to_vec())
    }

    /// The field that carries a key.
    pub fn header(&self) -> Option<&HeaderName> {
        self.header.as_ref()
    }

    /// The target without the key in its query; none: it has none.
    pub fn without_key(&self, target: &Text) -> Option<Text> {
        self.change_key(target, None)
    }

    /// The target with something in the place of the key: what logs may hold.
    pub fn masked(&self, target: &Text) -> Option<Text> {
        self.change_key(target, Some("***"))
    }

    fn change_key(&self, target: &Text, with: Option<&str>) -> Option<Text> {
        let name = self.query.as_deref()?;
        let (path, query) = target.as_str().split_once('?')?;
        let is_key = |pair: &str| pair.strip_prefix(name).is_some_and(|rest| rest.starts_with('='));
        if !query.split('&').any(is_key) {
            return None;
        }
        let pairs = query.split('&').filter_map(|pair| match with {
            _ if !is_key(pair) => Some(pair.to_owned()),
            Some(mask) => Some(format!("{name}={mask}")),
            None => None,
        });
        let query = pairs.collect::<Vec<_>>().join("&");
        let mark = if query.is_empty() { "" } else { "?" };
        Text::visible(format!("{path}{mark}{query}").into())
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn keys(header: Option<&'static str>, query: Option<&str>) -> ApiKeys {
        // Of "letmein" and "other".
        let digests = [
            ("ci", "1c8bfe8f801d79745c4631d09fff36c82aa37fc4cce4fc946683d7b336b63032"),
            ("phone", "d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa"),
        ];
        let keys = digests
            .iter()
            .map(|(name, digest)| ((*name).to_owned(), model::Secret::new((*digest).to_owned())))
            .collect();
        let header = header.map(HeaderName::from_static);
        ApiKeys::compile(&model::ApiKeys { keys, file: None, header, query: query.map(str::to_owned) })
            .expect("compiles")
    }

    fn target(text: &'static str) -> Target {
        Target::parse(Text::from_static(text)).expect("a target")
    }

    #[test]
    fn whose_key_it_is() {
        let check = |keys: &ApiKeys, field: Option<(&'static str, &'static str)>, path: &'static str| {
            let field = field.map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
            keys.check(&field.into_iter().collect(), &target(path)).map(|found| found.map(|name| name.to_string()))
        };
        let plain = keys(Some("x-api-key"), None);
        assert_eq!(check(&plain, Some(("x-api-key", "letmein")), "/"), Some(Ok("ci".to_owned())));
        assert_eq!(check(&plain, Some(("x-api-key", "other")), "/"), Some(Ok("phone".to_owned())));
        assert_eq!(check(&plain, Some(("x-api-key", "letmeiN")), "/"), Some(Err(AuthFault::Credentials)));
        assert_eq!(check(&plain, None, "/?key=letmein"), None);
        let bearer = keys(Some("authorization"), Some("key"));
        assert_eq!(check(&bearer, Some(("authorization", "Bearer letmein")), "/"), Some(Ok("ci".to_owned())));
        assert_eq!(check(&bearer, Some(("authorization", "Basic letmein")), "/"), None);
        assert_eq!(check(&bearer, None, "/?a=1&key=letmein"), Some(Ok("ci".to_owned())));
        assert_eq!(check(&bearer, None, "/?a=1&xkey=letmein"), None);
    }

    #[test]
    fn a_key_in_the_query_goes_no_further() {
        let keys = keys(None, Some("key"));
        let changed = |text: &'static str| {
            let text = Text::from_static(text);
            [keys.without_key(&text), keys.masked(&text)].map(|text| text.map(|text| text.as_str().to_owned()))
        };
        let both = |without: &str, masked: &str| [Some(without.to_owned()), Some(masked.to_owned())];
        assert_eq!(changed("/a?key=letmein"), both("/a", "/a?key=***"));
        assert_eq!(changed("/a?x=1&key=a&y&key=b"), both("/a?x=1&y", "/a?x=1&key=***&y&key=***"));
        assert_eq!(changed("/a?keys=1"), [None, None]);
        assert!(!format!("{keys:?}").contains("1c8b"));
    }
}
