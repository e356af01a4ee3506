//! Every key of the file. The decoder, `tidegate defaults`, the JSON Schema and the messages all read these tables.
//!
//! A new key is one entry here and the line in `lower` that reads it; a test finds the one that lacks the other.

mod auth;
mod balance;
mod cache;
mod discovery;
mod docker;
mod edge;
mod expected;
mod guard;
mod health;
mod listener;
mod releases;
mod route;
mod traffic;
mod upstream;

use super::kind::Default::{Absent, Boolean, Integer, Required, Text, Texts};
use super::kind::{Key, Kind, Section};
use super::model::{LogClient, LogFormat, LogLevel, LogQuery, Otlp};
use super::words::words;
use cache::CACHE;
pub(super) use discovery::ENDPOINTS_FILE;
use discovery::RESOLVER;
use docker::DISCOVERY;
use expected::TEST;
use guard::GUARD;
use listener::LISTENER;
pub(super) use route::ACTIONS;
use route::{DEFAULTS, ROUTE};
use upstream::{COLLECTOR_TLS, UPSTREAM};

const NAME: Kind = Kind::Text("a name", "");
const ADDRESS: Kind = Kind::Text("an address such as \"0.0.0.0:8080\"", r"^unix:.+$|:[0-9]+$");
const ENDPOINT_ADDRESS: Kind = Kind::Text("an address such as \"127.0.0.1:9000\"", r"^unix:.+$|^srv:_.+$|:[0-9]+$");
const CIDR: Kind = Kind::Text("an address range such as \"10.0.0.0/8\"", r"^[0-9a-fA-F.:]+(/[0-9]+)?$");
const REGEX: Kind = Kind::Text("a regular expression", "");
const HEADER_NAME: Kind = Kind::Text("a field name", r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$");
const TEXT: Kind = Kind::Text("a string", "");
const TEMPLATE: Kind = Kind::Text("a text, perhaps with placeholders", "");
const HOST: Kind = Kind::Text("a host such as \"example.com\"", "");
const PERCENT: Kind = Kind::Text("a percentage such as \"20%\"", r"^[0-9]{1,3}%$");
const SHARE: Kind = Kind::Text("a share such as \"10%\" or \"0.1%\"", r"^[0-9]{1,3}(\.[0-9]{1,4})?%$");
const MORE: Kind = Kind::Text("a percentage such as \"100%\", or \"off\"", r"^([0-9]{1,4}%|off)$");
const COLLECTOR: Kind = Kind::Text("a URL such as \"http://127.0.0.1:4318\"", r"^https?://");
const PATH_TEXT: Kind = Kind::Text("a path that begins with a slash", r"^/");
const METHOD: Kind = Kind::Text("a method such as \"GET\"", r"^[A-Z0-9!#$%&'*+.^_`|~-]+$");
const TYPE: Kind =
    Kind::Text("a content type such as \"text/html\", \"text/*\" or \"*+json\"", "^([^/ ]+/[^/ ]+|\\*\\+[^/ ]+)$");
const HASH_ON: Kind = Kind::Text("what to decide by, such as \"client_ip\"", r"^(client_ip|path|(header|cookie):.+)$");

const ORIGIN: Kind =
    Kind::Text("an origin such as \"https://app.example.com\"", r"^(\*|null|[a-z][a-z0-9+.-]*://[^/]+)$");

const RATE: Kind = Kind::Text("a rate such as \"100/s\"", r"^[0-9]+/([0-9]*(ms|s|m|h|d))+$");
const BYTE_RATE: Kind = Kind::Text("a rate such as \"1MiB/s\"", r"^[0-9]+ *(B|KiB|MiB|GiB)?/s$");
const LIMIT_KEY: Kind =
    Kind::Text("what to count by, such as \"client_ip\"", r"^(client_ip|path|fixed|identity|(header|cookie):.+)$");

/// The whole file.
pub(super) static ROOT: Section = Section {
    doc: "A Tidegate config.",
    groups: &[&[
        Key::new(
            "include",
            Kind::List(&TEXT),
            Absent,
            "More files, as paths with `*` and `?`; what they hold is as if it stood here, routes at the end.",
        )
        .example(r#"["conf.d/*.toml"]"#),
        Key::new("server", Kind::Table(&SERVER), Absent, "The process."),
        Key::new(
            "admin",
            Kind::Table(&ADMIN),
            Absent,
            "Health, metrics and state on an address of their own; absent: off.",
        ),
        Key::new("log", Kind::Table(&LOG), Absent, "The program's own log and the access log."),
        Key::new("tracing", Kind::Table(&TRACING), Absent, "Traces and where they are sent; absent: off."),
        Key::new("cache", Kind::Table(&CACHE), Absent, "The HTTP cache of all routes that have `cache`."),
        Key::new("resolver", Kind::Table(&RESOLVER), Absent, "How the names of endpoints are looked up."),
        Key::new("discovery", Kind::Table(&DISCOVERY), Absent, "Who tells of upstreams and routes beside this file."),
        Key::new("listeners", Kind::Named(&LISTENER), Required, "Where clients connect."),
        Key::new("upstreams", Kind::Named(&UPSTREAM), Absent, "Named groups of endpoints."),
        Key::new(
            "defaults",
            Kind::Table(&DEFAULTS),
            Absent,
            "Any policy of a route, for all routes that do not set it.",
        ),
        Key::new(
            "routes",
            Kind::Repeated(&ROUTE),
            Absent,
            "Which request goes where, and what happens to it on the way.",
        ),
        Key::new(
            "tests",
            Kind::Repeated(&TEST),
            Absent,
            "What you expect of the routes; `tidegate check` says what does not come true.",
        ),
    ]],
};

/// `[server]`
pub(super) static SERVER: Section = Section {
    doc: "The process.",
    groups: &[&[
        Key::new(
            "workers",
            Kind::Either(&[Kind::Text("\"auto\"", "^auto$"), Kind::Integer(1, 1024)]),
            Text("auto"),
            "Worker threads; `\"auto\"` is the CPU quota of the container, else the number of cores.",
        ),
        Key::new(
            "drain_delay",
            Kind::Timeout,
            Text("off"),
            "How long a process that is to stop still takes new requests, while `/readyz` says no: until whoever sends them has noticed.",
        ),
        Key::new(
            "drain_timeout",
            Kind::Duration,
            Text("30s"),
            "How long running requests may take to end when the process stops.",
        ),
        Key::new(
            "watch",
            Kind::Boolean,
            Boolean(true),
            "Reload when a file of the config changes; SIGHUP always reloads.",
        ),
        Key::new(
            "guard",
            Kind::Either(&[Kind::Boolean, Kind::Table(&GUARD)]),
            Boolean(false),
            "Go back to the config before by itself, where routes that a reload changed do worse after it. `true`: with the defaults of the table.",
        ),
        Key::new(
            "pid_file",
            Kind::Path,
            Absent,
            "Where the number of the process is written once it serves; `tidegate upgrade` reads it.",
        )
        .example(r#""/run/tidegate/tidegate.pid""#),
        Key::new(
            "upgrade_timeout",
            Kind::Duration,
            Text("60s"),
            "How long the program that is started by an upgrade may take until it serves; then it is given up.",
        ),
        Key::new(
            "max_connections",
            Kind::Integer(0, 10_000_000),
            Integer(0),
            "Connections of all listeners together; one more is closed at once. 0: as many as the listeners allow.",
        ),
        Key::new(
            "max_requests",
            Kind::Integer(0, 10_000_000),
            Integer(0),
            "Requests under way in the whole process; one more gets 503. 0: any number, and nothing is counted.",
        ),
        Key::new(
            "max_memory",
            Kind::Text("\"auto\", \"off\" or a size", r"^(auto|off|[0-9].*)$"),
            Text("auto"),
            "Resident memory; near it, new work is refused by `priority`. `\"auto\"` is the limit of the cgroup, where there is one.",
        ),
        Key::new(
            "max_delay",
            Kind::Timeout,
            Text("100ms"),
            "A worker that is later than this with all it does for a second refuses new work by `priority`; more at 4 and at 16 times.",
        ),
        Key::new("zone", TEXT, Absent, "Where this process is: endpoints of the same zone are preferred.")
            .example(r#""${ZONE:-}""#),
    ]],
};

/// `[tracing]`
pub(super) static TRACING: Section = Section {
    doc: "Traces: `traceparent` to upstreams, and spans to a collector. Without this section both are passed on as they come.",
    groups: &[&[
        Key::new(
            "endpoint",
            COLLECTOR,
            Absent,
            "The collector of OTLP; over HTTP `/v1/traces` unless a path is given.",
        )
        .example(r#""http://127.0.0.1:4318""#),
        Key::new(
            "protocol",
            Kind::Word(words::<Otlp>),
            Text("http"),
            "How it is spoken to: HTTP/1.1, usually port 4318, or gRPC, usually 4317.",
        ),
        Key::new("tls", Kind::Table(&COLLECTOR_TLS), Absent, "How a collector of `https` is verified."),
        Key::new("sample", SHARE, Text("10%"), "The share of traces that begin here which is recorded."),
        Key::new(
            "follow_parent",
            Kind::Boolean,
            Boolean(true),
            "Whoever began the trace decides whether it is recorded; else `sample` does.",
        ),
        Key::new("service_name", TEXT, Text("tidegate"), "What this program is called in traces."),
        Key::new("headers", Kind::Map(&TEXT), Absent, "Fields of the requests to the collector.")
            .example(r#"{ "x-api-key" = "${OTLP_KEY:-example}" }"#)
            .secret(),
    ]],
};

/// `[admin]`
pub(super) static ADMIN: Section = Section {
    doc: "Health, metrics and state, on an address of their own. Without this section: off.",
    groups: &[&[
        Key::new("address", ADDRESS, Required, "Where to listen; keep it away from the internet.")
            .example(r#""127.0.0.1:9180""#),
        Key::new(
            "token",
            TEXT,
            Absent,
            "What `Authorization: Bearer` must show; needed beyond loopback and a unix socket. 16 characters or more.",
        )
        .example(r#""${TIDEGATE_ADMIN_TOKEN:-only-an-example-of-a-token}""#)
        .secret(),
        Key::new(
            "hosts",
            Kind::List(&HOST),
            Texts(&[]),
            "Names by which browsers may ask for it, beside private ones.",
        )
        .example(r#"["admin.example.com"]"#),
    ]],
};

/// `[log]`
pub(super) static LOG: Section = Section {
    doc: "The program's own log, on stderr, and the access log.",
    groups: &[&[
        Key::new("level", Kind::Word(words::<LogLevel>), Text("info"), "The least severe message that is logged."),
        Key::new("format", Kind::Word(words::<LogFormat>), Text("text"), "How the program's own log looks."),
        Key::new(
            "access",
            Kind::Path,
            Text("stdout"),
            "Where the access log goes: `\"stdout\"`, `\"off\"` or a file, which SIGUSR1 reopens.",
        ),
        Key::new(
            "access_format",
            TEMPLATE,
            Text("json"),
            "`\"json\"`, `\"combined\"`, or a text with fields such as `{client_ip}` and `{status}`.",
        ),
        Key::new(
            "sample",
            SHARE,
            Text("100%"),
            "The share of requests in the access log; those that failed are always in it.",
        ),
        Key::new(
            "query",
            Kind::Word(words::<LogQuery>),
            Text("redact"),
            "What is logged of queries: names without values, all, or only that there was one.",
        ),
        Key::new("query_keep", Kind::List(&TEXT), Texts(&[]), "Parameters whose values are logged all the same.")
            .example(r#"["page", "sort"]"#),
        Key::new(
            "client",
            Kind::Word(words::<LogClient>),
            Text("keep"),
            "What is logged of a client's address: all, its network (/24, /48), or nothing.",
        ),
        Key::new("omit", Kind::List(&TEXT), Texts(&[]), "Fields of the access log that are left out.")
            .example(r#"["user_agent", "referer"]"#),
    ]],
};
