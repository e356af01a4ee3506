//! One stored response.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{AGE, CONTENT_LENGTH};
use http::{HeaderName, HeaderValue, StatusCode};

use super::contents::Contents;
use super::policy::{self, StoredView, Terms, leaves_the_edge};
use super::purge::{Mark, Standing};
use super::vary::Names;
use crate::http::{Headers, SharedFields};

/// One stored response: a variant of its key. It never changes; what is learned of it makes a new one that shares the body.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Status.
    pub status: StatusCode,
    /// Fields as clients get them: without `Age`, and without what only this edge reads.
    pub fields: Arc<SharedFields>,
    /// The stored fields that clients do not get.
    withheld: Headers,
    /// On which terms it is stored.
    pub terms: Terms,
    /// The request fields that chose it.
    pub chosen_by: Variant,
    /// The body, in its codings.
    pub contents: Contents,
    /// What purges look at.
    pub mark: Arc<Mark>,
}

/// What an entry is made of.
pub(super) struct Restored {
    pub(super) status: StatusCode,
    pub(super) told: Headers,
    pub(super) withheld: Headers,
    pub(super) terms: Terms,
    pub(super) chosen_by: Variant,
    pub(super) contents: Contents,
    pub(super) mark: Mark,
}

/// The request fields that chose a response, and what they said.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Variant {
    /// Names of the fields.
    pub names: Names,
    /// What the request said in them, in normal form.
    pub said: Box<[u8]>,
}

impl Variant {
    /// Of a request for a response that is chosen by these fields.
    pub fn of(names: Names, request: &Headers) -> Self {
        let mut said = Vec::new();
        names.write(request, &mut said);
        Self { names, said: said.into() }
    }

    /// Whether a request asks for it. `said` is room to write in.
    pub fn is_asked_by(&self, request: &Headers, said: &mut Vec<u8>) -> bool {
        if self.names.is_empty() {
            return true;
        }
        said.clear();
        self.names.write(request, said);
        **said == *self.said
    }

    fn weight(&self) -> usize {
        self.said.len() + self.names.iter().map(|name| size_of::<HeaderName>() + name.as_str().len()).sum::<usize>()
    }
}

impl Entry {
    /// A response with these fields. The fields get memory of their own.
    pub fn new(
        status: StatusCode,
        headers: &Headers,
        terms: Terms,
        chosen_by: Variant,
        contents: Contents,
        mark: Mark,
    ) -> Self {
        let (told, withheld) = parted(headers);
        Self { status, fields: SharedFields::copy(&told), withheld, terms, chosen_by, contents, mark: Arc::new(mark) }
    }

    /// One that was stored before, with the fields that clients get and those that they do not.
    pub(super) fn restored(parts: Restored) -> Self {
        let Restored { status, told, withheld, terms, chosen_by, contents, mark } = parts;
        Self { status, fields: SharedFields::copy(&told), withheld, terms, chosen_by, contents, mark: Arc::new(mark) }
    }

    /// The stored fields that clients do not get.
    pub(super) fn withheld(&self) -> &Headers {
        &self.withheld
    }

    /// The same with another body.
    #[must_use]
    pub fn with_contents(&self, contents: Contents) -> Self {
        Self { contents, ..self.clone() }
    }

    /// The same after more of its body came: with the fields of an older one that it does not have itself (RFC 9111 §3.4).
    pub(super) fn over(&self, older: &Self, contents: Contents) -> Self {
        let headers = policy::combined(&older.stored_headers(), &self.stored_headers());
        let (told, withheld) = parted(&headers);
        Self { fields: SharedFields::copy(&told), withheld, contents, ..self.clone() }
    }

    /// The same with the forms that another one has of the same body.
    pub(super) fn joined(self: &Arc<Self>, other: &Self) -> Arc<Self> {
        let mut contents = self.contents.clone();
        contents.join(&other.contents);
        if contents.weight() == self.contents.weight() { self.clone() } else { Arc::new(self.with_contents(contents)) }
    }

    /// The fields for a response, with room for so many more.
    pub fn headers(&self, more: usize) -> Headers {
        Headers::over(self.fields.clone(), more)
    }

    /// Whether it is in the language that a request wants most, and all else that chose it is the same.
    pub fn speaks_for(&self, request: &Headers) -> bool {
        let Variant { names, said } = &self.chosen_by;
        let mut wanted = Vec::new();
        names.write(request, &mut wanted);
        names.match_by_language(&wanted, said, request, &self.headers(0))
    }

    /// All fields that are stored, for a validation.
    pub fn stored_headers(&self) -> Headers {
        let mut headers = self.headers(self.withheld.len() + 1);
        headers.append(CONTENT_LENGTH, self.contents.identity.len().into());
        self.withheld.iter().for_each(|(name, value)| headers.append(name.clone(), value.clone()));
        headers
    }

    /// As the policy sees it. `headers` are those of [`Entry::stored_headers`], or any where only times matter.
    pub fn view<'a>(&'a self, headers: &'a Headers, standing: Standing) -> StoredView<'a> {
        StoredView { status: self.status, headers, terms: &self.terms, soft_purged: standing == Standing::Soft }
    }

    /// Octets of memory that it takes.
    pub fn weight(&self) -> usize {
        let withheld = self.withheld.list_size() + self.withheld.len() * size_of::<(HeaderName, HeaderValue)>();
        let parts = [self.fields.weight(), withheld, self.chosen_by.weight(), self.contents.weight()];
        size_of::<Self>() + self.mark.weight() + parts.iter().sum::<usize>()
    }
}

/// The fields that clients get, and copies of those that they do not.
fn parted(headers: &Headers) -> (Headers, Headers) {
    let own = |(name, value): (&HeaderName, &HeaderValue)| {
        Some((name.clone(), HeaderValue::from_maybe_shared(Bytes::copy_from_slice(value.as_bytes())).ok()?))
    };
    let withheld = headers.iter().filter(|(name, _)| !leaves_the_edge(name)).filter_map(own).collect();
    let told = headers
        .iter()
        .filter(|(name, _)| leaves_the_edge(name) && **name != AGE && **name != CONTENT_LENGTH)
        .map(|(name, value)| (name.clone(), value.clone()))
        .collect();
    (told, withheld)
}
