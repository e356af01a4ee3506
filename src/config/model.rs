//! What a config means: names resolved, defaults filled in, impossible states absent. Made by `lower.rs` alone.
//!
//! Durations that are `None` are switched off (`"off"` or `"0s"` in the file). Sizes are octets.

mod abuse;
mod auth;
mod balance;
mod cache;
mod compress;
mod discovery;
mod docker;
mod edge;
mod expected;
mod health;
mod log;
mod overload;
mod releases;
mod rules;
mod server;
mod traffic;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, StatusCode};
use regex::Regex;

use crate::http::path::PathPolicy;

pub use abuse::AbuseLimits;
pub use auth::*;
pub use balance::*;
pub use cache::*;
pub use compress::*;
pub use discovery::*;
pub use docker::{Container, Docker, LABEL_PREFIX, LABELS, Labelled, Unheard};
pub use edge::*;
pub use expected::Expectation;
pub use health::{Health, HealthProbe, HttpProbe, StatusRange};
pub use log::*;
pub use overload::{MemoryLimit, Priority};
pub use releases::{Abort, Delay, Inject, Mirror, Share, Split, SplitCookie, ValueMatch};
pub use rules::{HeaderRules, Rewrite};
pub use server::{Guard, Server};
pub use traffic::*;

/// A whole config, ready to be compiled into a snapshot.
#[derive(Clone, Debug)]
pub struct Model {
    /// `[server]`
    pub server: Server,
    /// `[admin]`, absent: off
    pub admin: Option<Admin>,
    /// `[log]`
    pub log: Log,
    /// `[tracing]`, absent: off
    pub tracing: Option<Tracing>,
    /// `[cache]`
    pub cache: Cache,
    /// `[resolver]`
    pub resolver: Resolver,
    /// `[discovery.docker]`; absent: off
    pub docker: Option<Docker>,
    /// `[listeners.*]`, in the order of the file
    pub listeners: Vec<Listener>,
    /// `[upstreams.*]`, in the order of the file
    pub upstreams: Vec<Upstream>,
    /// `[[routes]]`, in the order of the file(s)
    pub routes: Vec<Route>,
    /// `[[tests]]`
    pub tests: Vec<Expectation>,
    /// Every file that this config was read from or depends on (includes, certificates, keys, authorities), for the file watch;
    /// and the folders that patterns of `include` look in, whose time changes when a file comes or goes.
    pub files: Vec<PathBuf>,
    /// What the files say, as one tree, without what is secret.
    pub written: Arc<serde_json::Value>,
}

/// `[admin]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Admin {
    /// `address`
    pub address: ListenAddress,
    /// `token`: what `Authorization: Bearer` must show
    pub token: Option<Secret>,
    /// `hosts`: names by which it may be asked for, lower case
    pub hosts: Vec<String>,
}

/// A text that is not to be seen.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Keeps it.
    pub const fn new(text: String) -> Self {
        Self(text)
    }

    /// Gives it to the one who needs it.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

/// Where a listener or the admin address binds.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ListenAddress {
    /// `"0.0.0.0:8080"`, `"[::]:8443"`
    Tcp(SocketAddr),
    /// `"unix:/run/tidegate.sock"`
    Unix(PathBuf),
}

impl std::fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// An address range, `"10.0.0.0/8"` or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Cidr {
    /// First address of the range.
    pub address: IpAddr,
    /// Leading bits that count.
    pub prefix: u8,
}

impl Cidr {
    /// Whether the address is in the range. An IPv4-mapped IPv6 address counts as the IPv4 one.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(range), IpAddr::V4(address)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix)).unwrap_or(0);
                (range.to_bits() ^ address.to_bits()) & mask == 0
            }
            (IpAddr::V6(range), IpAddr::V6(address)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix)).unwrap_or(0);
                (range.to_bits() ^ address.to_bits()) & mask == 0
            }
            _ => false,
        }
    }
}

/// `[listeners.NAME]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listener {
    /// NAME
    pub name: Arc<str>,
    /// `address`
    pub address: ListenAddress,
    /// `redirect_to_https`: `true` is port 443, a number is that port
    pub redirect_to_https: Option<u16>,
    /// `proxy_protocol`: every connection must begin with a PROXY header, v1 or v2; only from `trusted_proxies`
    pub proxy_protocol: bool,
    /// `trusted_proxies`: whose Forwarded and X-Forwarded-* fields are believed
    pub trusted_proxies: Vec<Cidr>,
    /// `http2`, default true: by ALPN under TLS, by prior knowledge in clear text
    pub http2: bool,
    /// `[listeners.NAME.tls]`
    pub tls: Option<ListenerTls>,
    /// How paths are made clean, each a key of its own
    pub paths: PathPolicy,
    /// The limits, each a key of its own
    pub limits: ListenerLimits,
}

