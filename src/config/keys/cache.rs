//! `[cache]`, and the `cache` of a route.

use super::{CIDR, HEADER_NAME, TEXT};
use crate::config::kind::Default::{Absent, Boolean, Integer, Required, Text, Texts};
use crate::config::kind::{Key, Kind, Section};
use crate::config::model::{Ranges, SetCookie};
use crate::config::words::words;

/// `[cache]`
pub(in crate::config) static CACHE: Section = Section {
    doc: "The HTTP cache, one for all routes that have `cache`.",
    groups: &[&[
        Key::new(
            "memory",
            Kind::Size(1 << 20, 1 << 40),
            Text("256MiB"),
            "What keys, fields and bodies may take; a change begins with an empty cache.",
        ),
        Key::new(
            "max_object",
            Kind::Size(1, 1 << 31),
            Text("8MiB"),
            "The largest body that is stored; what is larger passes through.",
        ),
        Key::new(
            "max_variants",
            Kind::Integer(1, 10_000),
            Integer(64),
            "Responses stored for one key, as `Vary` makes them; the oldest goes for one more.",
        ),
        Key::new(
            "purge_from",
            Kind::List(&CIDR),
            Texts(&[]),
            "Addresses from which a request with the method `PURGE` takes its URL out of the cache.",
        )
        .example(r#"["10.0.0.0/8"]"#),
        Key::new("disk", Kind::Table(&DISK), Absent, "A folder that keeps what is stored, also over a restart."),
    ]],
};

/// `cache.disk`
static DISK: Section = Section {
    doc: "A folder that keeps what is stored, also over a restart.",
    groups: &[&[
        Key::new("path", Kind::Path, Required, "The folder, for this program alone; it is made where it is missing.")
            .example(r#""/var/cache/tidegate""#),
        Key::new("size", Kind::Size(64 << 20, 1 << 46), Required, "What the files in it may take.")
            .example(r#""10GiB""#),
        Key::new(
            "index",
            Kind::Size(1 << 20, 1 << 36),
            Text("64MiB"),
            "Memory for the index of it: about 128 octets for each stored response.",
        ),
    ]],
};

/// `cache` of a route
pub(in crate::config) static ROUTE_CACHE: Section = Section {
    doc: "Store what the origin allows to be stored (RFC 9111), and answer from it.",
    groups: &[&[
        Key::new("key", Kind::Table(&CACHE_KEY), Absent, "What beside scheme, host and path tells two requests apart."),
        Key::new("default_ttl", Kind::Timeout, Text("off"), "How long a response that says nothing stays fresh."),
        Key::new("negative_ttl", Kind::Timeout, Text("off"), "The same for 404, 405, 410, 414 and 501."),
        Key::new("max_ttl", Kind::Duration, Text("365d"), "The longest freshness, whatever the origin says."),
        Key::new(
            "heuristic",
            Kind::Boolean,
            Boolean(false),
            "Whether a response that says nothing but `Last-Modified` is fresh for a tenth of its age, at most a day.",
        ),
        Key::new(
            "stale_while_revalidate",
            Kind::Timeout,
            Text("off"),
            "How long a stale response is still served while it is validated, where the response does not say.",
        ),
        Key::new(
            "stale_if_error",
            Kind::Timeout,
            Text("off"),
            "How long a stale response stands in for an upstream that fails, where the response does not say.",
        ),
        Key::new(
            "max_stale_if_error",
            Kind::Duration,
            Text("24h"),
            "The longest time for that, whatever the response says.",
        ),
        Key::new(
            "client_directives",
            Kind::Boolean,
            Boolean(true),
            "Whether `Cache-Control` of clients counts; without, no client can force a request to the upstream.",
        ),
        Key::new(
            "match_language",
            Kind::Boolean,
            Boolean(false),
            "Whether a stored response in the language that a client wants most is an answer, whatever else it accepts.",
        ),
        Key::new(
            "set_cookie",
            Kind::Word(words::<SetCookie>),
            Text("refuse"),
            "A response with `Set-Cookie`: `\"refuse\"` does not store it, `\"drop\"` stores it without the field, `\"store\"` gives every client the same cookie.",
        ),
        Key::new(
            "ranges",
            Kind::Word(words::<Ranges>),
            Text("whole"),
            "What is fetched where a client asks for a part: `\"whole\"`, from which all parts are answered, or `\"parts\"`, just what is missing.",
        ),
        Key::new(
            "max_object",
            Kind::Size(1, 1 << 31),
            Absent,
            "The largest body that is stored; that of `[cache]` unless set.",
        )
        .example(r#""1MiB""#),
        Key::new(
            "wait",
            Kind::Timeout,
            Text("5s"),
            "How long a request waits for the same fetch of another one before it goes to the upstream itself; `\"off\"`: never.",
        ),
    ]],
};

/// `cache.key`
static CACHE_KEY: Section = Section {
    doc: "What beside scheme, host and path tells two requests apart.",
    groups: &[&[
        Key::new(
            "query",
            Kind::List(&TEXT),
            Absent,
            "The only query parameters that count; `[]` is none, all unless set.",
        )
        .example(r#"["page", "lang"]"#),
        Key::new("query_except", Kind::List(&TEXT), Texts(&[]), "Query parameters that do not count.")
            .example(r#"["utm_source", "utm_medium"]"#),
        Key::new("sort_query", Kind::Boolean, Boolean(false), "Whether the order of parameters does not count."),
        Key::new("headers", Kind::List(&HEADER_NAME), Texts(&[]), "Request fields that count, beside those of `Vary`.")
            .example(r#"["x-tenant"]"#),
        Key::new("cookies", Kind::List(&TEXT), Texts(&[]), "Cookies that count.").example(r#"["currency"]"#),
    ]],
};
