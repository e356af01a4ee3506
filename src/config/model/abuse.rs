//! What an HTTP/2 client may cost.

use std::time::Duration;

/// `[listeners.NAME.abuse]`: as many frames of each kind as an HTTP/2 client may send at once. Defaults from defaults.md 4.2; 0 does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AbuseLimits {
    /// `half_life`, default 1 s: after that long half of it is forgotten
    pub half_life: Duration,
    /// `resets`, default 100
    pub resets: u32,
    /// `provoked_resets`, default 100
    pub provoked_resets: u32,
    /// `settings`, default 50
    pub settings: u32,
    /// `pings`, default 100
    pub pings: u32,
    /// `priorities`, default 100
    pub priorities: u32,
    /// `empty_data`, default 100
    pub empty_data: u32,
    /// `tiny_data`, default 10000
    pub tiny_data: u32,
    /// `window_updates`, default 100
    pub window_updates: u32,
    /// `continuations`, default 100
    pub continuations: u32,
    /// `other_frames`, default 500
    pub other_frames: u32,
}
