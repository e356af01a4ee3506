//! What a config says about traffic on a bad day: retries, limits, hedges, mirrors, faults on purpose.

use std::time::Duration;

/// `[upstreams.NAME.retry]`
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Retry {
    /// `max_attempts`, default 3, the first one included; 1: no retries
    pub max_attempts: u16,
    /// `on`, default connect, reset and timeout
    pub on: Vec<RetryOn>,
    /// `retry_non_idempotent`, default false: also methods that may act twice
    pub non_idempotent: bool,
    /// `try_timeout`, default off: from the begin of an attempt to the head of its response
    pub try_timeout: Option<Duration>,
    /// `back_off`, default 25 ms: before the first retry, doubled for each further one up to ten times as much; drawn by chance below that
    pub back_off: Duration,
    /// `budget`, default 20: how many of 100 exchanges under way may be retries
    pub budget: u32,
    /// `budget_min`, default 3: so many retries may be under way in any case
    pub budget_min: u32,
    /// `replay_body`, default 64 KiB: request bodies up to that size are kept until there is a response
    pub replay_body: usize,
}

/// One of `retry.on`
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RetryOn {
    /// `"connect"`: no connection, another endpoint
    Connect,
    /// `"reset"`: the connection ended before there was a response
    Reset,
    /// `"timeout"`: no response within `try_timeout`
    Timeout,
    /// `"502"`
    Status502,
    /// `"503"`
    Status503,
    /// `"504"`
    Status504,
}

/// `hedge` of a route
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hedge {
    /// `after`, default p95
    pub after: HedgeAfter,
    /// `min`, default 5 ms: with `p95`, not before
    pub min: Duration,
}

/// `hedge.after`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HedgeAfter {
    /// `"p95"`: the time within which the upstream gives 19 of 20 answers
    P95,
    /// A duration
    Time(Duration),
}

/// What bounds the exchanges of an upstream
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capacity {
    /// `max_requests`, default 0 (no limit): exchanges under way at the upstream, in the process
    pub requests: usize,
    /// `max_endpoint_requests`, default 0 (no limit): at one endpoint, in the process
    pub endpoint_requests: usize,
    /// `adaptive`, default false: a limit that is found from how long exchanges take
    pub adaptive: bool,
    /// `queue.size`, default 128: exchanges that may wait, in the process
    pub queue: usize,
    /// `queue.timeout`, default 1 s
    pub wait: Duration,
}