/// Limits and timeouts of a listener; defaults from defaults.md 4.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListenerLimits {
    /// `max_connections`, default 50000; a connection over it is closed at once
    pub max_connections: usize,
    /// `handshake_timeout`, default 10 s: PROXY header and TLS handshake
    pub handshake_timeout: Option<Duration>,
    /// `request_head_timeout`, default 10 s: from the first byte of a request to the end of its head
    pub request_head_timeout: Option<Duration>,
    /// `idle_timeout`, default 60 s: a kept-alive connection without a request
    pub idle_timeout: Option<Duration>,
    /// `request_body_timeout`, default 30 s: between two reads of a request body
    pub request_body_timeout: Option<Duration>,
    /// `write_timeout`, default 30 s: a client that takes no byte of its response
    pub write_timeout: Option<Duration>,
    /// `max_head_size`, default 16 KiB: request line and all fields
    pub max_head_size: usize,
    /// `max_field_size`, default 8 KiB: one field, name and value
    pub max_field_size: usize,
    /// `max_fields`, default 128; each cookie crumb counts
    pub max_fields: usize,
    /// `max_target_size`, default 8 KiB
    pub max_target_size: usize,
    /// `max_streams`, default 100: concurrent HTTP/2 streams of a connection
    pub max_streams: u32,
    /// `min_request_rate`, default 256 B: octets a second that a request body must bring while it is waited for; 0 is off
    pub min_request_rate: u32,
    /// `min_response_rate`, default 256 B: octets a second that a client must take while it is waited for; 0 is off
    pub min_response_rate: u32,
    /// `max_connections_per_client`, default 10000; by address, IPv6 by /64; 0 is off
    pub max_connections_per_client: usize,
    /// `max_requests_per_client`, default 10000: exchanges of all connections of an address; 0 is off
    pub max_requests_per_client: usize,
    /// `abuse`; `None` where it is `false`
    pub abuse: Option<AbuseLimits>,
}

/// `[listeners.NAME.tls]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenerTls {
    /// `certificates`, chosen by the server name from the names inside
    pub certificates: Vec<CertificateFiles>,
    /// `self_signed`: names for which a certificate is made at start
    pub self_signed: Vec<String>,
    /// `min_version`, default 1.2
    pub min_version: TlsVersion,
    /// `client_ca` and `client_auth`
    pub client_auth: Option<ClientAuth>,
}

/// One certificate chain and its key, both PEM.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CertificateFiles {
    /// `cert`: the chain, leaf first
    pub cert: PathBuf,
    /// `key`: PKCS#8, PKCS#1 or SEC1
    pub key: PathBuf,
}

/// Mutual TLS on a listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClientAuth {
    /// `client_ca`
    pub ca: PathBuf,
    /// `client_auth`: `"require"` (default) is true, `"request"` is false
    pub required: bool,
    /// `client_subject_header`, default `x-client-cert-subject`: carries the subject upstream and is removed from what clients send
    pub subject_header: HeaderName,
}

/// `min_version`
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TlsVersion {
    /// `"1.2"`
    V1_2,
    /// `"1.3"`
    V1_3,
}

