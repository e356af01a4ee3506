//! The words that stand for the closed sets of the model, each in one place.

use super::model::{
    Balance, LogFormat, LogLevel, ProxyProtocolVersion, RetryOn, SameSite, TlsVersion, UpstreamProtocol,
};
use crate::http::negotiate::Coding;

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

impl Words for LogFormat {
    const WORDS: &'static [(&'static str, Self)] = &[("text", Self::Text), ("json", Self::Json)];
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
