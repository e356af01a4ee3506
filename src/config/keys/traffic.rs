//! What a config says about traffic on a bad day: retries, limits, hedges, mirrors, faults on purpose.

use super::PERCENT;
use crate::config::kind::Default::{Boolean, Integer, Text, Texts};
use crate::config::kind::{Key, Kind, Section};
use crate::config::model::RetryOn;
use crate::config::words::words;

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
