//! Why a head is refused.

use http::StatusCode;

/// Why a head was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeadError {
    /// A line ended in LF alone, or a CR stood alone.
    LineEnd,
    /// The start line is not one.
    StartLine,
    /// A method that is not a token.
    Method,
    /// A target with bytes that a target cannot have, or in a form that this method cannot have.
    Target,
    /// CONNECT: this is no tunnel.
    Connect,
    /// No `Host` beside a target that names one.
    HostMissing,
    /// Neither HTTP/1.0 nor HTTP/1.1.
    Version,
    /// A line folded over two (RFC 9112 §5.2).
    Fold,
    /// A name that is not a token, or white space before the colon.
    FieldName,
    /// A control byte in a value.
    FieldValue,
    /// `Content-Length` is not one number.
    ContentLength,
    /// `Transfer-Encoding` beside `Content-Length`, in HTTP/1.0, or not exactly `chunked`.
    TransferEncoding,
    /// Longer than [`super::parse::HeadLimits::head`] or [`super::parse::HeadLimits::field`], or more fields than [`super::parse::HeadLimits::fields`].
    TooLarge,
    /// Longer than [`super::parse::HeadLimits::target`].
    TargetTooLong,
}

impl HeadError {
    /// The word for logs and metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Self::LineEnd => "bad_line_end",
            Self::StartLine => "bad_start_line",
            Self::Method => "bad_method",
            Self::Target => "bad_target",
            Self::Connect => "method_refused",
            Self::HostMissing => "host_missing",
            Self::Version => "bad_version",
            Self::Fold => "folded_field",
            Self::FieldName => "bad_field_name",
            Self::FieldValue => "bad_field_value",
            Self::ContentLength => "bad_content_length",
            Self::TransferEncoding => "bad_transfer_encoding",
            Self::TooLarge => "head_too_large",
            Self::TargetTooLong => "target_too_long",
        }
    }

    /// The status that a client gets for it.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::TooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            Self::TargetTooLong => StatusCode::URI_TOO_LONG,
            Self::Connect => StatusCode::NOT_IMPLEMENTED,
            Self::Version => StatusCode::HTTP_VERSION_NOT_SUPPORTED,
            _ => StatusCode::BAD_REQUEST,
        }
    }
}
