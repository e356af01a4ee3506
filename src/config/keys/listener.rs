//! `[listeners.NAME]` and what is in it.

use super::{ADDRESS, CIDR, HEADER_NAME, HOST};
use crate::config::kind::Default::{Absent, Boolean, Integer, Required, Text, Texts};
use crate::config::kind::{Key, Kind, Section};
use crate::config::model::TlsVersion;
use crate::config::words::{Required as RequiredAuth, words};
use crate::http::path::{Backslashes, DotSegments, EncodedSlashes, Escapes};

/// `[listeners.NAME]`
pub(in crate::config) static LISTENER: Section = Section {
    doc: "An address that clients connect to, and the limits that hold there.",
    groups: &[
        &[
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
            Key::new(
                "max_head_size",
                Kind::Size(1 << 10, 1 << 20),
                Text("16KiB"),
                "Request line and all fields together.",
            ),
            Key::new("max_field_size", Kind::Size(1 << 8, 1 << 20), Text("8KiB"), "One field, name and value."),
            Key::new(
                "max_fields",
                Kind::Integer(8, 10_000),
                Integer(128),
                "Fields of a request; each piece of a divided cookie counts.",
            ),
            Key::new(
                "max_target_size",
                Kind::Size(1 << 8, 1 << 20),
                Text("8KiB"),
                "The request target: path and query.",
            ),
            Key::new(
                "max_streams",
                Kind::Integer(1, 100_000),
                Integer(100),
                "Concurrent HTTP/2 streams of one connection.",
            ),
            Key::new(
                "min_request_rate",
                Kind::Size(0, 1 << 30),
                Text("256B"),
                "Octets a second that a request body must bring while it is waited for; slower for `request_body_timeout` altogether is too slow. 0: any.",
            ),
            Key::new(
                "min_response_rate",
                Kind::Size(0, 1 << 30),
                Text("256B"),
                "Octets a second that a client must take while it is waited for; slower for `write_timeout` altogether is too slow. 0: any.",
            ),
            Key::new(
                "max_connections_per_client",
                Kind::Integer(0, 10_000_000),
                Integer(10_000),
                "Connections of one client address, IPv6 by /64; one more is closed at once. 0: any number. `trusted_proxies` are not counted.",
            ),
            Key::new(
                "max_requests_per_client",
                Kind::Integer(0, 10_000_000),
                Integer(10_000),
                "Requests under way on all connections of one client address, IPv6 by /64; one more gets 503. 0: any number.",
            ),
            Key::new(
                "abuse",
                Kind::Either(&[Kind::Boolean, Kind::Table(&ABUSE)]),
                Boolean(true),
                "Close HTTP/2 connections that cost much and bring nothing: one score of all that is below, which decays.",
            ),
            Key::new("tls", Kind::Table(&LISTENER_TLS), Absent, "Present: this listener speaks TLS."),
        ],
        PATHS,
    ],
};

/// What paths of requests may look like.
static PATHS: &[Key] = &[
    Key::new(
        "merge_slashes",
        Kind::Boolean,
        Boolean(false),
        "Several slashes in a row of a path are one: `/a//b` is `/a/b` to routes, caches, rules and upstreams.",
    ),
    Key::new(
        "dot_segments",
        Kind::Word(words::<DotSegments>),
        Text("resolve"),
        "What becomes of `.` and `..` in a path, encoded ones too; above the root they are refused in any case.",
    ),
    Key::new(
        "encoded_slashes",
        Kind::Word(words::<EncodedSlashes>),
        Text("keep"),
        "What becomes of `%2F` and `%5C` in a path: kept, where they separate nothing; refused; or decoded before anything looks at the path.",
    ),
    Key::new(
        "backslashes",
        Kind::Word(words::<Backslashes>),
        Text("reject"),
        "What becomes of a backslash in a path: refused, or a slash.",
    ),
    Key::new(
        "escapes",
        Kind::Word(words::<Escapes>),
        Text("keep"),
        "Whether paths go on as they are spelt, or with their escapes in the normal form that routes compare (RFC 3986, section 6.2.2): `%7e` as `~`.",
    ),
];

const FRAMES: Kind = Kind::Integer(0, 10_000_000);

/// `[listeners.NAME.abuse]`
pub(in crate::config) static ABUSE: Section = Section {
    doc: "As many frames of a kind as an HTTP/2 client may send at once, 0 for any number. One frame is one part of that; over 1 in sum the connection is closed, over 0.75 the client is asked to leave.",
    groups: &[&[
        Key::new("half_life", Kind::Duration, Text("1s"), "After this long, half of it is forgotten."),
        Key::new("resets", FRAMES, Integer(100), "Streams that the client resets (Rapid Reset)."),
        Key::new(
            "provoked_resets",
            FRAMES,
            Integer(100),
            "Streams that the client makes us reset (MadeYouReset), those over `max_streams` too.",
        ),
        Key::new("settings", FRAMES, Integer(50), "SETTINGS."),
        Key::new("pings", FRAMES, Integer(100), "PING."),
        Key::new("priorities", FRAMES, Integer(100), "PRIORITY beyond two for each stream."),
        Key::new(
            "empty_data",
            FRAMES,
            Integer(100),
            "DATA of no octets that does not end the stream; more than 100 in the life of a connection end it in any case.",
        ),
        Key::new("tiny_data", FRAMES, Integer(10_000), "DATA of less than 16 octets that does not end the stream."),
        Key::new("window_updates", FRAMES, Integer(100), "WINDOW_UPDATE beyond two for each DATA frame of a response."),
        Key::new("continuations", FRAMES, Integer(100), "CONTINUATION that does not end its field block."),
        Key::new("other_frames", FRAMES, Integer(500), "Frames of all other kinds, PRIORITY_UPDATE among them."),
    ]],
};

/// `[listeners.NAME.tls]`
pub(in crate::config) static LISTENER_TLS: Section = Section {
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
            Kind::Word(words::<RequiredAuth>),
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
pub(in crate::config) static CERTIFICATE: Section = Section {
    doc: "One certificate chain and its key.",
    groups: &[&[
        Key::new("cert", Kind::Path, Required, "The chain, leaf first, PEM.").example(r#""certs/site.pem""#),
        Key::new("key", Kind::Path, Required, "The private key, PEM: PKCS#8, PKCS#1 or SEC1.")
            .example(r#""certs/site.key""#),
    ]],
};
