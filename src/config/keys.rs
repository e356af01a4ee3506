//! Every key of the file. The decoder, `tidegate defaults`, the JSON Schema and the messages all read these tables.
//!
//! A new key is one entry here and the line in `lower` that reads it; a test finds the one that lacks the other.

use super::kind::Default::{Absent, Boolean, Integer, Required, Text, Texts};
use super::kind::{Key, Kind, Section};
use super::model::{Balance, LogFormat, LogLevel, ProxyProtocolVersion, TlsVersion, UpstreamProtocol};
use super::words::{self, words};

const GIB: u64 = 1 << 30;

const NAME: Kind = Kind::Text("a name", "");
const ADDRESS: Kind = Kind::Text("an address such as \"0.0.0.0:8080\"", r"^unix:.+$|:[0-9]+$");
const ENDPOINT_ADDRESS: Kind = Kind::Text("an address such as \"127.0.0.1:9000\"", r"^unix:.+$|:[0-9]+$");
const CIDR: Kind = Kind::Text("an address range such as \"10.0.0.0/8\"", r"^[0-9a-fA-F.:]+(/[0-9]+)?$");
const REGEX: Kind = Kind::Text("a regular expression", "");
const HEADER_NAME: Kind = Kind::Text("a field name", r"^[!#$%&'*+.^_`|~0-9A-Za-z-]+$");
const TEXT: Kind = Kind::Text("a string", "");
const TEMPLATE: Kind = Kind::Text("a text, perhaps with placeholders", "");
const HOST: Kind = Kind::Text("a host such as \"example.com\"", "");
const PATH_TEXT: Kind = Kind::Text("a path that begins with a slash", r"^/");
const METHOD: Kind = Kind::Text("a method such as \"GET\"", r"^[A-Z0-9!#$%&'*+.^_`|~-]+$");
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
        Key::new("access_format", TEMPLATE, Text("json"), "`\"json\"`, `\"combined\"`, or a text with `{fields}`."),
    ]],
};

