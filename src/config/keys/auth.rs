//! `auth` of a route.

use super::{HEADER_NAME, NAME, PATH_TEXT, TEXT};
use crate::config::kind::Default::{Absent, Boolean, Required, Text, Texts};
use crate::config::kind::{Key, Kind, Section};

const ALGORITHM: Kind = Kind::Text(
    "an algorithm such as \"RS256\"",
    r"^(RS256|RS384|RS512|PS256|PS384|PS512|ES256|ES384|ES512|EdDSA|HS256|HS384|HS512)$",
);

/// `auth`
pub(in crate::config) static AUTH: Section = Section {
    doc: "Who may use this route. With several ways, one of them is enough; `forward` stands by itself.",
    groups: &[&[
        Key::new("basic", Kind::Table(&BASIC), Absent, "Name and password (RFC 7617).")
            .example(r#"{ file = "users.htpasswd" }"#),
        Key::new("api_keys", Kind::Table(&API_KEYS), Absent, "Keys that are known by their SHA-256.")
            .example(r#"{ file = "keys.txt" }"#),
        Key::new("jwt", Kind::Table(&JWT), Absent, "JSON Web Tokens (RFC 7519).")
            .example(r#"{ jwks = "https://id.example.com/jwks.json", issuer = "https://id.example.com" }"#),
        Key::new("forward", Kind::Table(&FORWARD), Absent, "Ask an upstream about each request.")
            .example(r#"{ upstream = "auth", path = "/verify" }"#),
        Key::new("realm", TEXT, Text("tidegate"), "What a 401 calls this place."),
        Key::new(
            "user_header",
            HEADER_NAME,
            Text("x-auth-user"),
            "Tells the upstream who asks, and is taken from what clients send, on all routes; `off`: nothing does.",
        ),
        Key::new(
            "forward_credentials",
            Kind::Boolean,
            Boolean(false),
            "Whether the upstream sees the password, key or token too.",
        ),
    ]],
};

/// `auth.basic`
pub(in crate::config) static BASIC: Section = Section {
    doc: "Name and password (RFC 7617), held against bcrypt or argon2 hashes.",
    groups: &[&[
        Key::new("users", Kind::Map(&TEXT), Absent, "Names and hashes, such as `htpasswd -nB NAME` makes.")
            .example(r#"{ ann = "$2y$12$..." }"#)
            .secret(),
        Key::new("file", Kind::Path, Absent, "A file of such lines, `NAME:HASH`; read again when it changes.")
            .example(r#""users.htpasswd""#),
        Key::new(
            "remember",
            Kind::Duration,
            Text("1m"),
            "A password that was right is not looked at again for so long.",
        ),
    ]],
};

/// `auth.api_keys`
pub(in crate::config) static API_KEYS: Section = Section {
    doc: "Keys of programs. Only their SHA-256 is known here.",
    groups: &[&[
        Key::new("keys", Kind::Map(&TEXT), Absent, "Names, and the SHA-256 of each key in hexadecimal.")
            .example(r#"{ ci = "9f86d081..." }"#)
            .secret(),
        Key::new("file", Kind::Path, Absent, "A file of lines `NAME:SHA-256`; read again when it changes.")
            .example(r#""keys.txt""#),
        Key::new(
            "header",
            HEADER_NAME,
            Text("x-api-key"),
            "The field that carries a key; in `authorization` behind `Bearer`. `off`: none.",
        ),
        Key::new(
            "query",
            TEXT,
            Absent,
            "A parameter of the query that carries a key; it goes neither upstream nor into the log.",
        )
        .example(r#""api_key""#),
    ]],
};

/// `auth.jwt`
pub(in crate::config) static JWT: Section = Section {
    doc: "JSON Web Tokens (RFC 7519, RFC 8725). They must have `exp`, and the type of the key fixes the algorithm.",
    groups: &[&[
        Key::new(
            "jwks",
            TEXT,
            Absent,
            "The URL of a JSON Web Key Set; fetched again as `refresh` says, and when a key is not known.",
        )
        .example(r#""https://id.example.com/.well-known/jwks.json""#),
        Key::new("jwks_file", Kind::Path, Absent, "A file with one; read again when it changes.")
            .example(r#""jwks.json""#),
        Key::new("secret", TEXT, Absent, "A secret of 32 octets or more, for HS256 and its like.")
            .secret()
            .example(r#""${JWT_SECRET:-}""#),
        Key::new("secret_file", Kind::Path, Absent, "A file with one.").example(r#""jwt.secret""#),
        Key::new(
            "algorithms",
            Kind::List(&ALGORITHM),
            Texts(&[]),
            "The only algorithms; those that fit the keys unless set.",
        )
        .example(r#"["ES256"]"#),
        Key::new("issuer", TEXT, Absent, "What `iss` must be.").example(r#""https://id.example.com""#),
        Key::new("audience", Kind::List(&TEXT), Texts(&[]), "One of these must be in `aud`.").example(r#"["api"]"#),
        Key::new("leeway", Kind::Duration, Text("30s"), "How far clocks may be apart."),
        Key::new(
            "claims",
            Kind::Map(&TEXT),
            Absent,
            "Fields for the upstream, and the claims that they carry; clients cannot send them.",
        )
        .example(r#"{ "x-auth-email" = "email" }"#),
        Key::new("header", HEADER_NAME, Text("authorization"), "The field that carries a token, behind `Bearer`."),
        Key::new("cookie", TEXT, Absent, "A cookie that carries a token.").example(r#""token""#),
        Key::new("refresh", Kind::Duration, Text("10m"), "How often `jwks` is fetched."),
        Key::new("ca", Kind::Path, Absent, "Authorities for `jwks`, instead of the system's.").example(r#""ca.pem""#),
    ]],
};

/// `auth.forward`
pub(in crate::config) static FORWARD: Section = Section {
    doc: "Ask an upstream about each request: 2xx lets it pass, any other answer is the client's.",
    groups: &[&[
        Key::new("upstream", NAME, Required, "The upstream.").example(r#""auth""#),
        Key::new("path", PATH_TEXT, Text("/"), "The target of the GET that it is asked with."),
        Key::new(
            "request_headers",
            Kind::List(&HEADER_NAME),
            Texts(&["authorization", "cookie"]),
            "Fields of the request that it sees, beside X-Forwarded-Method, -Proto, -Host, -Uri and -For.",
        ),
        Key::new(
            "response_headers",
            Kind::List(&HEADER_NAME),
            Texts(&[]),
            "Fields of its answer that go upstream; clients cannot send them.",
        )
        .example(r#"["x-auth-user", "x-auth-groups"]"#),
        Key::new("timeout", Kind::Duration, Text("5s"), "How long it may take; then the request is refused with 503."),
        Key::new(
            "remember",
            Kind::Timeout,
            Text("off"),
            "How long a yes holds for a request that looks the same to it.",
        ),
    ]],
};
