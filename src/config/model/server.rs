//! The process.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use super::MemoryLimit;

/// `[server]`
#[derive(Clone, Debug, PartialEq)]
pub struct Server {
    /// `workers`; `None` is `"auto"`: the cgroup's CPU quota, else the cores
    pub workers: Option<usize>,
    /// `drain_delay`, default none: how long a process that is to stop still takes new work
    pub drain_delay: Option<Duration>,
    /// `drain_timeout`, default 30 s
    pub drain_timeout: Duration,
    /// `watch`, default true
    pub watch: bool,
    /// `guard`, default off: when a reload is taken back
    pub guard: Option<Guard>,
    /// `pid_file`: where the number of the process is written
    pub pid_file: Option<PathBuf>,
    /// `upgrade_timeout`, default 60 s
    pub upgrade_timeout: Duration,
    /// `zone`: where this process is; endpoints of the same zone are preferred
    pub zone: Option<Arc<str>>,
    /// `max_connections`, default 0 (no limit): of all listeners
    pub max_connections: usize,
    /// `max_requests`, default 0 (no limit): under way in the process
    pub max_requests: usize,
    /// `max_memory`, default `"auto"`
    pub max_memory: MemoryLimit,
    /// `max_delay`, default 100 ms: how late a worker may be before work is refused
    pub max_delay: Option<Duration>,
}

/// `[server.guard]`
#[derive(Clone, Debug, PartialEq)]
pub struct Guard {
    /// `window`, default 30 s, at least 1 s
    pub window: Duration,
    /// `error_rate`, default 5 %, as a part of 1
    pub error_rate: f64,
    /// `latency`, default 100 %, as a part of 1; `None`: it is not looked at
    pub latency: Option<f64>,
    /// `min_requests`, default 50
    pub min_requests: u64,
}
