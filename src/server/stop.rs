//! Stopping: no new connections, running exchanges finish, and the exit status says whether all of them did.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::control::Stop;
use super::listeners::{Listeners, tell};
use super::worker::{Handle, Order};
use crate::observe::access_log::AccessLog;
use crate::observe::log;
use crate::snapshot::Cell;

/// How long the logs may take to be written at the end.
const LOGS: Duration = Duration::from_secs(5);

/// Drains the workers. A second signal ends it at once.
pub(super) async fn drain(
    workers: Vec<Handle>,
    listeners: Listeners,
    access_log: AccessLog,
    cell: &Arc<Cell>,
    mut stop: Stop,
) -> ExitCode {
    let timeout = cell.load().model.server.drain_timeout;
    log::note("draining", &[("seconds", timeout.as_secs().into())]);
    let until = Instant::now() + timeout;
    tell(&workers, || Order::Drain { until });
    listeners.remove_files();
    let joined =
        tokio::task::spawn_blocking(move || workers.into_iter().map(|worker| worker.thread.join()).collect::<Vec<_>>());
    let left = tokio::select! {
        joined = joined => joined.unwrap_or_default().into_iter().map(|left| left.unwrap_or(1)).sum::<usize>(),
        () = stop.recv() => {
            log::warn("stopped by a second signal", &[]);
            log::flush(LOGS);
            std::process::exit(1);
        }
    };
    let written = access_log.shutdown(LOGS);
    if left == 0 {
        log::note("stopped", &[]);
    } else {
        log::warn("stopped with connections cut off", &[("connections", (left as u64).into())]);
    }
    log::flush(LOGS);
    if left == 0 && written { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
