//! How parts of a response come into the store, and together (RFC 9111 §3.4).

use std::sync::Arc;

use super::content::Content;
use super::contents::Contents;
use super::entry::Entry;
use super::key::Key;
use super::parts::Parts;
use super::policy;
use super::purge::Standing;
use super::slot::Slot;
use super::store::Store;

impl Store {
    /// Stores a part of a body that begins at that octet, together with what is here of the same representation, up to `max` octets: what
    /// there is now. `head` is of the response that brought it, with the parts that it was to complete. `None` where it was purged since
    /// it was asked for.
    pub fn put_part(&self, key: &Key, head: &Entry, first: u64, content: &Content, max: u64) -> Option<Arc<Entry>> {
        let mut stored = None;
        self.change(key, |slot| {
            stored = None;
            if self.purges.standing(&head.mark) == Standing::Gone {
                return None;
            }
            let variants = slot.map_or(&[][..], |slot| slot.variants());
            let before = variants.iter().find(|other| other.chosen_by == head.chosen_by);
            let entry = Arc::new(match before.filter(|before| self.belong(before, head)) {
                Some(before) => match before.contents.identity.parts() {
                    Some(parts) => head.over(before, contents(parts, first, content, max)),
                    // The whole has come meanwhile.
                    None => {
                        stored = Some(before.clone());
                        return None;
                    }
                },
                None => head.with_contents(contents(head.contents.identity.parts()?, first, content, max)),
            });
            stored = Some(entry.clone());
            let others = variants.iter().filter(|other| other.chosen_by != head.chosen_by).cloned();
            let variants = std::iter::once(entry).chain(others).take(self.limits.variants.max(1)).collect();
            let (pass_until, pass_why) = slot.map_or((0, None), |slot| (slot.pass_until, slot.pass_why));
            Some(Slot { variants, pass_until, pass_why })
        });
        if let (Some(disk), Some(entry)) = (&self.disk, &stored) {
            match &entry.contents.identity {
                // What is on the disk is of another representation, or it would have answered.
                Content::Parts(_) => disk.forget(key, &entry.chosen_by),
                _ => disk.keep(key, entry, entry.terms.received),
            }
        }
        stored
    }

    /// Whether what is stored is of the representation that a new part is of.
    fn belong(&self, stored: &Entry, new: &Entry) -> bool {
        stored.status == new.status
            && stored.contents.identity.len() == new.contents.identity.len()
            && policy::is_same(&stored.headers(0), &new.headers(0))
            && self.purges.standing(&stored.mark) == Standing::Good
    }
}

/// The parts with one more; the body itself, where that was the last one.
fn contents(parts: &Parts, first: u64, content: &Content, max: u64) -> Contents {
    let parts = parts.with(first, content.clone(), max);
    Contents::identity(parts.whole().unwrap_or_else(|| Content::Parts(Arc::new(parts))))
}
