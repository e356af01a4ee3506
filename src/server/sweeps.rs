//! Takes out of the cache what purges and unsafe requests made invalid: it is never served, but it takes memory.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::task::JoinHandle;

use crate::cache::Store;

/// A sweep looks at every entry, so there is one at most in so long.
const PAUSE: Duration = Duration::from_secs(10);

/// Sweeps of the store, each on a thread of its own.
#[derive(Default)]
pub(super) struct Sweeps {
    /// The latest purge that was swept, and when.
    last: Option<(u64, Instant)>,
    running: Option<JoinHandle<()>>,
}

impl Sweeps {
    /// Begins one, where there is reason to.
    pub(super) fn look(&mut self, store: &Arc<Store>, now: Instant) {
        let purge = store.purges.now();
        let busy = self.running.as_ref().is_some_and(|running| !running.is_finished());
        let due = self.last.map_or(purge > 1, |(last, at)| last != purge && now.duration_since(at) >= PAUSE);
        if busy || !due {
            return;
        }
        self.last = Some((purge, now));
        let store = store.clone();
        self.running = Some(tokio::task::spawn_blocking(move || {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            store.sweep(u64::try_from(since.as_millis()).unwrap_or(u64::MAX), &[]);
        }));
    }
}
