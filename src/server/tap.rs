//! Carries what a tap sees to whoever asked for it, at the speed at which it is taken.

use std::time::Duration;

use bytes::Bytes;
use tokio::sync::mpsc::Sender;

use crate::observe::lookout::Watch;

/// How often the lines of a tap are taken: workers wake nobody.
const LOOK: Duration = Duration::from_millis(50);
/// Octets that go at once.
const CHUNK: usize = 64 << 10;
/// Looks without a line after which an empty one is sent, so that an end that is gone is found.
const QUIET: u32 = 200;

/// Until nobody takes it any more. An empty line says that it has begun.
pub(super) async fn pour(watch: Watch, chunks: Sender<Bytes>) {
    let mut quiet = QUIET;
    loop {
        let mut text = watch.take(CHUNK);
        let missed = watch.missed();
        if missed > 0 {
            text.extend_from_slice(format!("{{\"missed\":{missed}}}\n").as_bytes());
        }
        quiet += 1;
        if text.is_empty() && quiet > QUIET {
            text.push(b'\n');
        }
        if text.is_empty() {
            tokio::select! {
                () = tokio::time::sleep(LOOK) => continue,
                () = chunks.closed() => return,
            }
        }
        quiet = 0;
        if chunks.send(text.into()).await.is_err() {
            return;
        }
    }
}
