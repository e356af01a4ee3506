//! Compressed forms of bodies that stay on the disk: kept in memory, so that a hit compresses none of them twice.
//!
//! By the place of the record on the disk, which is that of one body for ever: what is written again, or validated, has another place, and
//! its forms are made once more. What is gone from the disk is asked for no more, and goes for others.

use moka::sync::Cache;

use super::content::Content;
use super::contents::{BodyId, Contents, Form};

/// Octets that the table takes for one of them.
const NODE: usize = 320;
/// Which part of the store's memory they may take.
pub(super) const PART: u64 = 16;

/// The forms.
#[derive(Debug)]
pub(super) struct DiskForms(Cache<u64, Contents>);

impl DiskForms {
    /// None yet, of so many octets.
    pub(super) fn new(octets: u64) -> Self {
        let weigh = |_: &u64, contents: &Contents| u32::try_from(NODE + contents.weight()).unwrap_or(u32::MAX);
        Self(Cache::builder().max_capacity(octets).weigher(weigh).build())
    }

    /// A body on the disk, with its forms: the same body for all that ask, so that they share the making of one.
    pub(super) fn of(&self, content: Content) -> Contents {
        match content.place() {
            Some(place) => self.0.get_with(place, Contents::default).filled(content),
            None => Contents::identity(content),
        }
    }

    /// Adds a form of the body at a place; false where it is not known any more.
    pub(super) fn add(&self, place: u64, body: &BodyId, form: Form, content: &Content) -> bool {
        let Some(known) = self.0.get(&place).filter(|known| known.body() == body) else { return false };
        self.0.insert(place, known.with(form, content.clone()));
        true
    }

    pub(super) fn maintain(&self) {
        self.0.run_pending_tasks();
    }
}
