//! `[upstreams.NAME]` and what is in it.

use super::balance::BALANCING;
use super::health::HEALTH;
use super::traffic::TRAFFIC;
use super::{ENDPOINT_ADDRESS, HOST, TEXT};
use crate::config::kind::Default::{Absent, Boolean, Integer, Required, Text};
use crate::config::kind::{Key, Kind, Section};
use crate::config::model::{ProxyProtocolVersion, TlsVersion, UpstreamProtocol};
use crate::config::words::words;

/// `[upstreams.NAME]`
pub(in crate::config) static UPSTREAM: Section = Section {
    doc: "A named group of endpoints that answer the same requests.",
    groups: &[ENDPOINTS, BALANCING, CONNECTIONS, TRAFFIC],
};

static CONNECTIONS: &[Key] = &[
    Key::new(
        "protocol",
        Kind::Word(words::<UpstreamProtocol>),
        Text("http/1.1"),
        "What endpoints speak; `\"auto\"` is what ALPN says under TLS, and HTTP/1.1 in clear text.",
    ),
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
        "unknown_transfer_codings",
        Kind::Boolean,
        Boolean(false),
        "Whether a response in a `Transfer-Encoding` that nobody knows is taken as it is up to the end of its connection, not answered with 502.",
    ),
    Key::new(
        "proxy_protocol",
        Kind::Word(words::<Option<ProxyProtocolVersion>>),
        Text("off"),
        "Send a PROXY protocol header on each new connection, which then serves one client only.",
    ),
    Key::new("tls", Kind::Table(&UPSTREAM_TLS), Absent, "Present: TLS to the endpoints."),
    Key::new("health", Kind::Table(&HEALTH), Absent, "Present: endpoints are probed."),
];

static ENDPOINTS: &[Key] = &[
    Key::new(
        "endpoints",
        Kind::List(&Kind::Either(&[ENDPOINT_ADDRESS, Kind::Table(&ENDPOINT)])),
        Required,
        "Addresses, host names with a port, `unix:/path` or `srv:_service._tcp.name`; or tables with `address`, `weight`, \
         `backup` and `zone`. A name stands for all its addresses. It can be left out where there is an `endpoints_file`.",
    )
    .example(r#"["127.0.0.1:9000", { address = "10.0.0.8:9000", weight = 2 }]"#),
    Key::new(
        "endpoints_file",
        Kind::Path,
        Absent,
        "More endpoints, in a file of TOML or JSON with the key `endpoints`; it is watched, and a change touches nothing else.",
    )
    .example(r#""/run/tidegate/api.json""#),
];

/// One of `endpoints`
pub(in crate::config) static ENDPOINT: Section = Section {
    doc: "One endpoint.",
    groups: &[&[
        Key::new(
            "address",
            ENDPOINT_ADDRESS,
            Required,
            "Address, host name with a port, `unix:/path` or `srv:_service._tcp.name`.",
        )
        .example(r#""10.0.0.8:9000""#),
        Key::new("weight", Kind::Integer(1, 65535), Integer(1), "Its share of the requests, relative to the others."),
        Key::new("backup", Kind::Boolean, Boolean(false), "Used only while no other endpoint can be."),
        Key::new("zone", TEXT, Absent, "Where it is; those in the zone of `[server]` are preferred.")
            .example(r#""eu-1a""#),
    ]],
};

/// `[upstreams.NAME.tls]`
pub(in crate::config) static UPSTREAM_TLS: Section = Section {
    doc: "TLS to the endpoints, verified against the system's authorities unless said otherwise.",
    groups: &[CLIENT_TLS],
};

/// `[tracing.tls]`
pub(in crate::config) static COLLECTOR_TLS: Section = Section {
    doc: "TLS to a collector of `https`, verified against the system's authorities unless said otherwise.",
    groups: &[CLIENT_TLS],
};

const CLIENT_TLS: &[Key] = &[
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
    Key::new("min_version", Kind::Word(words::<TlsVersion>), Text("1.2"), "The oldest version of TLS that is spoken."),
];
