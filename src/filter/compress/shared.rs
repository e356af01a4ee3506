//! Which clients are given a coding with a dictionary (RFC 9842), and which responses are offered as one.

use std::path::{Path, PathBuf};

use aws_lc_rs::digest::{SHA256, digest};
use http::header::{ACCESS_CONTROL_ALLOW_ORIGIN, AUTHORIZATION, CACHE_CONTROL, COOKIE, ORIGIN, SET_COOKIE};
use http::{HeaderName, HeaderValue};

use super::dcb;
use crate::config::model;
use crate::http::Headers;
use crate::http::dictionary::{self, Dictionary, Hash};
use crate::http::negotiate::{self, Coding};

const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");
const SEC_FETCH_MODE: HeaderName = HeaderName::from_static("sec-fetch-mode");

/// `dictionary` of `compress`.
#[derive(Clone, Debug)]
pub(super) struct Sharing {
    automatic: bool,
    pattern: Option<String>,
    id: String,
    max_size: u64,
    fixed: Box<[Dictionary]>,
}

/// What a client says of dictionaries.
#[derive(Clone, Debug)]
pub(super) struct Offer {
    /// The one that it has, and that is known here.
    dictionary: Option<Dictionary>,
    /// It says that it has one, whether that is known here or not.
    pub(super) has_one: bool,
    /// The best coding with one, and the other one where it is taken too; `None` where one without is liked better.
    codings: [Option<Coding>; 2],
    readable: Readable,
    /// The request says who asks: its response is for all only if it says so.
    personal: bool,
    /// The response is one that is stored for all.
    pub(super) stored: bool,
}

/// Whether a page may read the content (RFC 9842 §9.3.2); what it may not read must not show by its size.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Readable {
    Yes,
    No,
    /// Where the response allows this origin.
    For(Option<HeaderValue>),
}

