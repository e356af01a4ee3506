//! What is stored under one key: the variants that `Vary` makes.

use std::sync::Arc;

use super::entry::Entry;
use super::policy::{Millis, NotStored};
use super::purge::{Purges, Standing};
use super::table::Stored;
use crate::http::Headers;

/// Octets that the table itself takes for a key: its node, its place in two queues, two reference counts.
const NODE: usize = 256;

/// What is stored under one key.
#[derive(Debug, Default)]
pub struct Slot {
    /// The newest first.
    pub(super) variants: Box<[Arc<Entry>]>,
    /// Until then nobody waits for the fetch of another one: what came last was not to be stored.
    pub(super) pass_until: Millis,
    /// Why.
    pub(super) pass_why: Option<NotStored>,
}

impl Slot {
    /// The variant that a request asks for, if it was not purged. `said` is room to write in; `by_language` lets one in the language that
    /// the client wants most stand for one that is not there.
    pub fn select<'a>(
        &'a self,
        purges: &Purges,
        request: &Headers,
        said: &mut Vec<u8>,
        by_language: bool,
    ) -> Option<(&'a Arc<Entry>, Standing)> {
        let good = |entry: &'a Arc<Entry>| {
            let standing = purges.standing(&entry.mark);
            (standing != Standing::Gone).then_some((entry, standing))
        };
        let mut exact = self.variants.iter().filter(|entry| entry.chosen_by.is_asked_by(request, said));
        exact.find_map(good).or_else(|| {
            let mut near = self.variants.iter().filter(|entry| by_language && entry.speaks_for(request));
            near.find_map(good)
        })
    }

    /// The variants, the newest first.
    pub fn variants(&self) -> &[Arc<Entry>] {
        &self.variants
    }

    /// Whether nobody is to wait for the fetch of another one.
    pub const fn passes(&self, now: Millis) -> bool {
        now < self.pass_until
    }

    /// Why what came last was not to be stored, where it was not.
    pub const fn passed_for(&self) -> Option<NotStored> {
        self.pass_why
    }

    /// Octets that it takes, with its key.
    pub(super) fn weight(&self, key: &Stored) -> usize {
        let variants = self.variants.iter().map(|entry| entry.weight() + size_of::<Arc<Entry>>());
        NODE + key.0.bytes.len() + size_of::<Self>() + variants.sum::<usize>()
    }
}