/// `[upstreams.NAME]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Upstream {
    /// NAME
    pub name: Arc<str>,
    /// `endpoints`; at least one where there is no `endpoints_file`
    pub endpoints: Vec<Endpoint>,
    /// Where others come from
    pub discovery: Discovery,
    /// `protocol`, default http/1.1
    pub protocol: UpstreamProtocol,
    /// `balance`, default `least_requests`
    pub balance: Balance,
    /// What that needs, and what else decides which endpoint is chosen
    pub spread: Spread,
    /// `connect_timeout`, default 3 s; TLS handshake included
    pub connect_timeout: Option<Duration>,
    /// `response_timeout`, default 30 s: from the end of the request to the first byte of the response
    pub response_timeout: Option<Duration>,
    /// `response_body_timeout`, default 30 s: between two reads of a response body
    pub response_body_timeout: Option<Duration>,
    /// `write_timeout`, default 30 s: an endpoint that takes no byte of the request
    pub write_timeout: Option<Duration>,
    /// `idle_timeout`, default 55 s: a pooled connection without a request
    pub idle_timeout: Option<Duration>,
    /// `max_idle`, default 256: pooled connections of one endpoint in one worker
    pub max_idle: usize,
    /// `max_connections`, default 0 (no limit): connections of one endpoint in the process
    pub max_connections: usize,
    /// `max_response_head_size`, default 32 KiB
    pub max_response_head_size: usize,
    /// `unknown_transfer_codings`, default false: whether a response in one is taken as it is
    pub unknown_transfer_codings: bool,
    /// `proxy_protocol`: send a PROXY header on each new connection (then one client's connection is never reused for another)
    pub proxy_protocol: Option<ProxyProtocolVersion>,
    /// `[upstreams.NAME.tls]`; present: TLS to the endpoints
    pub tls: Option<UpstreamTls>,
    /// `[upstreams.NAME.outlier]`
    pub outlier: Outlier,
    /// `[upstreams.NAME.retry]`
    pub retry: Retry,
    /// `[upstreams.NAME.health]`; present: endpoints are probed
    pub health: Option<Health>,
    /// `max_requests` and what belongs to it
    pub capacity: Capacity,
}

/// `protocol`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UpstreamProtocol {
    /// `"http/1.1"`
    Http1,
    /// `"h2"`: by prior knowledge in clear text, by ALPN under TLS
    H2,
    /// `"auto"`: what ALPN says under TLS; HTTP/1.1 in clear text
    Auto,
}

/// `proxy_protocol` of an upstream
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProxyProtocolVersion {
    /// Text.
    V1,
    /// Binary.
    V2,
}

/// `[upstreams.NAME.tls]`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UpstreamTls {
    /// `verify`, default true
    pub verify: bool,
    /// `ca`: own authorities instead of the system's
    pub ca: Option<PathBuf>,
    /// `server_name`: default the endpoint's host name
    pub server_name: Option<String>,
    /// `cert` and `key`: client certificate
    pub certificate: Option<CertificateFiles>,
    /// `min_version`, default 1.2
    pub min_version: TlsVersion,
}

impl UpstreamTls {
    /// Verified against the system's authorities.
    pub const VERIFIED: Self =
        Self { verify: true, ca: None, server_name: None, certificate: None, min_version: TlsVersion::V1_2 };
}

/// `[[routes]]`
#[derive(Clone, Debug)]
pub struct Route {
    /// `name`, unique
    pub name: Arc<str>,
    /// `listeners` as places in [`Model::listeners`]; all of them where the file names none
    pub listeners: Vec<usize>,
    /// `hosts`; empty: any
    pub hosts: Vec<HostPattern>,
    /// `path`, `path_prefix` or `path_regex`; none: the prefix `/`
    pub path: PathMatch,
    /// `methods`; empty: any
    pub methods: Vec<Method>,
    /// `headers`: all must be as they say; `*` is any value
    pub headers: Vec<(HeaderName, ValueMatch)>,
    /// `cookies`: likewise
    pub cookies: Vec<(String, ValueMatch)>,
    /// `query`: likewise
    pub query: Vec<(String, ValueMatch)>,
    /// The one action
    pub action: Action,
    /// The policies, `[defaults]` filled in
    pub policies: Policies,
    /// Where it stands: file and line
    pub place: Place,
}

/// A place in a config file, for messages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file as the operator named it.
    pub file: Arc<str>,
    /// From 1.
    pub line: usize,
}

/// One of `hosts`, lower case, without port
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum HostPattern {
    /// `example.com`
    Exact(String),
    /// `*.example.com` as `example.com`: any number of labels in front, at least one
    Wildcard(String),
}

impl std::fmt::Display for HostPattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Exact(host) => f.write_str(host),
            Self::Wildcard(suffix) => write!(f, "*.{suffix}"),
        }
    }
}

/// How a route matches the path.
#[derive(Clone, Debug)]
pub enum PathMatch {
    /// `path`
    Exact(String),
    /// `path_prefix`, on a segment boundary; `/` is any path
    Prefix(String),
    /// `path_regex`, linear time, not anchored
    Regex(Regex),
}

