//! Taking the folder, however long that takes.

use std::time::{Duration, Instant};

use super::counts::Failure;
use super::files::{Folder, OpenError};
use super::tier::Tier;
use crate::observe::log;

/// How often a folder that another process owns is tried again.
const BUSY: Duration = Duration::from_millis(250);
/// How often a folder that cannot be used is tried again.
const FAILED: Duration = Duration::from_secs(30);

/// Takes the folder; `None` where the tier was stopped before it could be had.
pub(super) fn take(tier: &Tier) -> Option<Folder> {
    let (mut waits, mut failed) = (false, false);
    while !tier.is_stopped() {
        let path = [("path", log::show(&tier.limits.path.display()))];
        let pause = match Folder::open(&tier.limits.path) {
            Ok(folder) => {
                log::note("the disk cache is open", &path);
                return Some(folder);
            }
            Err(OpenError::Busy) => {
                if !std::mem::replace(&mut waits, true) {
                    log::note("the disk cache waits: another process owns its folder", &path);
                }
                BUSY
            }
            Err(OpenError::System(error)) => {
                tier.counts.failed(Failure::Open);
                if !std::mem::replace(&mut failed, true) {
                    let [path] = path;
                    log::error(
                        "the disk cache is off: its folder cannot be used",
                        &[path, ("error", log::show(&error))],
                    );
                }
                FAILED
            }
        };
        let until = Instant::now() + pause;
        while Instant::now() < until && !tier.is_stopped() {
            std::thread::sleep(BUSY);
        }
    }
    None
}
