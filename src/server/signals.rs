//! The signals that the program takes.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The signals of the contract.
pub(super) struct Signals {
    pub(super) reload: Signal,
    pub(super) reopen: Signal,
    pub(super) upgrade: Signal,
    pub(super) stop: Stop,
}

/// TERM and INT.
pub(super) struct Stop {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            reload: signal(SignalKind::hangup())?,
            reopen: signal(SignalKind::user_defined1())?,
            upgrade: signal(SignalKind::user_defined2())?,
            stop: Stop { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? },
        })
    }
}

impl Stop {
    /// Either of them.
    pub(super) async fn recv(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}
