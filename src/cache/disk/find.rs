//! Finding a response, from the side of the worker: a look into the index, and a wait for a thread that reads.

use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use tokio::sync::oneshot;

use super::counts::{Failure, Refusal};
use super::head::Head;
use super::index::Spot;
use super::journal::Subject;
use super::read::{self, Loaded};
use super::tier::Tier;
use crate::cache::Content;
use crate::cache::key::Key;
use crate::cache::purge::Standing;
use crate::http::Headers;

/// How long a request waits for the disk.
const PATIENCE: Duration = Duration::from_secs(1);
/// A body up to this many octets goes to the memory when it is read; a larger one when it is read again.
const WHOLE: u64 = 1 << 20;
/// And not if it would take more than this part of the memory.
const MEMORY_PART: u64 = 16;

impl Tier {
    /// What is on the disk for a request: the response, its head, its body or where that is, and whether it was purged softly.
    pub(in crate::cache) async fn find(
        self: &Arc<Self>,
        key: &Key,
        request: &Headers,
    ) -> Option<(Head, Content, Standing)> {
        let sums = self.ready()?;
        let mut spots = self.index.find(sums.hash(&key.bytes));
        // Each round reads one; those that were chosen by the same fields are then told apart without reading them.
        while let Some(spot) = spots.first().copied() {
            spots.remove(0);
            let Loaded { record, head, content } = self.load(spot).await?;
            if head.key != key.bytes {
                return None;
            }
            let mut said = Vec::new();
            if head.chosen_by.is_asked_by(request, &mut said) {
                let subject = Subject {
                    number: record.number,
                    soft: record.soft,
                    slot: record.slot,
                    url: &head.url,
                    tags: &head.tags,
                };
                let standing = self.journal.standing(&subject, sums);
                if standing == Standing::Gone {
                    self.index.remove(spot.name, spot.place);
                    return None;
                }
                self.index.touch(&spot);
                self.counts.read.fetch_add(1, Relaxed);
                return Some((head, content, standing));
            }
            // What the request says in the fields of this one names the one that it asks for.
            let variant = sums.hash(&said) as u32;
            spots.retain(|other| other.name.names != spot.name.names || other.name.variant == variant);
        }
        None
    }

    async fn load(self: &Arc<Self>, spot: Spot) -> Option<Loaded> {
        let most = self.memory / MEMORY_PART;
        let whole = if spot.hits > 0 { most } else { WHOLE.min(most) };
        let (answer, answered) = oneshot::channel();
        let tier = self.clone();
        // Whoever asked may have left.
        let read = move || drop(answer.send(read::load(&tier, &spot, whole)));
        if !self.read_soon(Box::new(read), 0) {
            self.counts.refused(Refusal::ReadQueue);
            return None;
        }
        match tokio::time::timeout(PATIENCE, answered).await {
            Ok(Ok(Ok(loaded))) => loaded,
            Ok(Ok(Err(failure))) => {
                self.spoilt(spot.name, spot.place, failure);
                None
            }
            Ok(Err(_)) => None,
            Err(_) => {
                self.counts.failed(Failure::Slow);
                None
            }
        }
    }
}
