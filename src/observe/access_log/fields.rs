//! The facts that a line can hold, by name. `docs/access-log.md` lists them, and a test holds it to this file.

use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use http::Version;

use crate::observe::redact::Redaction;
use crate::observe::tracing::TraceId;
use crate::observe::{Cause, Causes, Exchange, Names, Tries, clock::Clock};

/// The table of fields: the name in Rust and the name in JSON and templates, in the order of a JSON line.
macro_rules! fields {
    (in json: $($field:ident $name:literal)*; in templates only: $($more:ident $more_name:literal)*;) => {
        /// One fact of an exchange; `docs/access-log.md` says what each one is.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Field {
            $(#[doc = concat!("`", $name, "`")] $field,)*
            $(#[doc = concat!("`", $more_name, "`")] $more,)*
        }

        impl Field {
            /// All fields.
            pub const ALL: [Self; [$($name,)* $($more_name),*].len()] = [$(Self::$field,)* $(Self::$more),*];

            /// How many of them a JSON line has; they come first.
            #[cfg(test)]
            pub(crate) const IN_JSON: usize = [$($name),*].len();

            /// The name in JSON and between the braces of a template.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$field => $name,)*
                    $(Self::$more => $more_name,)*
                }
            }
        }

        /// Gives each field of a JSON line with its key. The lines of this function are made one for each field, so that
        /// the compiler knows key and field at each: a loop over a table takes twice the time.
        #[inline(always)]
        pub(crate) fn each_in_json<'a>(facts: &Facts<'a>, mut each: impl FnMut(&'static [u8], Value<'a>)) {
            $(if !facts.redaction.omits(Field::$field) {
                each(concat!(",\"", $name, "\":").as_bytes(), Field::$field.value(facts));
            })*
        }
    };
}

fields! {
in json:
    Time "time"
    RequestId "request_id"
    TraceId "trace_id"
    Client "client_ip"
    Peer "peer"
    Listener "listener"
    Route "route"
    Upstream "upstream"
    Endpoint "endpoint"
    Method "method"
    Scheme "scheme"
    Authority "authority"
    Target "target"
    Protocol "protocol"
    Status "status"
    RequestBytes "request_bytes"
    ResponseBytes "response_bytes"
    Encoding "encoding"
    EncodingSource "encoding_source"
    PlainBytes "plain_bytes"
    Duration "duration_ms"
    Connect "connect_ms"
    FirstByte "first_byte_ms"
    Queued "queued_ms"
    Attempts "attempts"
    Retries "retries"
    NotRetried "not_retried"
    Tries "tries"
    Hedge "hedge"
    Reused "reused"
    Cache "cache"
    CacheReason "cache_reason"
    CacheAge "cache_age"
    Collapsed "cache_collapsed"
    RateLimit "rate_limit"
    DryRun "rate_limit_dry_run"
    User "user"
    Injected "injected"
    Fault "fault"
    Side "side"
    Referer "referer"
    UserAgent "user_agent"
    TlsVersion "tls_version"
    TlsCipher "tls_cipher"
    TlsResumed "tls_resumed"
    Upgraded "upgraded"
    Complete "complete";
in templates only:
    TimeClf "time_clf"
    Path "path"
    HttpVersion "http_version";
}

