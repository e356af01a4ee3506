//! `[server.guard]`

use super::{MORE, SHARE};
use crate::config::kind::Default::{Integer, Text};
use crate::config::kind::{Key, Kind, Section};

/// `[server.guard]`
pub(in crate::config) static GUARD: Section = Section {
    doc: "When a reload is taken back.",
    groups: &[&[
        Key::new(
            "window",
            Kind::Duration,
            Text("30s"),
            "How long the routes that a reload changed are watched, and for how long before it they are compared with.",
        ),
        Key::new(
            "error_rate",
            SHARE,
            Text("5%"),
            "How many more of their requests may fail (5xx), of all of them; and by half as many again, at least.",
        ),
        Key::new(
            "latency",
            MORE,
            Text("100%"),
            "How much longer than before the slowest of 20 requests may take; `\"off\"`: that is not looked at.",
        ),
        Key::new(
            "min_requests",
            Kind::Integer(10, 1_000_000),
            Integer(50),
            "With fewer requests, before or after, nothing is decided.",
        ),
    ]],
};
