//! What a supervisor such as systemd is told: that the process serves, reloads or stops (sd_notify(3)), and that it is alive.
//!
//! Nobody listens where `NOTIFY_SOCKET` is not set; then this does nothing.

use std::time::{Duration, Instant};

use sd_notify::NotifyState;

/// It serves, with the config that it has read.
pub(super) fn ready() {
    tell(&[NotifyState::Ready]);
}

/// It reads its config again; `ready` ends that.
pub(super) fn reloading() {
    // systemd wants to know when, and takes the word of `Type=notify-reload` services only with it.
    if let Ok(now) = NotifyState::monotonic_usec_now() {
        tell(&[NotifyState::Reloading, now]);
    }
}

/// It takes nothing new and ends soon.
pub(super) fn stopping() {
    tell(&[NotifyState::Stopping]);
}

/// Another process has taken its place.
pub(super) fn succeeded_by(process: u32) {
    tell(&[NotifyState::MainPid(process), NotifyState::Ready]);
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        crate::observe::log::warn("the supervisor cannot be told", &[("error", crate::observe::log::show(&error))]);
    }
}

/// Tells the supervisor that the control thread runs, where it wants to know (`WatchdogSec=`).
pub(super) struct Watchdog {
    every: Option<Duration>,
    told: Instant,
}

impl Watchdog {
    /// As the environment asks for it.
    pub(super) fn new() -> Self {
        // Half of the time, as the manual advises.
        Self { every: sd_notify::watchdog_enabled().map(|time| time / 2), told: Instant::now() }
    }

    /// The control thread runs. Call it often.
    pub(super) fn alive(&mut self) {
        if self.every.is_some_and(|every| self.told.elapsed() >= every) {
            tell(&[NotifyState::Watchdog]);
            self.told = Instant::now();
        }
    }
}
