//! What was stored, as dictionaries for what comes after it (RFC 9842): a client that has the old version is sent what has changed.
//!
//! A response that was offered as a dictionary stays here when it is stored no more, within a part of the memory of its own. Each origin
//! has its own dictionaries: what one has told a client is of no use with another.

use aws_lc_rs::digest::{Context, SHA256};
use bytes::{Bytes, BytesMut};
use moka::sync::Cache;

use super::content::Content;
use super::contents::BodyId;
use super::key;
use crate::http::dictionary::{Dictionary, Hash};
use crate::http::{Scheme, authority};

/// Octets that are hashed before others of the worker have their turn.
const SLICE: usize = 128 * 1024;
/// Octets of memory beside those of a dictionary itself.
const SHARE: usize = 256;

/// Scheme, host and port, in short. Who can make two of them meet gains a dictionary that no client has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Site(u128);

/// The dictionaries of the process.
#[derive(Debug)]
pub struct Dictionaries {
    table: Cache<(Site, Hash), Dictionary>,
    seed: u64,
}

/// They may take this part of the memory of the store, beside it.
const PART: u64 = 8;

impl Dictionaries {
    /// None yet, for a store of so many octets.
    pub(super) fn beside(memory: u64, seed: u64) -> Self {
        Self::new(memory / PART, seed)
    }

    /// None yet, and at most so many octets of them.
    fn new(limit: u64, seed: u64) -> Self {
        let weight = |_: &(Site, Hash), dictionary: &Dictionary| {
            u32::try_from(dictionary.octets().len() + SHARE).unwrap_or(u32::MAX)
        };
        Self { table: Cache::builder().max_capacity(limit).weigher(weight).build(), seed }
    }

    /// The origin (RFC 6454) of a request.
    pub fn site(&self, scheme: Scheme, named: &str) -> Site {
        let text = format!("{}://{}", scheme.as_str(), authority::shortest(named, scheme));
        Site(key::hash(text.to_ascii_lowercase().as_bytes(), self.seed))
    }

    /// The dictionary that a client of that origin has.
    pub fn find(&self, site: Site, hash: &Hash) -> Option<Dictionary> {
        self.table.get(&(site, *hash))
    }

    /// Whether a body is to be learned: nobody does so yet, or it was forgotten since.
    pub fn wants(&self, site: Site, body: &BodyId) -> bool {
        match body.hash() {
            Some(hash) => !self.table.contains_key(&(site, *hash)),
            None => body.claim(),
        }
    }

    /// Keeps a body as a dictionary. It is hashed once, a slice at a time.
    pub async fn learn(&self, site: Site, body: &BodyId, content: &Content) {
        let slices = content.slices();
        let hash = match body.hash() {
            Some(hash) => *hash,
            None => {
                let hash = hash(slices).await;
                body.set_hash(hash);
                hash
            }
        };
        if let Some(dictionary) = Dictionary::new(hash, joined(slices)) {
            self.table.insert((site, hash), dictionary);
        }
    }

    /// Does what the table has put off.
    pub(super) fn maintain(&self) {
        self.table.run_pending_tasks();
    }

    /// Octets that they take; exact after the maintenance of the store.
    pub fn octets(&self) -> u64 {
        self.table.weighted_size()
    }
}

async fn hash(slices: &[Bytes]) -> Hash {
    let mut context = Context::new(&SHA256);
    for (turn, part) in slices.iter().flat_map(|slice| slice.chunks(SLICE)).enumerate() {
        if turn > 0 {
            tokio::task::yield_now().await;
        }
        context.update(part);
    }
    let mut hash = Hash::default();
    hash.copy_from_slice(context.finish().as_ref());
    hash
}

/// In one piece, without a copy where it is one already.
fn joined(slices: &[Bytes]) -> Bytes {
    match slices {
        [one] => one.clone(),
        several => several
            .iter()
            .fold(BytesMut::new(), |mut all, slice| {
                all.extend_from_slice(slice);
                all
            })
            .freeze(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_is_learned_once_for_its_origin() {
        let known = Dictionaries::new(100_000, 7);
        let (site, other) = (known.site(Scheme::Https, "A.example:443"), known.site(Scheme::Https, "b.example"));
        assert_eq!(site, known.site(Scheme::Https, "a.example"));
        assert_ne!(site, known.site(Scheme::Http, "a.example"));
        let (body, octets) = (BodyId::default(), vec![7; 300_000]);
        for content in [Content::copy(&octets[..40_000]), Content::copy(&octets[..40_000])] {
            assert_eq!(known.wants(site, &body), body.hash().is_none(), "once");
            known.learn(site, &body, &content).await;
        }
        let hash = *body.hash().expect("it was hashed");
        assert_eq!(hash[..], aws_lc_rs::digest::digest(&SHA256, &octets[..40_000]).as_ref()[..]);
        assert_eq!(known.find(site, &hash).expect("known").octets(), &octets[..40_000]);
        assert!(known.find(other, &hash).is_none(), "of another origin");
        known.maintain();
        assert!((40_000..41_000).contains(&known.octets()), "{}", known.octets());
    }

    #[tokio::test]
    async fn they_take_no_more_than_they_may() {
        let known = Dictionaries::new(100_000, 7);
        let site = known.site(Scheme::Https, "a.example");
        for number in 0..50_u8 {
            known.learn(site, &BodyId::default(), &Content::copy(&[number; 10_000])).await;
        }
        known.maintain();
        assert!(known.octets() <= 100_000, "{}", known.octets());
    }
}
