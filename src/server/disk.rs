//! The disk tier of the cache, as the control thread opens it, hands it over, and shows it.

use std::sync::Arc;

use crate::cache::disk::{DiskSize, Failure, Refusal};
use crate::observe::metrics::{Exposition, Kind};
use crate::snapshot::Snapshot;

/// Opens the tier of a snapshot that was published, unless it is the one that was there before, which goes otherwise.
pub(super) fn follow(before: Option<&Snapshot>, now: &Snapshot) {
    let old = before.and_then(|before| before.cache.as_ref());
    match (old, &now.cache) {
        (Some(old), Some(new)) if Arc::ptr_eq(old, new) => {}
        (old, new) => {
            // The folder may be the same.
            if let Some(old) = old {
                old.close();
            }
            if let Some(new) = new {
                new.open();
            }
        }
    }
}

/// Leaves the folder to the process that takes over.
pub(super) fn leave(snapshot: &Snapshot) {
    if let Some(store) = &snapshot.cache {
        store.close();
    }
}

/// How it is doing.
pub(super) fn expose(snapshot: &Snapshot, out: &mut Exposition) {
    let Some(size) = snapshot.cache.as_ref().and_then(|store| store.disk_size()) else { return };
    let DiskSize {
        open,
        rebuilding,
        failing,
        entries,
        octets,
        limit,
        index,
        queued,
        written,
        read,
        evicted,
        refused,
        failed,
    } = size;
    let gauges = [
        ("tidegate_cache_disk_open", u64::from(open), "Whether this process owns the folder of the disk cache."),
        (
            "tidegate_cache_disk_rebuilding",
            u64::from(rebuilding),
            "Whether the index of the disk cache is being built.",
        ),
        ("tidegate_cache_disk_failing", u64::from(failing), "Whether the disk takes nothing at the moment."),
        ("tidegate_cache_disk_entries", entries, "Responses in the disk cache."),
        ("tidegate_cache_disk_bytes", octets, "Octets of the files of the disk cache."),
        ("tidegate_cache_disk_limit_bytes", limit, "Octets that these files may take."),
        ("tidegate_cache_disk_index_bytes", index, "Octets of memory that the index of the disk cache takes."),
        ("tidegate_cache_disk_queued_bytes", queued, "Octets that wait to be written to the disk cache."),
    ];
    for (name, value, help) in gauges {
        out.family(name, Kind::Gauge, help).sample(&[], value);
    }
    let counters = [
        ("tidegate_cache_disk_written_total", written, "Responses that were written to the disk cache."),
        ("tidegate_cache_disk_read_total", read, "Responses that were found in the disk cache."),
        ("tidegate_cache_disk_evicted_total", evicted, "Responses that went from the disk cache for others."),
    ];
    for (name, value, help) in counters {
        out.family(name, Kind::Counter, help).sample(&[], value);
    }
    let help = "Jobs for the disk cache that were not taken, because too many waited.";
    let mut family = out.family("tidegate_cache_disk_refused_total", Kind::Counter, help);
    for (reason, count) in Refusal::ALL.iter().zip(refused) {
        family.sample(&[("reason", reason.label())], count);
    }
    let mut family =
        out.family("tidegate_cache_disk_failures_total", Kind::Counter, "What went wrong in the disk cache.");
    for (reason, count) in Failure::ALL.iter().zip(failed) {
        family.sample(&[("reason", reason.label())], count);
    }
}
