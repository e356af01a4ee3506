//! The body of a stored response in all its forms: as the origin sent it, and compressed by us.

use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};

use super::content::Content;
use super::dictionaries::Site;
use crate::http::dictionary::Hash;
use crate::http::negotiate::Coding;

/// Forms of one body that are made with the help of a dictionary; the oldest goes for the next.
const MAX_WITH_DICTIONARY: usize = 4;

/// How a body was compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Form {
    /// The coding.
    pub coding: Coding,
    /// The SHA-256 of the dictionary, for the codings that have one.
    pub dictionary: Option<Hash>,
}

impl From<Coding> for Form {
    fn from(coding: Coding) -> Self {
        Self { coding, dictionary: None }
    }
}

/// A body in the codings in which it is there: as the origin sent it, and compressed by us. All are revalidated together, and go together.
#[derive(Clone, Debug, Default)]
pub struct Contents {
    /// As the origin sent it.
    pub identity: Content,
    /// The same for all that is made of one body, whatever is learned of its response.
    body: BodyId,
    /// As we made it of that.
    encoded: Vec<(Form, Content)>,
}

/// Which body it is. Two bodies of the same octets are two.
#[derive(Clone, Debug, Default)]
pub struct BodyId(Arc<Known>);

/// What is known of a body as a dictionary.
#[derive(Debug, Default)]
struct Known {
    /// It was offered as one of that origin while it was still coming.
    wanted: OnceLock<Site>,
    /// Somebody hashes it.
    claimed: AtomicBool,
    hash: OnceLock<Hash>,
}

impl BodyId {
    /// Its SHA-256, where that was asked for before.
    pub fn hash(&self) -> Option<&Hash> {
        self.0.hash.get()
    }

    pub(super) fn set_hash(&self, hash: Hash) {
        let _ = self.0.hash.set(hash);
    }

    /// Takes on to hash it; false where somebody else did.
    pub(super) fn claim(&self) -> bool {
        !self.0.claimed.swap(true, Relaxed)
    }

    /// Whoever sees the end of it is to keep it as a dictionary.
    pub fn want(&self, site: Site) {
        let _ = self.0.wanted.set(site);
    }

    /// The origin whose dictionary it is to be.
    pub fn wanted(&self) -> Option<Site> {
        self.0.wanted.get().copied()
    }

    /// A number that no other body has as long as this value is there.
    pub(super) fn number(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }
}

impl PartialEq for BodyId {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Contents {
    /// As the origin sent it.
    pub fn identity(content: Content) -> Self {
        Self { identity: content, ..Self::default() }
    }

    /// With the octets of the body that it stands for, now that they are there.
    #[must_use]
    pub fn filled(&self, content: Content) -> Self {
        Self { identity: content, ..self.clone() }
    }

    /// Which body it is.
    pub const fn body(&self) -> &BodyId {
        &self.body
    }

    /// In that form, where it is there.
    pub fn form(&self, form: Form) -> Option<&Content> {
        self.encoded.iter().find(|(known, _)| *known == form).map(|(_, content)| content)
    }

    /// With one form more.
    #[must_use]
    pub fn with(mut self, form: Form, content: Content) -> Self {
        self.encoded.retain(|(known, _)| *known != form);
        self.encoded.push((form, content));
        let with_dictionary = |(form, _): &(Form, Content)| form.dictionary.is_some();
        if self.encoded.iter().filter(|one| with_dictionary(one)).count() > MAX_WITH_DICTIONARY
            && let Some(oldest) = self.encoded.iter().position(with_dictionary)
        {
            self.encoded.remove(oldest);
        }
        self
    }

    /// With the forms of another one that it does not have, where both are of one body.
    pub(super) fn join(&mut self, other: &Self) {
        if self.body == other.body {
            for (form, content) in &other.encoded {
                if self.form(*form).is_none() {
                    self.encoded.push((*form, content.clone()));
                }
            }
        }
    }

    /// Octets of memory that it takes.
    pub(super) fn weight(&self) -> usize {
        const ID: usize = 96;
        let encoded = self.encoded.iter().map(|(_, content)| content.weight() + size_of::<(Form, Content)>());
        ID + self.identity.weight() + encoded.sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_found_counted_and_bounded() {
        let plain = Contents::identity(Content::copy(&[1; 1000]));
        let form = |number: u8| Form { coding: Coding::Zstd, dictionary: Some([number; 32]) };
        let mut contents = plain.clone().with(Coding::Br.into(), Content::copy(&[2; 500]));
        assert!(contents.weight() >= plain.weight() + 500);
        for number in 0..6 {
            contents = contents.with(form(number), Content::copy(&[number; 10]));
        }
        let there: Vec<_> = (0..6).map(|number| contents.form(form(number)).is_some()).collect();
        assert_eq!(there, [false, false, true, true, true, true]);
        assert!(contents.form(Coding::Br.into()).is_some() && contents.form(Coding::Gzip.into()).is_none());
    }

    #[test]
    fn forms_are_those_of_one_body() {
        let one = Contents::identity(Content::copy(b"same"));
        let made = one.clone().with(Coding::Br.into(), Content::copy(b"s"));
        let mut updated = one.clone();
        updated.join(&made);
        assert!(updated.form(Coding::Br.into()).is_some());
        let mut another = Contents::identity(Content::copy(b"same"));
        another.join(&made);
        assert!(another.form(Coding::Br.into()).is_none());
        assert!(one.filled(Content::Empty).body() == one.body() && another.body() != one.body());
    }
}
