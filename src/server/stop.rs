//! Stopping: no new connections, running exchanges finish, and the exit status says whether all of them did.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::listeners::{Listeners, tell};
use super::signals::Stop;
use super::worker::{Handle, Order};
use crate::observe::access_log::AccessLog;
use crate::observe::log;
use crate::snapshot::Cell;

/// How long the logs may take to be written at the end.
const LOGS: Duration = Duration::from_secs(5);

/// Drains the workers. A second signal ends it at once.
///
/// Where the sockets have passed on to another process, a connection without a request waits for a last one, for half of the time: its client
/// may be sending it right now, and nobody is in a hurry.
pub(super) async fn drain(
    workers: Vec<Handle>,
    (listeners, passed_on): (Listeners, bool),
    access_log: AccessLog,
    cell: &Arc<Cell>,
    mut stop: Stop,
) -> ExitCode {
    let server = cell.load().model.server.clone();
    if !passed_on && let Some(delay) = server.drain_delay {
        log::note("stopping soon; new work is still taken", &[("seconds", delay.as_secs().into())]);
        tokio::select! {
            () = tokio::time::sleep(delay) => {}
            () = stop.recv() => at_once(),
        }
    }
    let timeout = server.drain_timeout;
    log::note("draining", &[("seconds", timeout.as_secs().into())]);
    let now = Instant::now();
    let (until, linger) = (now + timeout, if passed_on { now + timeout / 2 } else { now });
    listeners.close(passed_on);
    tell(&workers, || Order::Drain { until, linger });
    let joined =
        tokio::task::spawn_blocking(move || workers.into_iter().map(|worker| worker.thread.join()).collect::<Vec<_>>());
    let left = tokio::select! {
        joined = joined => joined.unwrap_or_default().into_iter().map(|left| left.unwrap_or(1)).sum::<usize>(),
        () = stop.recv() => at_once(),
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

fn at_once() -> ! {
    log::warn("stopped by a second signal", &[]);
    log::flush(LOGS);
    std::process::exit(1);
}
