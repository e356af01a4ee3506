//! What a config says about traffic on a bad day: retries, limits, hedges, mirrors, faults on purpose.

use super::PERCENT;
use crate::config::kind::Default::{Absent, Boolean, Integer, Text, Texts};
use crate::config::kind::{Key, Kind, Section};
use crate::config::model::{HedgeAfter, RetryOn};
use crate::config::words::words;

/// Of `[upstreams.NAME]`
pub(super) static TRAFFIC: &[Key] = &[
    Key::new(
        "max_requests",
        Kind::Integer(0, 10_000_000),
        Integer(0),
        "Requests under way at the upstream, in the process; 0 is no limit.",
    ),
    Key::new(
        "max_endpoint_requests",
        Kind::Integer(0, 10_000_000),
        Integer(0),
        "Requests under way at one endpoint, in the process; 0 is no limit.",
    ),
    Key::new(
        "adaptive",
        Kind::Boolean,
        Boolean(false),
        "Find a limit from how long requests take, and let no more be under way.",
    ),
    Key::new("queue", Kind::Table(&QUEUE), Absent, "Who waits while a limit is reached."),
    Key::new("retry", Kind::Table(&RETRY), Absent, "What is tried again; on by default where it is safe."),
];

/// `[upstreams.NAME.queue]`
pub(in crate::config) static QUEUE: Section = Section {
    doc: "Who waits while `max_requests`, `max_endpoint_requests` or the adaptive limit is reached. The others get 503 at once.",
    groups: &[&[
        Key::new("size", Kind::Integer(0, 1_000_000), Integer(128), "Requests that may wait, in the process; 0: none."),
        Key::new("timeout", Kind::Duration, Text("1s"), "How long one may wait."),
    ]],
};

/// `hedge`
pub(in crate::config) static HEDGE: Section = Section {
    doc: "Ask a second endpoint too where the first is slow. What answers first counts; the other attempt is cancelled.",
    groups: &[&[
        Key::new(
            "after",
            Kind::Either(&[Kind::Word(words::<HedgeAfter>), Kind::Duration]),
            Text("p95"),
            "When: `p95` is the time within which the upstream gives 19 of 20 answers.",
        ),
        Key::new("min", Kind::Duration, Text("5ms"), "With `p95`: not before."),
    ]],
};

/// `[upstreams.NAME.retry]`
pub(in crate::config) static RETRY: Section = Section {
    doc: "What is tried again, where and how often. Without this section its defaults hold.",
    groups: &[&[
        Key::new("max_attempts", Kind::Integer(1, 10), Integer(3), "Attempts of one request; 1 is no retry."),
        Key::new(
            "on",
            Kind::List(&Kind::Word(words::<RetryOn>)),
            Texts(&["connect", "reset", "timeout"]),
            "What is retried: `connect`, `reset` before a response, `timeout` after `try_timeout`, and the statuses `502`, `503` and `504`.",
        ),
        Key::new(
            "retry_non_idempotent",
            Kind::Boolean,
            Boolean(false),
            "Also what may act twice, such as POST; with an `Idempotency-Key` it is retried anyway.",
        ),
        Key::new(
            "try_timeout",
            Kind::Timeout,
            Text("off"),
            "One attempt, from its begin to the head of the response; then the next one is made.",
        ),
        Key::new(
            "back_off",
            Kind::Duration,
            Text("25ms"),
            "The longest wait before the first retry; it doubles up to ten times as much, and chance takes a part of it.",
        ),
        Key::new("budget", PERCENT, Text("20%"), "How many of the upstream's requests under way may be retries."),
        Key::new(
            "budget_min",
            Kind::Integer(0, 1_000_000),
            Integer(3),
            "So many retries may be under way however few the requests are.",
        ),
        Key::new(
            "replay_body",
            Kind::Size(0, 16 << 20),
            Text("64KiB"),
            "The largest request body that is kept so that it can be sent again.",
        ),
    ]],
};
