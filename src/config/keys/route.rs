//! `[[routes]]` and what is in it; `[defaults]`.

use super::cache::ROUTE_CACHE;
use super::edge::EDGE;
use super::releases::{INJECT, MIRROR, SPLIT_ARM, SPLIT_COOKIE, VALUE};
use super::traffic::HEDGE;
use super::{HASH_ON, HEADER_NAME, HOST, METHOD, NAME, PATH_TEXT, REGEX, TEMPLATE, TEXT, TYPE};
use crate::config::kind::Default::{Absent, Boolean, Integer, Required, Text, Texts};
use crate::config::kind::{Key, Kind, Section};
use crate::config::model::{Priority, TypePattern};
use crate::config::words::words;
use crate::http::negotiate::Coding;

/// `[defaults]`
pub(in crate::config) static DEFAULTS: Section =
    Section { doc: "Any policy of a route, for all routes that do not set it.", groups: &[POLICIES, EDGE] };

/// `[[routes]]`
pub(in crate::config) static ROUTE: Section = Section {
    doc: "Which requests, what is done with them (exactly one action), and the policies on the way. The winner is the \
          route with the most exact host, then path, then the most other predicates, then the first in the file.",
    groups: &[MATCHES, ACTIONS, POLICIES, EDGE],
};

static MATCHES: &[Key] = &[
    Key::new("name", NAME, Absent, "Unique; in logs, metrics and `explain`. `route-N` unless set.").example(r#""api""#),
    Key::new("listeners", Kind::List(&NAME), Absent, "The listeners it holds for; all unless set.")
        .example(r#"["secure"]"#),
    Key::new("hosts", Kind::List(&HOST), Texts(&[]), "Host names, `*.` in front for any labels; any host unless set.")
        .example(r#"["example.com", "*.example.com"]"#),
    Key::new("path", PATH_TEXT, Absent, "Exactly this path.").example(r#""/exact""#),
    Key::new("path_prefix", PATH_TEXT, Absent, "This path and what is below it, on a segment boundary.")
        .example(r#""/api""#),
    Key::new(
        "path_regex",
        REGEX,
        Absent,
        "Paths that this regular expression finds something in; write ^ and $ to bind it.",
    )
    .example(r#"'^/v[0-9]+/'"#),
    Key::new("methods", Kind::List(&METHOD), Texts(&[]), "Methods; any unless set.").example(r#"["GET", "POST"]"#),
    Key::new(
        "headers",
        Kind::Map(&VALUE),
        Absent,
        "Request fields that must be there with this value; `\"*\"` is any value, a table says `present`, `regex` or `exact`.",
    )
    .example(r#"{ "x-env" = "canary" }"#)
    .secret(),
    Key::new("cookies", Kind::Map(&VALUE), Absent, "Cookies that must be there with this value, likewise.")
        .example(r#"{ beta = "1", staff = { present = false } }"#)
        .secret(),
    Key::new(
        "query",
        Kind::Map(&VALUE),
        Absent,
        "Query parameters that must be there with this value, likewise.",
    )
    .example(r#"{ debug = "1" }"#)
    .secret(),
];

/// The keys of which a route has exactly one, beside those that belong to `split`.
pub(in crate::config) static ACTIONS: &[Key] = &[
    Key::new("upstream", NAME, Absent, "Action: forward to this upstream.").example(r#""api""#),
    Key::new(
        "split",
        Kind::List(&Kind::Table(&SPLIT_ARM)),
        Absent,
        "Action: forward to one of several upstreams, by weight.",
    )
    .example(r#"[{ upstream = "v1", weight = 95 }, { upstream = "v2", weight = 5 }]"#),
    Key::new(
        "split_on",
        HASH_ON,
        Absent,
        "With `split`: the same client, path, header or cookie always goes the same way; by chance unless set.",
    )
    .example(r#""cookie:session""#),
    Key::new(
        "split_cookie",
        Kind::Either(&[TEXT, Kind::Table(&SPLIT_COOKIE)]),
        Absent,
        "With `split`: a cookie by which each client keeps its place while weights change; a name, or a table.",
    )
    .example(r#""cohort""#),
    Key::new("redirect", Kind::Table(&REDIRECT), Absent, "Action: send the client elsewhere.")
        .example(r#"{ to = "https://example.com{uri}", status = 308 }"#),
    Key::new("respond", Kind::Table(&RESPOND), Absent, "Action: answer at once.")
        .example(r#"{ status = 200, body = "ok" }"#),
    Key::new("files", Kind::Table(&FILES), Absent, "Action: answer with the files of a folder.")
        .example(r#"{ root = "/srv/www" }"#),
];

static POLICIES: &[Key] = &[
    Key::new("strip_prefix", PATH_TEXT, Absent, "Removed from the front of the path, on a segment boundary.")
        .example(r#""/api""#),
    Key::new(
        "rewrite",
        Kind::Table(&REWRITE),
        Absent,
        "Another path by regular expression; instead of `strip_prefix`.",
    )
    .example(r#"{ regex = "^/old/(.*)", to = "/new/$1" }"#),
    Key::new(
        "request_headers",
        Kind::Table(&HEADER_RULES),
        Absent,
        "Changes to the request's fields: remove, then set, then add. Added to those of `[defaults]`.",
    )
    .example(r#"{ set = { "x-client" = "{client_ip}" }, remove = ["cookie"] }"#),
    Key::new(
        "response_headers",
        Kind::Table(&HEADER_RULES),
        Absent,
        "Changes to the response's fields: remove, then set, then add. Added to those of `[defaults]`.",
    )
    .example(r#"{ set = { "strict-transport-security" = "max-age=31536000" }, remove = ["server"] }"#),
    Key::new(
        "preserve_host",
        Kind::Boolean,
        Boolean(true),
        "Forward the client's Host; false: the endpoint's address.",
    ),
    Key::new(
        "timeout",
        Kind::Timeout,
        Text("off"),
        "The whole exchange, from the request's head to the last byte of the response.",
    ),
    Key::new(
        "deadline_header",
        HEADER_NAME,
        Absent,
        "Tells the upstream in this field how many milliseconds are left; a client can shorten its time with it.",
    )
    .example(r#""x-deadline-ms""#),
    Key::new(
        "hedge",
        Kind::Either(&[Kind::Boolean, Kind::Table(&HEDGE)]),
        Boolean(false),
        "Ask a second endpoint too where the first is slow to answer a safe request; `true` is a table with its defaults.",
    )
    .example(r#"{ after = "200ms" }"#),
    Key::new(
        "mirror",
        Kind::Either(&[Kind::Boolean, Kind::Table(&MIRROR)]),
        Boolean(false),
        "Send copies of requests to another upstream and drop its answers; `false` is none, in spite of `[defaults]`.",
    )
    .example(r#"{ upstream = "shadow", share = "5%" }"#),
    Key::new(
        "inject",
        Kind::Either(&[Kind::Boolean, Kind::Table(&INJECT)]),
        Boolean(false),
        "Delay or fail some requests on purpose; `false` is none, in spite of `[defaults]`.",
    )
    .example(r#"{ abort = { share = "1%" } }"#),
    Key::new("max_body", Kind::Size(0, u64::MAX), Text("16MiB"), "The largest request body; 0 is no limit."),
    Key::new(
        "upgrades",
        Kind::List(&TEXT),
        Texts(&["websocket"]),
        "Protocols that a client may switch to; `[]` is none.",
    ),
    Key::new(
        "priority",
        Kind::Word(words::<Priority>),
        Text("normal"),
        "Who is refused first when memory or processor time run out: low, then normal, then high; critical never.",
    ),
    Key::new(
        "max_requests",
        Kind::Integer(0, 10_000_000),
        Integer(0),
        "Exchanges of this route at the same time; 0 is no limit.",
    ),
    Key::new(
        "compress",
        Kind::Either(&[Kind::Boolean, Kind::Table(&COMPRESS)]),
        Boolean(false),
        "Compress responses for clients that take it; `true` is a table with its defaults.",
    )
    .example(r#"{ encodings = ["br", "gzip"], min_size = "1KiB" }"#),
    Key::new(
        "decompress_request",
        Kind::Either(&[Kind::Boolean, Kind::Table(&DECOMPRESS)]),
        Boolean(false),
        "Give the upstream request bodies without their gzip, br or zstd; `max_body` then bounds them decompressed too.",
    )
    .example("{ max_ratio = 50 }"),
    Key::new(
        "decompress_response",
        Kind::Boolean,
        Boolean(false),
        "Take gzip, br or zstd from responses for clients that do not take it.",
    ),
    Key::new(
        "cache",
        Kind::Either(&[Kind::Boolean, Kind::Table(&ROUTE_CACHE)]),
        Boolean(false),
        "Store what the origin allows to be stored, and answer from it.",
    )
    .example("true"),
];

/// `redirect`
pub(in crate::config) static REDIRECT: Section = Section {
    doc: "Send the client elsewhere.",
    groups: &[&[
        Key::new("to", TEMPLATE, Required, "Where to, with `{scheme}`, `{host}`, `{authority}`, `{path}`, `{query}`, `{uri}`, `{client_ip}` or `{request_id}`.")
            .example(r#""https://example.com{uri}""#),
        Key::new("status", Kind::Numbers(&[301, 302, 303, 307, 308]), Integer(308), "The status code:"),
    ]],
};

/// `respond`
pub(in crate::config) static RESPOND: Section = Section {
    doc: "Answer at once.",
    groups: &[&[
        Key::new("status", Kind::Integer(200, 599), Integer(200), "The status code."),
        Key::new("body", TEXT, Text(""), "The content.").secret(),
        Key::new("headers", Kind::Map(&TEXT), Absent, "More fields; the content-type is text/plain unless set here.")
            .example(r#"{ "content-type" = "text/html; charset=utf-8" }"#)
            .secret(),
    ]],
};

/// `files`
pub(in crate::config) static FILES: Section = Section {
    doc: "Answer with the files of a folder.",
    groups: &[&[
        Key::new("root", Kind::Path, Required, "The folder.").example(r#""/srv/www""#),
        Key::new("index", TEXT, Text("index.html"), "The file that answers for a folder."),
        Key::new(
            "precompressed",
            Kind::Boolean,
            Boolean(true),
            "Answer with `x.zst`, `x.br` or `x.gz` beside `x` where the client takes it.",
        ),
        Key::new("fallback", TEXT, Absent, "The file that answers where there is none, for single-page applications.")
            .example(r#""index.html""#),
        Key::new("types", Kind::Map(&TEXT), Absent, "More content types, by file extension.")
            .example(r#"{ wasm = "application/wasm" }"#),
        Key::new("hidden", Kind::Boolean, Boolean(false), "Whether names that begin with a dot are served."),
    ]],
};

/// `rewrite`
pub(in crate::config) static REWRITE: Section = Section {
    doc: "Another path by regular expression.",
    groups: &[&[
        Key::new("regex", REGEX, Required, "Matched against the path.").example(r#""^/old/(.*)""#),
        Key::new("to", TEXT, Required, "What replaces the match, with `$1` or `${name}` for its groups.")
            .example(r#""/new/$1""#),
    ]],
};

/// `compress`
pub(in crate::config) static COMPRESS: Section = Section {
    doc: "Compress responses for clients that take it.",
    groups: &[&[
        Key::new(
            "encodings",
            Kind::List(&Kind::Word(words::<Coding>)),
            Texts(&["zstd", "br", "gzip"]),
            "Codings; where a client has no preference, the first that it takes.",
        ),
        Key::new(
            "level",
            Kind::Either(&[Kind::Integer(1, 9), Kind::Table(&LEVELS)]),
            Absent,
            "How hard to try: one number for all codings, or a table. Unless set: zstd 3, br 4, gzip 3.",
        )
        .example("{ zstd = 3, br = 4, gzip = 3 }"),
        Key::new("min_size", Kind::Size(0, 1 << 30), Text("512B"), "Smaller content stays as it is."),
        Key::new(
            "types",
            Kind::List(&TYPE),
            Texts(TypePattern::DEFAULTS),
            "Content types: `text/html`, `text/*`, `*+json`. `text/event-stream` only where it is named.",
        ),
        Key::new("adaptive", Kind::Boolean, Boolean(false), "Lower levels while the worker's core is busy."),
        Key::new(
            "dictionary",
            Kind::Either(&[Kind::Boolean, Kind::Table(&DICTIONARY)]),
            Boolean(false),
            "Compress with what the client has already (RFC 9842), over TLS; `true` is a table with its defaults.",
        )
        .example(r#"{ match = "/app/*.js" }"#),
    ]],
};

/// `dictionary` of `compress`
static DICTIONARY: Section = Section {
    doc: "Compress with what the client has already (RFC 9842), over TLS.",
    groups: &[&[
        Key::new(
            "automatic",
            Kind::Boolean,
            Boolean(true),
            "Offer what the cache stores as a dictionary for what comes after it.",
        ),
        Key::new(
            "match",
            TEXT,
            Absent,
            "The URLs that such a dictionary is for, as a URL pattern; absent: the path of the response itself.",
        )
        .example(r#""/app/*.js""#),
        Key::new("id", TEXT, Absent, "What clients say of it in `Dictionary-ID`, for whoever reads their requests.")
            .example(r#""app""#),
        Key::new(
            "max_size",
            Kind::Size(64, 4 << 20),
            Text("256KiB"),
            "What is larger is no dictionary: reading it in takes a worker about a millisecond for this size.",
        ),
        Key::new("files", Kind::List(&Kind::Path), Texts(&[]), "Dictionaries that clients have from elsewhere.")
            .example(r#"["dictionaries/app.dict"]"#),
    ]],
};

/// `level` of `compress`
pub(in crate::config) static LEVELS: Section = Section {
    doc: "A level for each coding.",
    groups: &[&[
        Key::new("zstd", Kind::Integer(1, 12), Integer(3), "For zstd; higher ones would hold up other connections."),
        Key::new("br", Kind::Integer(0, 8), Integer(4), "For br; higher ones would hold up other connections."),
        Key::new("gzip", Kind::Integer(1, 9), Integer(3), "For gzip."),
    ]],
};

/// `decompress_request`
pub(in crate::config) static DECOMPRESS: Section = Section {
    doc: "Give the upstream request bodies without their coding.",
    groups: &[&[Key::new(
        "max_ratio",
        Kind::Integer(2, 100_000),
        Integer(100),
        "Octets that one octet may become, on the whole; more is answered with 413.",
    )]],
};

/// `request_headers`, `response_headers`
pub(in crate::config) static HEADER_RULES: Section = Section {
    doc: "Changes to header fields: remove, then set, then add. Values may hold the placeholders of `redirect`.",
    groups: &[&[
        Key::new("set", Kind::Map(&TEMPLATE), Absent, "Fields that replace those of their name.")
            .example(r#"{ "x-frame-options" = "DENY" }"#)
            .secret(),
        Key::new("add", Kind::Map(&TEMPLATE), Absent, "Fields that come in addition.")
            .example(r#"{ vary = "origin" }"#)
            .secret(),
        Key::new("remove", Kind::List(&HEADER_NAME), Texts(&[]), "Names of fields that go.").example(r#"["server"]"#),
    ]],
};