impl Sharing {
    /// The policy.
    ///
    /// # Errors
    /// The files that cannot be read or are no dictionaries, and why.
    pub(super) fn compile(policy: &model::SharedDictionary) -> Result<Self, Vec<(PathBuf, String)>> {
        let model::SharedDictionary { automatic, pattern, id, max_size, files } = policy;
        let (mut fixed, mut problems) = (Vec::new(), Vec::new());
        for file in files {
            match read(file, *max_size) {
                Ok(dictionary) => fixed.push(dictionary),
                Err(why) => problems.push((file.clone(), why)),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let id = id.clone().unwrap_or_default();
        Ok(Self { automatic: *automatic, pattern: pattern.clone(), id, max_size: *max_size, fixed: fixed.into() })
    }

    /// What a client says; `find` looks among what was stored. One that has no dictionary yet names none of the codings.
    pub(super) fn offer(
        &self,
        headers: &Headers,
        encodings: &[Coding],
        find: impl FnOnce(&Hash) -> Option<Dictionary>,
    ) -> Offer {
        let hash = dictionary::available(headers);
        let known = |hash: &Hash| self.fixed.iter().find(|fixed| fixed.hash() == *hash).cloned();
        let dictionary = hash.as_ref().and_then(|hash| known(hash).or_else(|| find(hash)));
        let codings = if dictionary.is_some() { codings(headers, encodings) } else { [None; 2] };
        Offer {
            dictionary,
            has_one: hash.is_some(),
            codings,
            readable: readable(headers),
            personal: headers.contains(&AUTHORIZATION) || headers.contains(&COOKIE),
            stored: false,
        }
    }

    /// `Use-As-Dictionary` for a response of that path and length which is stored for all; `None` where it is not offered.
    pub(super) fn field(&self, path: &str, length: u64) -> Option<HeaderValue> {
        if !self.automatic || length > self.max_size {
            return None;
        }
        match &self.pattern {
            Some(pattern) => dictionary::use_as(pattern, &self.id),
            None => dictionary::use_as(&dictionary::pattern_of(path), &self.id),
        }
    }
}

impl Offer {
    /// The coding and the dictionary for a response with these fields and so many octets.
    pub(super) fn choice(&self, headers: &Headers, length: Option<u64>) -> Option<(Coding, &Dictionary)> {
        let dictionary = self.dictionary.as_ref()?;
        let fits = |coding: &Coding| *coding != Coding::Dcb || length.is_some_and(|length| length <= dcb::MOST as u64);
        let coding = self.codings.into_iter().flatten().find(fits)?;
        self.may_share(headers).then_some((coding, dictionary))
    }

    /// The same as far as the request alone tells.
    pub(super) fn likely(&self) -> Option<(Coding, &Dictionary)> {
        let coding = self.codings[0].filter(|_| self.readable != Readable::No)?;
        Some((coding, self.dictionary.as_ref()?))
    }

    /// Whether a response may be compressed with a dictionary, and be one.
    pub(super) fn may_share(&self, headers: &Headers) -> bool {
        let allowed = match &self.readable {
            Readable::Yes => true,
            Readable::No => false,
            Readable::For(origin) => headers.first(&ACCESS_CONTROL_ALLOW_ORIGIN).is_some_and(|allowed| {
                origin.is_some() && (allowed.as_bytes() == b"*" || Some(allowed) == origin.as_ref())
            }),
        };
        allowed && !self.is_private(headers)
    }

    /// Whether the response is for this client alone.
    fn is_private(&self, headers: &Headers) -> bool {
        let says = |wanted: &[&str]| {
            headers.all(&CACHE_CONTROL).any(|value| {
                let directives = value.to_str().unwrap_or("").split(',');
                let mut names = directives.map(|directive| directive.split('=').next().unwrap_or("").trim());
                names.any(|name| wanted.iter().any(|one| name.eq_ignore_ascii_case(one)))
            })
        };
        headers.contains(&SET_COOKIE)
            || says(&["private", "no-store"])
            || self.personal && !self.stored && !says(&["public", "s-maxage"])
    }
}

/// The best coding with a dictionary for a client, and the other one; none where one without is liked better.
fn codings(headers: &Headers, encodings: &[Coding]) -> [Option<Coding>; 2] {
    let with = encodings.iter().filter_map(|coding| coding.with_dictionary());
    let mut with = with.filter(|coding| negotiate::names(headers, *coding));
    let both = [with.next(), with.next()];
    let best = negotiate::coding(headers, both.into_iter().flatten().chain(encodings.iter().copied()));
    match both {
        [first, second] if first == Some(best) => [first, second],
        [first, second] if second == Some(best) => [second, first],
        _ => [None; 2],
    }
}

fn read(file: &Path, max_size: u64) -> Result<Dictionary, String> {
    let octets = std::fs::read(file).map_err(|error| error.to_string())?;
    if octets.len() as u64 > max_size {
        return Err(format!("it has {} octets, and `max_size` is {max_size}", octets.len()));
    }
    let mut hash = Hash::default();
    hash.copy_from_slice(digest(&SHA256, &octets).as_ref());
    Dictionary::new(hash, octets.into())
        .ok_or_else(|| "it is no raw dictionary: shorter than 64 octets, or in zstd's own format".to_owned())
}

/// Of the request's own words; a client that says nothing of its pages is no browser, or an old one that has no dictionaries.
fn readable(headers: &Headers) -> Readable {
    if headers.text(&SEC_FETCH_SITE) == Some("same-origin") {
        return Readable::Yes;
    }
    match headers.text(&SEC_FETCH_MODE) {
        None | Some("navigate" | "same-origin") => Readable::Yes,
        Some("cors") => Readable::For(headers.first(&ORIGIN).cloned()),
        Some(_) => Readable::No,
    }
}

#[cfg(test)]
mod tests {
    use http::header::ACCEPT_ENCODING;

    use super::*;

    const ALL: [Coding; 3] = [Coding::Zstd, Coding::Br, Coding::Gzip];

    fn sharing(automatic: bool, pattern: Option<&str>) -> Sharing {
        let pattern = pattern.map(str::to_owned);
        Sharing { automatic, pattern, id: String::new(), max_size: 1000, fixed: Box::default() }
    }

    fn offer(fields: &[(HeaderName, &'static str)]) -> Offer {
        let has = [(dictionary::AVAILABLE_DICTIONARY, ":pZGm1Av0IEBKARczz7exkNYsZb8LzaMrV7J32a2fFG4=:")];
        let fields = has.iter().chain(fields);
        let headers: Headers = fields.map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
        sharing(true, None).offer(&headers, &ALL, |hash| Dictionary::new(*hash, vec![1; 100].into()))
    }

    fn headers(fields: &[(HeaderName, &'static str)]) -> Headers {
        fields.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect()
    }

    #[test]
    fn the_coding_with_a_dictionary() {
        use Coding::{Dcb, Dcz};
        for (accept, length, want) in [
            ("gzip, br, zstd, dcb, dcz", Some(100), Some(Dcz)),
            ("gzip, br, zstd, dcb, dcz;q=0.5", Some(100), Some(Dcb)),
            ("gzip, br, zstd, dcb", Some(100), Some(Dcb)),
            ("dcb;q=1, dcz;q=0.9, gzip;q=0.1", None, Some(Dcz)),
            ("br, dcb", None, None),
            ("br, dcb", Some(2 << 20), None),
            ("gzip, br, zstd", Some(100), None),
            ("*", Some(100), None),
            ("gzip, dcz;q=0.5", Some(100), None),
            ("gzip, dcz;q=0", Some(100), None),
        ] {
            let offer = offer(&[(ACCEPT_ENCODING, accept)]);
            let choice = offer.choice(&Headers::new(), length);
            assert_eq!(choice.map(|(coding, _)| coding), want, "{accept} {length:?}");
        }
    }

    #[test]
    fn only_what_may_be_read_by_all_and_by_the_page() {
        let accept = (ACCEPT_ENCODING, "dcz");
        let (site, mode) = (SEC_FETCH_SITE, SEC_FETCH_MODE);
        let (origin, allow) = ((ORIGIN, "https://a.example"), ACCESS_CONTROL_ALLOW_ORIGIN);
        for (asked, said, want) in [
            (vec![], vec![], true),
            (vec![(site.clone(), "same-origin"), (mode.clone(), "no-cors")], vec![], true),
            (vec![(site.clone(), "cross-site"), (mode.clone(), "no-cors")], vec![], false),
            (vec![(site.clone(), "none"), (mode.clone(), "navigate")], vec![], true),
            (vec![(mode.clone(), "cors"), origin.clone()], vec![], false),
            (vec![(mode.clone(), "cors"), origin.clone()], vec![(allow.clone(), "*")], true),
            (vec![(mode.clone(), "cors"), origin.clone()], vec![(allow.clone(), "https://a.example")], true),
            (vec![(mode.clone(), "cors"), origin], vec![(allow.clone(), "https://b.example")], false),
            (vec![(mode, "cors")], vec![(allow, "*")], false),
            (vec![], vec![(CACHE_CONTROL, "max-age=5, Private")], false),
            (vec![], vec![(CACHE_CONTROL, "no-store")], false),
            (vec![], vec![(SET_COOKIE, "a=b")], false),
            (vec![(COOKIE, "a=b")], vec![(CACHE_CONTROL, "max-age=5")], false),
            (vec![(COOKIE, "a=b")], vec![(CACHE_CONTROL, "public, max-age=5")], true),
            (vec![(AUTHORIZATION, "x")], vec![(CACHE_CONTROL, "s-maxage=5")], true),
            (vec![(AUTHORIZATION, "x")], vec![], false),
        ] {
            let offer = offer(&[std::slice::from_ref(&accept), &asked[..]].concat());
            assert_eq!(offer.choice(&headers(&said), None).is_some(), want, "{asked:?} {said:?}");
        }
    }

    #[test]
    fn what_is_offered() {
        let said = |sharing: Sharing, length| {
            sharing.field("/a.js", length).map(|value| value.to_str().unwrap_or("").to_owned())
        };
        assert_eq!(said(sharing(true, None), 1000).as_deref(), Some("match=\"/a.js\""));
        assert_eq!(said(sharing(true, Some("/app/*")), 10).as_deref(), Some("match=\"/app/*\""));
        assert_eq!((said(sharing(true, None), 1001), said(sharing(false, None), 10)), (None, None));
    }
}
