//! Every way in which a message can be refused, with its word and its status.

use std::fmt;

use http::StatusCode;

use super::path::BadPath;

/// Why a request is refused. The fault is the client's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Refusal {
    /// CONNECT that opens no tunnel known here, or TRACE.
    Method,
    /// HTTP/1.1 and later must name a host.
    HostMissing,
    /// More than one `Host`.
    HostRepeated,
    /// `Host` or `:authority` is no host with an optional port.
    HostMalformed,
    /// `Host` names another place than the request target.
    HostMismatch,
    /// `*` with another method than OPTIONS, or extended CONNECT outside HTTP/2.
    Target,
    /// More octets in the target than the listener allows.
    TargetTooLong,
    /// A broken escape in the path.
    PathEscape,
    /// NUL or a backslash in the path.
    PathByte,
    /// A dot segment in disguise.
    PathAmbiguous,
    /// The path climbs above its root.
    PathAboveRoot,
    /// A dot segment, where the listener wants none.
    PathDotSegment,
    /// `%2F` or `%5C`, where the listener wants none.
    PathEncodedSlash,
    /// `Connection` names a field that is no hop's own.
    Connection,
    /// A field of HTTP/1 connections in HTTP/2 (RFC 9113 §8.2.2).
    ConnectionField,
    /// `Content_Length` or `Transfer_Encoding`: many programs take `_` for `-`, and would see another body than we do.
    FramingDisguised,
    /// Several lengths, one that is no number, or not the body's.
    ContentLength,
    /// An `Expect` that is not `100-continue`.
    Expectation,
    /// More fields than the listener allows.
    TooManyFields,
    /// Larger fields than the listener allows.
    FieldsTooLarge,
}

impl Refusal {
    /// The word for it in metrics, logs and docs.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Method => "method_refused",
            Self::HostMissing => "host_missing",
            Self::HostRepeated => "host_repeated",
            Self::HostMalformed => "host_malformed",
            Self::HostMismatch => "host_mismatch",
            Self::Target => "target_malformed",
            Self::TargetTooLong => "target_too_long",
            Self::PathEscape => "path_escape",
            Self::PathByte => "path_byte",
            Self::PathAmbiguous => "path_ambiguous",
            Self::PathAboveRoot => "path_above_root",
            Self::PathDotSegment => "path_dot_segment",
            Self::PathEncodedSlash => "path_encoded_slash",
            Self::Connection => "connection_nominates",
            Self::ConnectionField => "connection_field",
            Self::FramingDisguised => "framing_disguised",
            Self::ContentLength => "content_length",
            Self::Expectation => "expectation",
            Self::TooManyFields => "too_many_fields",
            Self::FieldsTooLarge => "fields_too_large",
        }
    }

    /// The status of the answer.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Method => StatusCode::NOT_IMPLEMENTED,
            Self::TargetTooLong => StatusCode::URI_TOO_LONG,
            Self::Expectation => StatusCode::EXPECTATION_FAILED,
            Self::TooManyFields | Self::FieldsTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::HostMissing
            | Self::HostRepeated
            | Self::HostMalformed
            | Self::HostMismatch
            | Self::Target
            | Self::PathEscape
            | Self::PathByte
            | Self::PathAmbiguous
            | Self::PathAboveRoot
            | Self::PathDotSegment
            | Self::PathEncodedSlash
            | Self::Connection
            | Self::ConnectionField
            | Self::FramingDisguised
            | Self::ContentLength => StatusCode::BAD_REQUEST,
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "client: {}", self.label())
    }
}

impl std::error::Error for Refusal {}

impl From<BadPath> for Refusal {
    fn from(bad: BadPath) -> Self {
        match bad {
            BadPath::Escape => Self::PathEscape,
            BadPath::Byte => Self::PathByte,
            BadPath::Ambiguous => Self::PathAmbiguous,
            BadPath::AboveRoot => Self::PathAboveRoot,
            BadPath::DotSegment => Self::PathDotSegment,
            BadPath::EncodedSlash => Self::PathEncodedSlash,
        }
    }
}

/// Why a response is refused. The fault is the upstream's; the client is told 502.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BadResponse {
    /// Several lengths, one that is no number, or not the body's.
    ContentLength,
}

impl BadResponse {
    /// The word for it in metrics, logs and docs.
    pub const fn label(self) -> &'static str {
        match self {
            Self::ContentLength => "response_content_length",
        }
    }
}
