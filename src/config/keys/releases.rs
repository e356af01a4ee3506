//! What a config says about releases: predicates of values, splits, mirrors, and faults on purpose.

use super::{NAME, REGEX, SHARE, TEXT};
use crate::config::kind::Default::{Absent, Integer, Required, Text};
use crate::config::kind::{Key, Kind, Section};
use crate::config::model::SameSite;
use crate::config::words::words;

/// What a value must be: a text, or a table that says more.
pub(super) static VALUE: Kind = Kind::Either(&[TEXT, Kind::Table(&VALUE_MATCH)]);

/// One value of `headers`, `cookies` or `query`
static VALUE_MATCH: Section = Section {
    doc: "What a value must be; exactly one key.",
    groups: &[&[
        Key::new("present", Kind::Boolean, Absent, "Whether it must be there, or must not.").example("false"),
        Key::new("regex", REGEX, Absent, "It must be there, and this finds something in it; write ^ and $ to bind it.")
            .example(r#"'^v[0-9]+$'"#),
        Key::new("exact", TEXT, Absent, "It must be this, even where that is a `*`.").example(r#""*""#),
    ]],
};

/// One of `split`
pub(in crate::config) static SPLIT_ARM: Section = Section {
    doc: "One way to go.",
    groups: &[&[
        Key::new("upstream", NAME, Required, "The upstream.").example(r#""v1""#),
        Key::new("weight", Kind::Integer(0, 1_000_000), Integer(1), "Its share, relative to the others; 0 is none."),
    ]],
};

/// `split_cookie`
pub(in crate::config) static SPLIT_COOKIE: Section = Section {
    doc: "A cookie that gives each client a place of its own among 1,000,000; weights say where that leads.",
    groups: &[&[
        Key::new("name", TEXT, Required, "Its name.").example(r#""cohort""#),
        Key::new(
            "max_age",
            Kind::Timeout,
            Text("30d"),
            "How long clients keep it; \"off\" is until they end their session.",
        ),
        Key::new(
            "same_site",
            Kind::Word(words::<SameSite>),
            Text("lax"),
            "Whether it is sent with requests that other sites cause.",
        ),
    ]],
};

/// `mirror`
pub(in crate::config) static MIRROR: Section = Section {
    doc: "A copy of what goes upstream for another upstream, whose answers nobody sees.",
    groups: &[&[
        Key::new("upstream", NAME, Required, "Where the copies go.").example(r#""shadow""#),
        Key::new("share", SHARE, Text("100%"), "Of how many of the requests that go upstream there is a copy."),
        Key::new(
            "max_requests",
            Kind::Integer(1, 1_000_000),
            Integer(100),
            "Copies under way, in the process; what is over has none.",
        ),
        Key::new(
            "max_body",
            Kind::Size(0, 16 << 20),
            Text("64KiB"),
            "A request with a larger body has no copy; 0: only those without a body.",
        ),
        Key::new("timeout", Kind::Duration, Text("10s"), "How long a copy may take, its response included."),
    ]],
};

/// `inject`
pub(in crate::config) static INJECT: Section = Section {
    doc: "Faults on purpose, to see how clients bear them.",
    groups: &[&[
        Key::new("delay", Kind::Table(&DELAY), Absent, "Some requests wait first.")
            .example(r#"{ time = "200ms", share = "10%" }"#),
        Key::new("abort", Kind::Table(&ABORT), Absent, "Some requests are answered with an error instead.")
            .example(r#"{ status = 503, share = "1%" }"#),
        Key::new(
            "headers",
            Kind::Map(&VALUE),
            Absent,
            "Only requests whose fields are all as this says; those of everybody unless set.",
        )
        .example(r#"{ "x-chaos" = "on" }"#)
        .secret(),
    ]],
};

/// `inject.delay`
static DELAY: Section = Section {
    doc: "Some requests wait before anything is done with them.",
    groups: &[&[
        Key::new("time", Kind::Duration, Required, "How long, 10 minutes at most.").example(r#""200ms""#),
        Key::new("share", SHARE, Required, "How many of the requests.").example(r#""10%""#),
    ]],
};

/// `inject.abort`
static ABORT: Section = Section {
    doc: "Some requests are answered with an error, and go nowhere.",
    groups: &[&[
        Key::new("status", Kind::Integer(400, 599), Integer(503), "The status."),
        Key::new("share", SHARE, Required, "How many of the requests.").example(r#""1%""#),
    ]],
};