/// `[listeners.NAME]`
pub(super) static LISTENER: Section = Section {
    doc: "An address that clients connect to, and the limits that hold there.",
    groups: &[&[
        Key::new(
            "address",
            ADDRESS,
            Required,
            "Where to listen: `\"0.0.0.0:8080\"`, `\"[::]:8443\"` or `\"unix:/run/tidegate.sock\"`.",
        )
        .example(r#""0.0.0.0:8080""#),
        Key::new(
            "redirect_to_https",
            Kind::Either(&[Kind::Boolean, Kind::Integer(1, 65535)]),
            Boolean(false),
            "Answer every request with a redirect to HTTPS, on port 443 or the port given.",
        ),
        Key::new(
            "proxy_protocol",
            Kind::Boolean,
            Boolean(false),
            "Every connection must begin with a PROXY protocol header, version 1 or 2; believed from `trusted_proxies` only.",
        ),
        Key::new(
            "trusted_proxies",
            Kind::List(&CIDR),
            Texts(&[]),
            "Address ranges whose Forwarded and X-Forwarded-* fields are believed.",
        )
        .example(r#"["10.0.0.0/8"]"#),
        Key::new(
            "http2",
            Kind::Boolean,
            Boolean(true),
            "Offer HTTP/2: by ALPN under TLS, by prior knowledge in clear text.",
        ),
        Key::new(
            "max_connections",
            Kind::Integer(1, 10_000_000),
            Integer(50_000),
            "Connections at the same time; one more is closed at once.",
        ),
        Key::new("handshake_timeout", Kind::Timeout, Text("10s"), "PROXY header and TLS handshake."),
        Key::new(
            "request_head_timeout",
            Kind::Timeout,
            Text("10s"),
            "From the first byte of a request to the end of its head.",
        ),
        Key::new("idle_timeout", Kind::Timeout, Text("60s"), "A kept-alive connection without a request."),
        Key::new("request_body_timeout", Kind::Timeout, Text("30s"), "Between two reads of a request body."),
        Key::new("write_timeout", Kind::Timeout, Text("30s"), "A client that takes no byte of its response."),
        Key::new("max_head_size", Kind::Size(1 << 10, 1 << 20), Text("16KiB"), "Request line and all fields together."),
        Key::new("max_field_size", Kind::Size(1 << 8, 1 << 20), Text("8KiB"), "One field, name and value."),
        Key::new(
            "max_fields",
            Kind::Integer(8, 10_000),
            Integer(128),
            "Fields of a request; each piece of a divided cookie counts.",
        ),
        Key::new("max_target_size", Kind::Size(1 << 8, 1 << 20), Text("8KiB"), "The request target: path and query."),
        Key::new(
            "max_streams",
            Kind::Integer(1, 100_000),
            Integer(100),
            "Concurrent HTTP/2 streams of one connection.",
        ),
        Key::new("tls", Kind::Table(&LISTENER_TLS), Absent, "Present: this listener speaks TLS."),
    ]],
};

/// `[listeners.NAME.tls]`
pub(super) static LISTENER_TLS: Section = Section {
    doc: "TLS towards clients. Certificates are chosen by server name, from the names inside them.",
    groups: &[&[
        Key::new(
            "certificates",
            Kind::List(&Kind::Table(&CERTIFICATE)),
            Texts(&[]),
            "Certificate chains and their keys, PEM files.",
        )
        .example(r#"[{ cert = "certs/site.pem", key = "certs/site.key" }]"#),
        Key::new(
            "self_signed",
            Kind::List(&HOST),
            Texts(&[]),
            "Names for which a certificate is made at start; for development.",
        )
        .example(r#"["localhost"]"#),
        Key::new(
            "min_version",
            Kind::Word(words::<TlsVersion>),
            Text("1.2"),
            "The oldest version of TLS that is spoken.",
        ),
        Key::new("client_ca", Kind::Path, Absent, "Ask clients for certificates of these authorities (mutual TLS).")
            .example(r#""certs/clients.pem""#),
        Key::new(
            "client_auth",
            Kind::Word(words::<words::Required>),
            Text("require"),
            "With `client_ca`: whether a client without a certificate is refused or served.",
        ),
        Key::new(
            "client_subject_header",
            HEADER_NAME,
            Text("x-client-cert-subject"),
            "With `client_ca`: the request field that tells upstreams the subject; removed from what clients send.",
        ),
    ]],
};

/// One of `certificates`
pub(super) static CERTIFICATE: Section = Section {
    doc: "One certificate chain and its key.",
    groups: &[&[
        Key::new("cert", Kind::Path, Required, "The chain, leaf first, PEM.").example(r#""certs/site.pem""#),
        Key::new("key", Kind::Path, Required, "The private key, PEM: PKCS#8, PKCS#1 or SEC1.")
            .example(r#""certs/site.key""#),
    ]],
};

/// `[upstreams.NAME]`
pub(super) static UPSTREAM: Section = Section {
    doc: "A named group of endpoints that answer the same requests.",
    groups: &[&[
        Key::new(
            "endpoints",
            Kind::List(&Kind::Either(&[ENDPOINT_ADDRESS, Kind::Table(&ENDPOINT)])),
            Required,
            "Addresses, host names with a port, or `unix:/path`; or tables with `address`, `weight` and `backup`.",
        )
        .example(r#"["127.0.0.1:9000", { address = "10.0.0.8:9000", weight = 2 }]"#),
        Key::new(
            "protocol",
            Kind::Word(words::<UpstreamProtocol>),
            Text("http/1.1"),
            "What endpoints speak; `\"auto\"` is what ALPN says under TLS, and HTTP/1.1 in clear text.",
        ),
        Key::new("balance", Kind::Word(words::<Balance>), Text("least_requests"), "How an endpoint is chosen."),
        Key::new("connect_timeout", Kind::Timeout, Text("3s"), "Connecting, TLS handshake included."),
        Key::new(
            "response_timeout",
            Kind::Timeout,
            Text("30s"),
            "From the end of the request to the first byte of the response.",
        ),
        Key::new("response_body_timeout", Kind::Timeout, Text("30s"), "Between two reads of a response body."),
        Key::new("write_timeout", Kind::Timeout, Text("30s"), "An endpoint that takes no byte of the request."),
        Key::new(
            "idle_timeout",
            Kind::Timeout,
            Text("55s"),
            "A pooled connection without a request; keep it below what the endpoint allows.",
        ),
        Key::new(
            "max_idle",
            Kind::Integer(0, 1_000_000),
            Integer(256),
            "Pooled connections of one endpoint in one worker.",
        ),
        Key::new(
            "max_connections",
            Kind::Integer(0, 10_000_000),
            Integer(0),
            "Connections of one endpoint in the process; 0 is no limit.",
        ),
        Key::new(
            "max_response_head_size",
            Kind::Size(1 << 10, 16 << 20),
            Text("32KiB"),
            "Status line and all fields of a response.",
        ),
        Key::new(
            "proxy_protocol",
            Kind::Word(words::<Option<ProxyProtocolVersion>>),
            Text("off"),
            "Send a PROXY protocol header on each new connection, which then serves one client only.",
        ),
        Key::new("tls", Kind::Table(&UPSTREAM_TLS), Absent, "Present: TLS to the endpoints."),
    ]],
};

/// One of `endpoints`
pub(super) static ENDPOINT: Section = Section {
    doc: "One endpoint.",
    groups: &[&[
        Key::new("address", ENDPOINT_ADDRESS, Required, "Address, host name with a port, or `unix:/path`.")
            .example(r#""10.0.0.8:9000""#),
        Key::new("weight", Kind::Integer(1, 65535), Integer(1), "Its share of the requests, relative to the others."),
        Key::new("backup", Kind::Boolean, Boolean(false), "Used only while no other endpoint can be."),
    ]],
};

/// `[upstreams.NAME.tls]`
pub(super) static UPSTREAM_TLS: Section = Section {
    doc: "TLS to the endpoints, verified against the system's authorities unless said otherwise.",
    groups: &[&[
        Key::new("verify", Kind::Boolean, Boolean(true), "Whether the endpoint's certificate is checked."),
        Key::new("ca", Kind::Path, Absent, "Authorities of your own instead of the system's, a PEM file.")
            .example(r#""certs/internal-ca.pem""#),
        Key::new(
            "server_name",
            HOST,
            Absent,
            "The name that is asked for and checked; the endpoint's host name unless set.",
        )
        .example(r#""api.internal""#),
        Key::new("cert", Kind::Path, Absent, "A client certificate chain, PEM; with `key`.")
            .example(r#""certs/client.pem""#),
        Key::new("key", Kind::Path, Absent, "The key of `cert`, PEM.").example(r#""certs/client.key""#),
        Key::new(
            "min_version",
            Kind::Word(words::<TlsVersion>),
            Text("1.2"),
            "The oldest version of TLS that is spoken.",
        ),
    ]],
};

/// `[defaults]`
pub(super) static DEFAULTS: Section =
    Section { doc: "Any policy of a route, for all routes that do not set it.", groups: &[POLICIES] };

/// `[[routes]]`
pub(super) static ROUTE: Section = Section {
    doc: "Which requests, what is done with them (exactly one action), and the policies on the way. The winner is the \
          route with the most exact host, then path, then the most other predicates, then the first in the file.",
    groups: &[MATCHES, ACTIONS, POLICIES],
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
        Kind::Map(&TEXT),
        Absent,
        "Request fields that must be there with this value; `\"*\"` is any value.",
    )
    .example(r#"{ "x-env" = "canary" }"#),
    Key::new(
        "query",
        Kind::Map(&TEXT),
        Absent,
        "Query parameters that must be there with this value; `\"*\"` is any value.",
    )
    .example(r#"{ debug = "1" }"#),
];

/// The keys of which a route has exactly one.
pub(super) static ACTIONS: &[Key] = &[
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
    Key::new("max_body", Kind::Size(0, 1024 * 1024 * GIB), Text("16MiB"), "The largest request body; 0 is no limit."),
    Key::new(
        "upgrades",
        Kind::List(&TEXT),
        Texts(&["websocket"]),
        "Protocols that a client may switch to; `[]` is none.",
    ),
    Key::new(
        "max_requests",
        Kind::Integer(0, 10_000_000),
        Integer(0),
        "Exchanges of this route at the same time; 0 is no limit.",
    ),
];

/// One of `split`
pub(super) static SPLIT_ARM: Section = Section {
    doc: "One way to go.",
    groups: &[&[
        Key::new("upstream", NAME, Required, "The upstream.").example(r#""v1""#),
        Key::new("weight", Kind::Integer(0, 1_000_000), Integer(1), "Its share, relative to the others; 0 is none."),
    ]],
};

/// `redirect`
pub(super) static REDIRECT: Section = Section {
    doc: "Send the client elsewhere.",
    groups: &[&[
        Key::new("to", TEMPLATE, Required, "Where to, with `{scheme}`, `{host}`, `{authority}`, `{path}`, `{query}`, `{uri}`, `{client_ip}` or `{request_id}`.")
            .example(r#""https://example.com{uri}""#),
        Key::new("status", Kind::Integer(301, 308), Integer(308), "301, 302, 303, 307 or 308."),
    ]],
};

/// `respond`
pub(super) static RESPOND: Section = Section {
    doc: "Answer at once.",
    groups: &[&[
        Key::new("status", Kind::Integer(200, 599), Integer(200), "The status code."),
        Key::new("body", TEXT, Text(""), "The content."),
        Key::new("headers", Kind::Map(&TEXT), Absent, "More fields; the content-type is text/plain unless set here.")
            .example(r#"{ "content-type" = "text/html; charset=utf-8" }"#),
    ]],
};

/// `files`
pub(super) static FILES: Section = Section {
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
pub(super) static REWRITE: Section = Section {
    doc: "Another path by regular expression.",
    groups: &[&[
        Key::new("regex", REGEX, Required, "Matched against the path.").example(r#""^/old/(.*)""#),
        Key::new("to", TEXT, Required, "What replaces the match, with `$1` or `${name}` for its groups.")
            .example(r#""/new/$1""#),
    ]],
};

/// `request_headers`, `response_headers`
pub(super) static HEADER_RULES: Section = Section {
    doc: "Changes to header fields: remove, then set, then add. Values may hold the placeholders of `redirect`.",
    groups: &[&[
        Key::new("set", Kind::Map(&TEMPLATE), Absent, "Fields that replace those of their name.")
            .example(r#"{ "x-frame-options" = "DENY" }"#),
        Key::new("add", Kind::Map(&TEMPLATE), Absent, "Fields that come in addition.")
            .example(r#"{ vary = "origin" }"#),
        Key::new("remove", Kind::List(&HEADER_NAME), Texts(&[]), "Names of fields that go.").example(r#"["server"]"#),
    ]],
};
