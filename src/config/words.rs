//! The words that stand for the closed sets of the model, each in one place.

use super::model::{
    AddressFamily, Balance, FrameOptions, HedgeAfter, LogClient, LogFormat, LogLevel, LogQuery, Otlp, Priority,
    ProxyProtocolVersion, RetryOn, SameSite, TlsVersion, UpstreamProtocol,
};
use crate::http::negotiate::Coding;
use crate::http::path::{Backslashes, DotSegments, EncodedSlashes, Escapes};

/// A closed set and its words in the file.
pub(super) trait Words: Copy + 'static {
    /// Every word, in the order of the documentation.
    const WORDS: &'static [(&'static str, Self)];
}

/// The words alone, for messages, the reference and the schema.
pub(super) fn words<T: Words>() -> Vec<&'static str> {
    T::WORDS.iter().map(|(word, _)| *word).collect()
}

impl Words for LogLevel {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("off", Self::Off),
        ("error", Self::Error),
        ("warn", Self::Warn),
        ("info", Self::Info),
        ("debug", Self::Debug),
        ("trace", Self::Trace),
    ];
}

impl Words for AddressFamily {
    const WORDS: &'static [(&'static str, Self)] = &[("any", Self::Any), ("ipv4", Self::Ipv4), ("ipv6", Self::Ipv6)];
}

impl Words for LogFormat {
    const WORDS: &'static [(&'static str, Self)] = &[("text", Self::Text), ("json", Self::Json)];
}

impl Words for Priority {
    const WORDS: &'static [(&'static str, Self)] =
        &[("normal", Self::Normal), ("low", Self::Low), ("high", Self::High), ("critical", Self::Critical)];
}

impl Words for LogQuery {
    const WORDS: &'static [(&'static str, Self)] =
        &[("redact", Self::Redact), ("keep", Self::Keep), ("drop", Self::Drop)];
}

impl Words for LogClient {
    const WORDS: &'static [(&'static str, Self)] = &[("keep", Self::Keep), ("mask", Self::Mask), ("drop", Self::Drop)];
}

impl Words for Otlp {
    const WORDS: &'static [(&'static str, Self)] = &[("http", Self::Http), ("grpc", Self::Grpc)];
}

impl Words for TlsVersion {
    const WORDS: &'static [(&'static str, Self)] = &[("1.2", Self::V1_2), ("1.3", Self::V1_3)];
}

/// `client_auth`: whether a client certificate is required.
#[derive(Clone, Copy)]
pub(super) struct Required(pub(super) bool);

impl Words for Required {
    const WORDS: &'static [(&'static str, Self)] = &[("require", Self(true)), ("request", Self(false))];
}

/// `type` of a probe, before its keys are read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum ProbeType {
    Http,
    Tcp,
    Grpc,
}

impl Words for ProbeType {
    const WORDS: &'static [(&'static str, Self)] = &[("http", Self::Http), ("tcp", Self::Tcp), ("grpc", Self::Grpc)];
}

impl Words for UpstreamProtocol {
    const WORDS: &'static [(&'static str, Self)] = &[("http/1.1", Self::Http1), ("h2", Self::H2), ("auto", Self::Auto)];
}

impl Words for Balance {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("round_robin", Self::RoundRobin),
        ("random", Self::Random),
        ("least_requests", Self::LeastRequests),
        ("least_time", Self::LeastTime),
        ("hash", Self::Hash),
        ("maglev", Self::Maglev),
    ];
}

impl Words for SameSite {
    const WORDS: &'static [(&'static str, Self)] =
        &[("lax", Self::Lax), ("strict", Self::Strict), ("none", Self::None)];
}

impl Words for super::model::Ranges {
    const WORDS: &'static [(&'static str, Self)] = &[("whole", Self::Whole), ("parts", Self::Parts)];
}

impl Words for super::model::SetCookie {
    const WORDS: &'static [(&'static str, Self)] =
        &[("refuse", Self::Refuse), ("drop", Self::Drop), ("store", Self::Store)];
}

/// The word of a value.
pub(super) fn word<T: Words + PartialEq>(value: T) -> &'static str {
    T::WORDS.iter().find(|(_, one)| *one == value).map_or("", |(word, _)| word)
}

impl Balance {
    /// The word in the file.
    pub fn label(self) -> &'static str {
        word(self)
    }
}

impl Words for Option<ProxyProtocolVersion> {
    const WORDS: &'static [(&'static str, Self)] =
        &[("off", None), ("v1", Some(ProxyProtocolVersion::V1)), ("v2", Some(ProxyProtocolVersion::V2))];
}

impl Words for HedgeAfter {
    const WORDS: &'static [(&'static str, Self)] = &[("p95", Self::P95)];
}

impl Words for RetryOn {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("connect", Self::Connect),
        ("reset", Self::Reset),
        ("timeout", Self::Timeout),
        ("502", Self::Status502),
        ("503", Self::Status503),
        ("504", Self::Status504),
    ];
}

impl Words for Coding {
    const WORDS: &'static [(&'static str, Self)] = &[("zstd", Self::Zstd), ("br", Self::Br), ("gzip", Self::Gzip)];
}

impl Words for DotSegments {
    const WORDS: &'static [(&'static str, Self)] = &[("resolve", Self::Resolve), ("reject", Self::Reject)];
}

impl Words for EncodedSlashes {
    const WORDS: &'static [(&'static str, Self)] =
        &[("keep", Self::Keep), ("reject", Self::Reject), ("decode", Self::Decode)];
}

impl Words for Backslashes {
    const WORDS: &'static [(&'static str, Self)] = &[("reject", Self::Reject), ("slash", Self::Slash)];
}

impl Words for Escapes {
    const WORDS: &'static [(&'static str, Self)] = &[("keep", Self::Keep), ("normal", Self::Normal)];
}

/// `per` of `bandwidth`: whether each exchange has the rate to itself.
#[derive(Clone, Copy)]
pub(super) struct PerExchange(pub(super) bool);

impl Words for PerExchange {
    const WORDS: &'static [(&'static str, Self)] = &[("connection", Self(false)), ("exchange", Self(true))];
}

impl Words for FrameOptions {
    const WORDS: &'static [(&'static str, Self)] =
        &[("off", Self::Off), ("deny", Self::Deny), ("sameorigin", Self::SameOrigin)];
}

/// `referrer_policy` (Referrer Policy §3); `off` sets no field.
#[derive(Clone, Copy)]
pub(super) struct ReferrerPolicy(pub(super) Option<&'static str>);

impl Words for ReferrerPolicy {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("off", Self(None)),
        ("no-referrer", Self(Some("no-referrer"))),
        ("no-referrer-when-downgrade", Self(Some("no-referrer-when-downgrade"))),
        ("origin", Self(Some("origin"))),
        ("origin-when-cross-origin", Self(Some("origin-when-cross-origin"))),
        ("same-origin", Self(Some("same-origin"))),
        ("strict-origin", Self(Some("strict-origin"))),
        ("strict-origin-when-cross-origin", Self(Some("strict-origin-when-cross-origin"))),
        ("unsafe-url", Self(Some("unsafe-url"))),
    ];
}