/// What a route does.
#[derive(Clone, Debug)]
pub enum Action {
    /// `upstream`, as a place in [`Model::upstreams`]
    Upstream(usize),
    /// `split`
    Split(Split),
    /// `redirect`
    Redirect(Redirect),
    /// `respond`
    Respond(Respond),
    /// `files`
    Files(Files),
}

/// `hash_on` of an upstream, `split_on` of a split
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HashOn {
    /// `"client_ip"`
    ClientIp,
    /// `"path"`
    Path,
    /// `"header:NAME"`
    Header(HeaderName),
    /// `"cookie:NAME"`
    Cookie(String),
}

/// `redirect`
#[derive(Clone, Debug)]
pub struct Redirect {
    /// `to`, with placeholders
    pub to: Template,
    /// `status`, default 308; 301, 302, 303, 307 or 308
    pub status: StatusCode,
}

/// A text with placeholders: `{scheme}`, `{host}` (without port), `{authority}` (with it), `{path}`, `{query}` (with `?`, or
/// nothing), `{uri}` (path and query), `{client_ip}`, `{request_id}`; `{{` and `}}` are braces.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// In order.
    pub parts: Vec<TemplatePart>,
}

/// A piece of a template.
#[derive(Clone, PartialEq, Eq)]
pub enum TemplatePart {
    /// Text as it stands.
    Literal(String),
    /// A placeholder.
    Placeholder(Placeholder),
}

/// What a template says may be what an upstream knows us by.
impl std::fmt::Debug for TemplatePart {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Literal(_) => f.write_str("Literal(..)"),
            Self::Placeholder(placeholder) => f.debug_tuple("Placeholder").field(placeholder).finish(),
        }
    }
}

/// What a placeholder stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placeholder {
    /// `{scheme}`
    Scheme,
    /// `{host}`
    Host,
    /// `{authority}`
    Authority,
    /// `{path}`
    Path,
    /// `{query}`
    Query,
    /// `{uri}`
    Uri,
    /// `{client_ip}`
    ClientIp,
    /// `{request_id}`
    RequestId,
}

/// `respond`
#[derive(Clone, PartialEq, Eq)]
pub struct Respond {
    /// `status`, default 200
    pub status: StatusCode,
    /// `body`
    pub body: bytes::Bytes,
    /// `headers`; `content-type` is text/plain unless set
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl std::fmt::Debug for Respond {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Respond").field("status", &self.status).finish_non_exhaustive()
    }
}

/// `files`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Files {
    /// `root`
    pub root: PathBuf,
    /// `index`, default `index.html`
    pub index: String,
    /// `precompressed`, default true: `x.zst`, `x.br`, `x.gz` beside `x`
    pub precompressed: bool,
    /// `fallback`: the file answered where there is none (single-page applications)
    pub fallback: Option<String>,
    /// `types`: more content types by extension
    pub types: BTreeMap<String, String>,
    /// `hidden`, default false: whether names that begin with a dot are served
    pub hidden: bool,
}

/// What a route does to what passes.
#[derive(Clone, Debug)]
pub struct Policies {
    /// `strip_prefix`, on a segment boundary
    pub strip_prefix: Option<String>,
    /// `rewrite`
    pub rewrite: Option<Rewrite>,
    /// `request_headers`
    pub request_headers: HeaderRules,
    /// `response_headers`
    pub response_headers: HeaderRules,
    /// `preserve_host`, default true; false: the endpoint's address
    pub preserve_host: bool,
    /// `timeout`, default off: the whole exchange, from the request's head to the last byte of the response
    pub timeout: Option<Duration>,
    /// `deadline_header`; none: upstreams are not told
    pub deadline_header: Option<HeaderName>,
    /// `hedge`, default off
    pub hedge: Option<Hedge>,
    /// `mirror`, default off
    pub mirror: Option<Mirror>,
    /// `inject`, default off
    pub inject: Option<Inject>,
    /// `max_body`, default 16 MiB; 0 is no limit
    pub max_body: u64,
    /// `upgrades`, default `["websocket"]`: protocols that a client may switch to, lower case
    pub upgrades: Vec<String>,
    /// `priority`, default normal
    pub priority: Priority,
    /// `max_requests`, default 0 (no limit): exchanges of this route at the same time in the process
    pub max_requests: usize,
    /// `compress`, `decompress_request`, `decompress_response`
    pub codings: Codings,
    /// `cache`; none: off
    pub cache: Option<CachePolicy>,
    /// Who may come, and what browsers are told
    pub edge: EdgePolicies,
}
