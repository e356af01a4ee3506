//! Every key of the file. The decoder, `tidegate defaults`, the JSON Schema and the messages all read these tables.
//!
//! A new key is one entry here and the line in `lower` that reads it; a test finds the one that lacks the other.

mod balance;
mod cache;
mod health;
mod listener;
mod route;
mod traffic;
mod upstream;

use super::kind::Default::{Absent, Boolean, Required, Text};
use super::kind::{Key, Kind, Section};
use super::model::{LogFormat, LogLevel};
use super::words::words;
use cache::CACHE;
use listener::LISTENER;
pub(super) use route::ACTIONS;
use route::{DEFAULTS, ROUTE};
use upstream::UPSTREAM;

const NAME: Kind = Kind::Text("a name", "");
const ADDRESS: Kind = Kind::Text("an address such as \"0.0.0.0:8080\"", r"^unix:.+$|:[0-9]+$");
const ENDPOINT_ADDRESS: Kind = Kind::Text("an address such as \"127.0.0.1:9000\"", r"^unix:.+$|:[0-9]+$");
const CIDR: Kind = Kind::Text("an address range such as \"10.0.0.0/8\"", r"^[0-9a-fA-F.:]+(/[0-9]+)?$");
const REGEX: Kind = Kind::Text("a regular expression", "");
const HEADER_NAME: Kind = Kind::Text("a field name", r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$");
const TEXT: Kind = Kind::Text("a string", "");
const TEMPLATE: Kind = Kind::Text("a text, perhaps with placeholders", "");
const HOST: Kind = Kind::Text("a host such as \"example.com\"", "");
const PERCENT: Kind = Kind::Text("a percentage such as \"20%\"", r"^[0-9]{1,3}%$");
const PATH_TEXT: Kind = Kind::Text("a path that begins with a slash", r"^/");
const METHOD: Kind = Kind::Text("a method such as \"GET\"", r"^[A-Z0-9!#$%&'*+.^_`|~-]+$");
const TYPE: Kind =
    Kind::Text("a content type such as \"text/html\", \"text/*\" or \"*+json\"", "^([^/ ]+/[^/ ]+|\\*\\+[^/ ]+)$");
const HASH_ON: Kind = Kind::Text("what to decide by, such as \"client_ip\"", r"^(client_ip|path|(header|cookie):.+)$");

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
        Key::new("cache", Kind::Table(&CACHE), Absent, "The HTTP cache of all routes that have `cache`."),
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
        Key::new("zone", TEXT, Absent, "Where this process is: endpoints of the same zone are preferred.")
            .example(r#""${ZONE:-}""#),
    ]],
};

/// `[admin]`
pub(super) static ADMIN: Section = Section {
    doc: "Health, metrics and state, on an address of their own. Without this section: off.",
    groups: &[&[Key::new("address", ADDRESS, Required, "Where to listen; keep it away from the internet.")
        .example(r#""127.0.0.1:9180""#)]],
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
    ]],
};
