//! What a route decides at the edge, and what it tells browsers.

use super::auth::AUTH;
use super::{BYTE_RATE, CIDR, HEADER_NAME, LIMIT_KEY, METHOD, NAME, ORIGIN, RATE, TEXT};
use crate::config::kind::Default::{Absent, Boolean, Integer, Required, Text, Texts};
use crate::config::kind::{Key, Kind, Section};
use crate::config::model::FrameOptions;
use crate::config::words::{PerExchange, ReferrerPolicy, words};

/// Policies of a route.
pub(in crate::config) static EDGE: &[Key] = &[
    Key::new(
        "allow",
        Kind::List(&CIDR),
        Texts(&[]),
        "Address ranges whose clients may come; with it, nobody else may. Of `allow` and `deny` the longest prefix decides.",
    )
    .example(r#"["10.0.0.0/8", "2001:db8::/32"]"#),
    Key::new("deny", Kind::List(&CIDR), Texts(&[]), "Address ranges whose clients are answered with 403.")
        .example(r#"["192.0.2.0/24"]"#),
    Key::new(
        "rate_limit",
        Kind::Either(&[Kind::Table(&RATE_LIMIT), Kind::List(&Kind::Table(&RATE_LIMIT))]),
        Absent,
        "How many requests one client may make: a limit, or a list of limits that all hold; `[]` is none.",
    )
    .example(r#"{ rate = "100/s", burst = 50 }"#),
    Key::new("bandwidth", Kind::Table(&BANDWIDTH), Absent, "How fast bodies pass; `{}` is no limit.")
        .example(r#"{ download = "1MiB/s" }"#),
    Key::new(
        "auth",
        Kind::Either(&[Kind::Boolean, Kind::Table(&AUTH)]),
        Boolean(false),
        "Who may use this route.",
    )
    .example(r#"{ basic = { file = "users.htpasswd" } }"#),
    Key::new(
        "cors",
        Kind::Either(&[Kind::Boolean, Kind::Table(&CORS)]),
        Boolean(false),
        "Which pages of other origins may use this route; preflights are answered here.",
    )
    .example(r#"{ origins = ["https://app.example.com"] }"#),
    Key::new(
        "security_headers",
        Kind::Either(&[Kind::Boolean, Kind::Table(&SECURITY_HEADERS)]),
        Boolean(false),
        "Fields that make browsers careful; `true` is a table with its defaults.",
    )
    .example(r#"{ hsts_subdomains = true, frame_options = "deny" }"#),
];

/// `rate_limit`
pub(in crate::config) static RATE_LIMIT: Section = Section {
    doc: "How many requests one key may make. More are answered with 429.",
    groups: &[&[
        Key::new("rate", RATE, Required, "Requests in a time: `100/s`, `600/m`, `5/10s`, `1000/d`.")
            .example(r#""100/s""#),
        Key::new(
            "burst",
            Kind::Integer(1, 1 << 20),
            Absent,
            "Requests that may come at once; as many as `rate` says unless set.",
        )
        .example("50"),
        Key::new(
            "key",
            LIMIT_KEY,
            Text("client_ip"),
            "What counts together: `client_ip`, `path`, `header:NAME`, `cookie:NAME`, `identity` (who authenticated), or `fixed` for all requests.",
        ),
        Key::new("prefix_v4", Kind::Integer(0, 32), Integer(32), "Bits of an IPv4 address that count."),
        Key::new("prefix_v6", Kind::Integer(0, 128), Integer(64), "Bits of an IPv6 address that count."),
        Key::new("dry_run", Kind::Boolean, Boolean(false), "Count and tell what would be refused, and refuse nothing."),
        Key::new(
            "fields",
            Kind::Boolean,
            Boolean(true),
            "Tell clients where they stand: RateLimit and RateLimit-Policy.",
        ),
        Key::new("name", NAME, Absent, "Routes that name the same limit share it; each has one of its own unless set.")
            .example(r#""login""#),
        Key::new(
            "max_keys",
            Kind::Integer(64, 1 << 24),
            Integer(65_536),
            "Keys that are remembered, in 8 octets each, however many come.",
        ),
    ]],
};

/// `bandwidth`
pub(in crate::config) static BANDWIDTH: Section = Section {
    doc: "How fast bodies pass.",
    groups: &[&[
        Key::new("download", BYTE_RATE, Absent, "Response bodies, such as `1MiB/s`.").example(r#""1MiB/s""#),
        Key::new("upload", BYTE_RATE, Absent, "Request bodies, such as `512KiB/s`.").example(r#""512KiB/s""#),
        Key::new(
            "per",
            Kind::Word(words::<PerExchange>),
            Text("connection"),
            "Whether the exchanges of a client's connection share the rate, or each has it.",
        ),
    ]],
};

/// `cors`
pub(in crate::config) static CORS: Section = Section {
    doc: "Which pages of other origins may use this route (Fetch standard, CORS protocol).",
    groups: &[&[
        Key::new(
            "origins",
            Kind::List(&ORIGIN),
            Required,
            "Origins: `https://app.example.com`, `https://*.example.com`, or `*` for all.",
        )
        .example(r#"["https://app.example.com", "https://*.example.org"]"#),
        Key::new("methods", Kind::List(&METHOD), Texts(&["GET", "HEAD", "POST"]), "Methods that pages may use."),
        Key::new(
            "headers",
            Kind::List(&HEADER_NAME),
            Texts(&[]),
            "Request fields that pages may send beside the safe ones; `*` is all that they ask for.",
        )
        .example(r#"["content-type", "authorization"]"#),
        Key::new(
            "expose",
            Kind::List(&HEADER_NAME),
            Texts(&[]),
            "Response fields that pages may read beside the safe ones.",
        )
        .example(r#"["x-request-id"]"#),
        Key::new(
            "credentials",
            Kind::Boolean,
            Boolean(false),
            "Whether cookies and the like may come along; never with the origin `*`.",
        ),
        Key::new("max_age", Kind::Duration, Text("10m"), "How long browsers may remember a preflight."),
    ]],
};

/// `security_headers`
pub(in crate::config) static SECURITY_HEADERS: Section = Section {
    doc: "Fields that make browsers careful. A field that the upstream sets itself stays, unless `replace` is set.",
    groups: &[&[
        Key::new(
            "hsts",
            Kind::Timeout,
            Text("365d"),
            "Strict-Transport-Security for so long, over TLS alone: browsers then use HTTPS only.",
        ),
        Key::new("hsts_subdomains", Kind::Boolean, Boolean(false), "HSTS for all names below the host too."),
        Key::new(
            "hsts_preload",
            Kind::Boolean,
            Boolean(false),
            "Consent to the preload lists of browsers; needs `hsts_subdomains` and a year.",
        ),
        Key::new("nosniff", Kind::Boolean, Boolean(true), "X-Content-Type-Options: nosniff."),
        Key::new(
            "frame_options",
            Kind::Word(words::<FrameOptions>),
            Text("sameorigin"),
            "X-Frame-Options: who may show the page in a frame.",
        ),
        Key::new(
            "referrer_policy",
            Kind::Word(words::<ReferrerPolicy>),
            Text("strict-origin-when-cross-origin"),
            "Referrer-Policy: what other sites learn of where a visitor came from.",
        ),
        Key::new(
            "content_security_policy",
            TEXT,
            Absent,
            "Content-Security-Policy: where a page may load things from.",
        )
        .example(r#""default-src 'self'""#),
        Key::new("permissions_policy", TEXT, Absent, "Permissions-Policy: which features a page may use.")
            .example(r#""camera=(), microphone=()""#),
        Key::new(
            "replace",
            Kind::Boolean,
            Boolean(false),
            "Put these fields in the place of those that the upstream sets.",
        ),
    ]],
};
