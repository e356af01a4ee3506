//! `[upstreams.NAME]`: which endpoint takes a request, and when one is kept out.

use super::{HASH_ON, PERCENT, TEXT};
use crate::config::kind::Default::{Absent, Boolean, Integer, Required, Text};
use crate::config::kind::{Key, Kind, Section};
use crate::config::model::{Balance, SameSite};
use crate::config::words::words;

/// Of 100 and more.
const FACTOR: Kind = Kind::Text("a percentage of 100 or more, such as \"150%\"", r"^[0-9]{3,4}%$");

/// The keys of `[upstreams.NAME]` that are about the choice of an endpoint.
pub(super) static BALANCING: &[Key] = &[
    Key::new("balance", Kind::Word(words::<Balance>), Text("least_requests"), "How an endpoint is chosen."),
    Key::new(
        "hash_on",
        HASH_ON,
        Text("client_ip"),
        "What `hash` and `maglev` decide by: `client_ip`, `path`, `header:NAME` or `cookie:NAME`. Requests without it go anywhere.",
    ),
    Key::new(
        "hash_balance_factor",
        FACTOR,
        Text("150%"),
        "With `hash`: an endpoint that has more than this of its fair share passes requests on to the next; 100% to 1000%.",
    ),
    Key::new(
        "sticky",
        Kind::Table(&STICKY),
        Absent,
        "Present: a signed cookie keeps a client with the endpoint that answered it first.",
    ),
    Key::new(
        "slow_start",
        Kind::Timeout,
        Text("off"),
        "An endpoint that joins or comes back gets a tenth of its weight at first and all of it after this time.",
    ),
    Key::new(
        "panic_threshold",
        PERCENT,
        Text("50%"),
        "With fewer of the endpoints usable than this, all of them are used, and a retry goes to any where the usable ones failed; 0% is never.",
    ),
    Key::new(
        "outlier",
        Kind::Table(&OUTLIER),
        Absent,
        "When an endpoint is kept out for what its exchanges came to; on by default.",
    ),
];

/// `sticky`
pub(in crate::config) static STICKY: Section = Section {
    doc: "A cookie that keeps a client with the endpoint that answered it first. It names no address.",
    groups: &[&[
        Key::new("cookie", TEXT, Required, "Its name.").example(r#""tidegate""#),
        Key::new(
            "secret",
            TEXT,
            Absent,
            "What it is signed with, 16 characters or more; the same in all replicas. Unless set, one that lives as long as the process.",
        )
        .example(r#""${STICKY_SECRET:-0123456789abcdef}""#)
        .secret(),
        Key::new("secret_file", Kind::Path, Absent, "The same from a file, 16 bytes or more.")
            .example(r#""/run/secrets/sticky""#),
        Key::new("max_age", Kind::Timeout, Text("off"), "How long clients keep it; \"off\" is until they end their session."),
        Key::new("same_site", Kind::Word(words::<SameSite>), Text("lax"), "Whether it is sent with requests that other sites cause."),
    ]],
};

/// `[upstreams.NAME.outlier]`
pub(in crate::config) static OUTLIER: Section = Section {
    doc: "When an endpoint is kept out for what its exchanges came to. Without this section its defaults hold.",
    groups: &[&[
        Key::new("enabled", Kind::Boolean, Boolean(true), "Whether endpoints are ejected at all."),
        Key::new(
            "consecutive_failures",
            Kind::Integer(0, 1_000_000),
            Integer(5),
            "So many attempts in a row that end without a connection, without a response in time, or with 502, 503 or 504; 0 is off.",
        ),
        Key::new("interval", Kind::Duration, Text("10s"), "Between two comparisons of the endpoints with each other."),
        Key::new(
            "base_ejection",
            Kind::Duration,
            Text("30s"),
            "The first ejection; the second one in a row is twice as long, and so on.",
        ),
        Key::new("max_ejection", Kind::Duration, Text("5m"), "The longest ejection."),
        Key::new(
            "max_ejected",
            PERCENT,
            Text("10%"),
            "How many of the endpoints may be ejected at the same time; one may be in any case.",
        ),
        Key::new(
            "success_rate",
            Kind::Boolean,
            Boolean(true),
            "Eject an endpoint that fails more often than the others, of three and more.",
        ),
        Key::new(
            "success_rate_margin",
            PERCENT,
            Text("10%"),
            "How many more of its requests must fail than of the others'.",
        ),
        Key::new(
            "success_rate_requests",
            Kind::Integer(1, 1_000_000),
            Integer(100),
            "An endpoint with fewer requests is not compared.",
        ),
        Key::new(
            "latency",
            Kind::Boolean,
            Boolean(true),
            "Eject an endpoint that answers, but much slower than the others, of three and more.",
        ),
        Key::new(
            "latency_factor",
            Kind::Integer(2, 1000),
            Integer(4),
            "How many times slower than the median of the others.",
        ),
        Key::new("latency_margin", Kind::Duration, Text("100ms"), "And by how much slower, at least."),
        Key::new(
            "latency_requests",
            Kind::Integer(1, 1_000_000),
            Integer(30),
            "An endpoint with fewer requests is not compared.",
        ),
    ]],
};
