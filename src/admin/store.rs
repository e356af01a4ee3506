//! The store of the cache, as an operator looks at it: how full it is, in memory and on the disk, and what went wrong.

use http::StatusCode;
use serde_json::{Map, Value, json};

use super::reply::{Reply, json, problem};
use super::surface::Surface;
use crate::cache::disk::{DiskLimits, DiskSize, Failure, Refusal};
use crate::cache::{Size, Store};

/// Shows it.
pub(crate) fn state(surface: &dyn Surface) -> Reply {
    match surface.cache() {
        Some(store) => json(StatusCode::OK, &shown(&store)),
        None => problem(StatusCode::NOT_FOUND, "no route has a cache"),
    }
}

fn shown(store: &Store) -> Value {
    let Size { keys, octets, limit, evicted, flights, filling, purges, dictionaries } = store.size();
    let disk = store.disk_limits().zip(store.disk_size()).map(|(limits, size)| disk(limits, &size));
    json!({
        "memory": { "keys": keys, "bytes": octets, "limit_bytes": limit, "filling_bytes": filling, "evictions": evicted },
        "dictionary_bytes": dictionaries,
        "fetches": flights,
        "purges": purges,
        "disk": disk,
    })
}

fn disk(limits: &DiskLimits, size: &DiskSize) -> Value {
    let DiskSize { entries, octets, limit, index, queued, written, read, evicted, refused, failed, .. } = *size;
    json!({
        "path": limits.path.display().to_string(),
        "state": condition(size),
        "entries": entries,
        "bytes": octets,
        "limit_bytes": limit,
        "index_bytes": index,
        "queued_bytes": queued,
        "written": written,
        "read": read,
        "evictions": evicted,
        "refused": counts(Refusal::ALL.iter().map(|why| why.label()), &refused),
        "failures": counts(Failure::ALL.iter().map(|why| why.label()), &failed),
    })
}

/// The worst that is so.
const fn condition(size: &DiskSize) -> &'static str {
    match (size.open, size.failing, size.rebuilding) {
        (false, ..) => "closed",
        (true, true, _) => "failing",
        (true, false, true) => "rebuilding",
        (true, false, false) => "ready",
    }
}

fn counts(words: impl Iterator<Item = &'static str>, counts: &[u64]) -> Map<String, Value> {
    words.zip(counts).map(|(word, count)| (word.to_owned(), json!(count))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_is_said() {
        let size = |open, failing, rebuilding| DiskSize { open, failing, rebuilding, ..DiskSize::default() };
        for (size, want) in [
            (size(false, false, false), "closed"),
            (size(false, true, true), "closed"),
            (size(true, true, true), "failing"),
            (size(true, false, true), "rebuilding"),
            (size(true, false, false), "ready"),
        ] {
            assert_eq!(condition(&size), want, "{size:?}");
        }
    }
}