/// What a field holds in one exchange.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    /// Nothing: the fact does not apply, or nobody knows it.
    Absent,
    /// Bytes that somebody else chose.
    Foreign(&'a [u8]),
    /// Words of the program, which need no escaping.
    Own(&'a [u8]),
    Number(u64),
    /// Written in milliseconds with three decimals.
    Micros(u64),
    Bool(bool),
    /// Words of the program, with commas between them.
    Causes(Causes),
    Address(IpAddr),
    /// A target of which not everything may be seen.
    Target(&'a [u8], &'a Redaction),
    /// Attempts, and when the exchange began.
    Tries(&'a Tries, Instant),
    TraceId(TraceId),
    AddressAndPort(SocketAddr),
}

/// An exchange and what is needed to write it down.
pub(crate) struct Facts<'a> {
    pub(crate) exchange: &'a Exchange,
    pub(crate) names: &'a Names,
    pub(crate) clock: &'a Clock,
    pub(crate) redaction: &'a Redaction,
    pub(crate) now: Instant,
}

impl Field {
    /// The one of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }

    /// The field that was probably meant.
    pub fn nearest(name: &str) -> Option<Self> {
        let name = name.to_ascii_lowercase().replace('-', "_");
        let distance = |field: &Self| strsim::damerau_levenshtein(field.name(), &name);
        Self::ALL.into_iter().min_by_key(distance).filter(|field| distance(field) <= field.name().len().div_ceil(3))
    }

    /// What it holds in this exchange.
    #[inline(always)]
    pub(crate) fn value<'a>(self, facts: &Facts<'a>) -> Value<'a> {
        let exchange = facts.exchange;
        let asked = exchange.attempts > 0;
        match self {
            Self::Time => Value::Own(facts.clock.rfc3339()),
            Self::RequestId => exchange.request_id.as_ref().map_or(Value::Absent, |id| Value::Foreign(id.as_bytes())),
            Self::TraceId => exchange.trace.as_ref().map_or(Value::Absent, |trace| Value::TraceId(trace.id)),
            Self::Client => {
                let client = exchange.client.and_then(|client| facts.redaction.client(client));
                client.map_or(Value::Absent, Value::Address)
            }
            Self::Peer => {
                let peer = exchange.peer.and_then(|peer| facts.redaction.peer(peer));
                peer.map_or(Value::Absent, Value::AddressAndPort)
            }
            Self::Listener => text(facts.names.listener(exchange.listener)),
            Self::Route => exchange.route.map_or(Value::Absent, |route| text(facts.names.route(route))),
            Self::Upstream => exchange.upstream.map_or(Value::Absent, |upstream| text(facts.names.upstream(upstream))),
            Self::Endpoint => exchange.endpoint.as_deref().map_or(Value::Absent, text),
            Self::Method => Value::Foreign(exchange.method.as_str().as_bytes()),
            Self::Scheme => Value::Own(exchange.scheme.as_str().as_bytes()),
            Self::Authority => foreign(exchange.authority.as_bytes()),
            Self::Target => target(exchange.target.as_bytes(), facts.redaction),
            Self::Protocol => Value::Own(protocol(exchange.version)),
            Self::Status => exchange.status.map_or(Value::Absent, |status| Value::Number(status.as_u16().into())),
            Self::RequestBytes => Value::Number(exchange.request_bytes),
            Self::ResponseBytes => Value::Number(exchange.response_bytes),
            Self::Encoding | Self::EncodingSource | Self::PlainBytes => self.of_encoding(exchange),
            Self::Duration => since_start(facts, Some(facts.now)),
            Self::Connect => since_start(facts, exchange.connected),
            Self::FirstByte => since_start(facts, exchange.first_byte),
            Self::Queued if exchange.queued_micros == 0 => Value::Absent,
            Self::Queued => Value::Micros(exchange.queued_micros.into()),
            Self::Attempts => Value::Number(exchange.attempts.into()),
            Self::Retries if exchange.retries.is_empty() => Value::Absent,
            Self::Retries => Value::Causes(exchange.retries),
            Self::NotRetried => exchange.not_retried.map_or(Value::Absent, |why| Value::Own(why.label().as_bytes())),
            Self::Hedge if exchange.hedge_won => Value::Own(b"won"),
            Self::Hedge if exchange.retries.iter().any(|cause| cause == Cause::Hedge) => Value::Own(b"lost"),
            Self::Hedge => Value::Absent,
            Self::Reused if asked => Value::Bool(exchange.reused),
            Self::Reused => Value::Absent,
            Self::Cache | Self::CacheReason | Self::CacheAge | Self::Collapsed => self.of_cache(exchange),
            Self::RateLimit | Self::DryRun | Self::User | Self::Injected => self.of_edge(exchange),
            Self::Fault => exchange.fault.map_or(Value::Absent, |fault| Value::Own(fault.label.as_bytes())),
            Self::Side => exchange.fault.map_or(Value::Absent, |fault| Value::Own(fault.side.as_str().as_bytes())),
            Self::Tries if exchange.attempts > 1 && !exchange.tries.list().is_empty() => {
                Value::Tries(&exchange.tries, exchange.start)
            }
            Self::Tries => Value::Absent,
            Self::Referer => {
                exchange.referer.as_ref().map_or(Value::Absent, |value| target(value.as_bytes(), facts.redaction))
            }
            Self::UserAgent => {
                exchange.user_agent.as_ref().map_or(Value::Absent, |value| Value::Foreign(value.as_bytes()))
            }
            Self::TlsVersion => exchange.tls.map_or(Value::Absent, |tls| Value::Own(tls.version.as_bytes())),
            Self::TlsCipher => exchange.tls.map_or(Value::Absent, |tls| Value::Own(tls.cipher.as_bytes())),
            Self::TlsResumed => exchange.tls.map_or(Value::Absent, |tls| Value::Bool(tls.resumed)),
            Self::Upgraded if exchange.upgraded => Value::Bool(true),
            Self::Upgraded => Value::Absent,
            Self::Complete => Value::Bool(exchange.complete),
            Self::TimeClf => Value::Own(facts.clock.clf()),
            Self::Path => foreign(path(exchange.target.as_bytes())),
            Self::HttpVersion => Value::Own(http_version(exchange.version)),
        }
    }

    /// How the body was compressed.
    #[inline(always)]
    fn of_encoding(self, exchange: &Exchange) -> Value<'_> {
        match self {
            Self::Encoding => {
                exchange.encoding.map_or(Value::Absent, |(coding, _)| Value::Own(coding.as_str().as_bytes()))
            }
            Self::EncodingSource => {
                exchange.encoding.map_or(Value::Absent, |(_, how)| Value::Own(how.label().as_bytes()))
            }
            Self::PlainBytes => exchange.encoding.map_or(Value::Absent, |_| Value::Number(exchange.plain_bytes)),
            _ => Value::Absent,
        }
    }

    /// What the cache did.
    #[inline(always)]
    fn of_cache(self, exchange: &Exchange) -> Value<'_> {
        match self {
            Self::Cache => exchange.cache.map_or(Value::Absent, |cache| Value::Own(cache.verdict.label().as_bytes())),
            Self::CacheReason => {
                let reason = exchange.cache.and_then(|cache| cache.reason);
                reason.map_or(Value::Absent, |reason| Value::Own(reason.as_bytes()))
            }
            Self::CacheAge => {
                exchange.cache.and_then(|cache| cache.age).map_or(Value::Absent, |age| Value::Number(age.into()))
            }
            Self::Collapsed if exchange.cache.is_some_and(|cache| cache.collapsed) => Value::Bool(true),
            Self::Collapsed => Value::Absent,
            _ => Value::Absent,
        }
    }

    /// What the edge found out.
    #[inline(always)]
    fn of_edge(self, exchange: &Exchange) -> Value<'_> {
        match self {
            Self::RateLimit => {
                exchange.edge.as_ref().and_then(|edge| edge.limit.as_deref()).map_or(Value::Absent, text)
            }
            Self::DryRun if exchange.edge.as_ref().is_some_and(|edge| edge.dry_run) => Value::Bool(true),
            Self::DryRun => Value::Absent,
            Self::User => exchange.edge.as_ref().and_then(|edge| edge.user.as_deref()).map_or(Value::Absent, text),
            Self::Injected => {
                let label = exchange.edge.as_ref().and_then(|edge| edge.injected.label());
                label.map_or(Value::Absent, |label| Value::Own(label.as_bytes()))
            }
            _ => Value::Absent,
        }
    }
}

