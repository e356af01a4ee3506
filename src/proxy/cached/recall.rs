//! What the memory does not have and the disk may.

use super::look::{self, Found, Need, nothing_cached};
use super::{Asked, now};
use crate::cache::policy::Lookup;

/// Asks the disk, and goes on as if what it has had been in memory.
pub(super) async fn recall(asked: &Asked<'_>, lookup: &Lookup, need: Need) -> Found {
    match asked.store.recall(&need.key, asked.request.headers()).await {
        Some((entry, standing)) => {
            let judged = look::judge(asked, lookup, (need.key.borrow(), &entry, standing), now());
            look::found(judged, &entry, |why, stale, passes| Need { why, stale, passes, ..need })
        }
        None if lookup.directives.only_if_cached => Found::Answer(nothing_cached()),
        None => Found::Fetch(need),
    }
}
