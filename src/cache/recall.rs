//! The disk beneath the store: opened, closed, and what is on it brought back.

use std::sync::Arc;
use std::time::Duration;

use super::content::Content;
use super::contents::Contents;
use super::disk::{DiskLimits, DiskSize};
use super::entry::{Entry, Restored};
use super::flight::{FlightKey, Join, Settled};
use super::key::{Key, KeyRef};
use super::purge::Standing;
use super::store::Store;
use crate::http::Headers;

/// Stands for the disk among the flights of a key: who comes second waits for the first one's read.
const DISK: u64 = u64::MAX;
/// How long it waits.
const PATIENCE: Duration = Duration::from_secs(2);

impl Store {
    /// What bounds its disk tier.
    pub fn disk_limits(&self) -> Option<&DiskLimits> {
        self.disk.as_ref().map(|disk| disk.limits())
    }

    /// Opens the disk tier, on threads of its own.
    pub fn open(self: &Arc<Self>) {
        if let Some(disk) = &self.disk {
            disk.start(Arc::downgrade(self));
        }
    }

    /// Gives the folder of the disk tier to whoever comes next; the memory stays.
    pub fn close(&self) {
        if let Some(disk) = &self.disk {
            disk.stop();
        }
    }

    /// How the disk tier is doing.
    pub fn disk_size(&self) -> Option<DiskSize> {
        self.disk.as_ref().map(|disk| disk.size())
    }

    /// Waits until the purges so far are on the disk, so that they hold after a restart; at most a few seconds.
    pub async fn settled(&self) {
        if let Some(disk) = &self.disk {
            disk.settled().await;
        }
    }

    /// Whether something may be on the disk for that key.
    pub fn may_recall(&self, key: KeyRef<'_>) -> bool {
        self.disk.as_ref().is_some_and(|disk| disk.has(key.bytes))
    }

    /// The response to a request that is on the disk. What is small, or asked for again, goes to the memory on the way; the body of
    /// anything else stays where it is. Workers wait for this as they wait for an upstream.
    pub async fn recall(&self, key: &Key, request: &Headers) -> Option<(Arc<Entry>, Standing)> {
        let lead = match self.flights.join(FlightKey { key: key.clone(), variant: DISK }) {
            Join::Lead(lead) => Some(lead),
            Join::Follow(flight) => match tokio::time::timeout(PATIENCE, flight.settled()).await {
                Ok(Settled::Whole(entry)) if entry.chosen_by.is_asked_by(request, &mut Vec::new()) => {
                    let standing = self.purges.standing(&entry.mark);
                    return (standing != Standing::Gone).then_some((entry, standing));
                }
                // Nothing to share: each reads for itself.
                Ok(_) => None,
                Err(_) => return None,
            },
        };
        let recalled = self.read(key, request).await;
        if let Some(lead) = lead {
            lead.settle(match &recalled {
                Some((entry, _)) if !matches!(entry.contents.identity, Content::OnDisk(_)) => {
                    Settled::Whole(entry.clone())
                }
                _ => Settled::Alone,
            });
            lead.finish();
        }
        recalled
    }

    async fn read(&self, key: &Key, request: &Headers) -> Option<(Arc<Entry>, Standing)> {
        // What is purged from here on covers it.
        let since = self.purges.now();
        let (head, content, standing) = self.disk.as_ref()?.find(key, request).await?;
        let mark = self.purges.mark(since, (&*head.url).into(), head.tags).softly_purged(standing == Standing::Soft);
        let in_memory = !matches!(content, Content::OnDisk(_));
        let contents = match &self.disk_forms {
            Some(forms) => forms.of(content),
            None => Contents::identity(content),
        };
        let entry = Arc::new(Entry::restored(Restored {
            status: head.status,
            told: head.told,
            withheld: head.withheld,
            terms: head.terms,
            chosen_by: head.chosen_by,
            contents,
            mark,
        }));
        if in_memory {
            self.add(key, &entry);
        }
        let standing = self.purges.standing(&entry.mark);
        (standing != Standing::Gone).then_some((entry, standing))
    }
}