fn target<'a>(bytes: &'a [u8], redaction: &'a Redaction) -> Value<'a> {
    if redaction.touches(bytes) { Value::Target(bytes, redaction) } else { foreign(bytes) }
}

fn text(text: &str) -> Value<'_> {
    foreign(text.as_bytes())
}

fn foreign(bytes: &[u8]) -> Value<'_> {
    if bytes.is_empty() { Value::Absent } else { Value::Foreign(bytes) }
}

fn since_start<'a>(facts: &Facts<'_>, at: Option<Instant>) -> Value<'a> {
    at.map_or(Value::Absent, |at| {
        let duration = facts.exchange.since_start(at);
        Value::Micros(duration.as_secs() * 1_000_000 + u64::from(duration.subsec_micros()))
    })
}

fn path(target: &[u8]) -> &[u8] {
    &target[..memchr::memchr(b'?', target).unwrap_or(target.len())]
}

/// As the config, the metrics and `Proxy-Status` name it.
fn protocol(version: Version) -> &'static [u8] {
    match version {
        Version::HTTP_2 => b"h2",
        Version::HTTP_11 => b"http/1.1",
        _ => b"http/1.0",
    }
}

/// As the Common Log Format names it.
fn http_version(version: Version) -> &'static [u8] {
    match version {
        Version::HTTP_2 => b"HTTP/2.0",
        Version::HTTP_11 => b"HTTP/1.1",
        _ => b"HTTP/1.0",
    }
}
