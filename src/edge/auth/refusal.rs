//! Why nobody is let in, and why a config of authentication cannot be used.

use http::StatusCode;

/// Why a request is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AuthFault {
    /// It brings no credentials.
    Missing,
    /// They cannot be read.
    Malformed,
    /// Name and password, or key, are nobody's.
    Credentials,
    /// All that check passwords have enough to do.
    Busy,
    /// There are no keys yet, or the service that decides does not answer.
    Unavailable,
    /// The token's algorithm is not allowed, or is not its key's.
    TokenAlgorithm,
    /// The token's key is not known.
    TokenKey,
    /// The token's signature is not its key's.
    TokenSignature,
    /// The token has expired, or says no time.
    TokenExpired,
    /// The token is not good yet.
    TokenEarly,
    /// The token is somebody else's.
    TokenIssuer,
    /// The token is for somebody else.
    TokenAudience,
}

impl AuthFault {
    /// The word in logs and metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Missing => "credentials_missing",
            Self::Malformed => "credentials_malformed",
            Self::Credentials => "credentials_refused",
            Self::Busy => "auth_busy",
            Self::Unavailable => "auth_unavailable",
            Self::TokenAlgorithm => "token_algorithm",
            Self::TokenKey => "token_key_unknown",
            Self::TokenSignature => "token_signature",
            Self::TokenExpired => "token_expired",
            Self::TokenEarly => "token_early",
            Self::TokenIssuer => "token_issuer",
            Self::TokenAudience => "token_audience",
        }
    }

    /// The status of the answer.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Busy | Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            _ => StatusCode::UNAUTHORIZED,
        }
    }

    /// Whether it is the client's fault, and not ours.
    pub const fn is_clients(self) -> bool {
        !matches!(self, Self::Busy | Self::Unavailable)
    }
}

/// What a config of authentication has wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuthProblem {
    /// The word for its kind.
    pub label: &'static str,
    /// The key below `auth`.
    pub key: String,
    /// What is wrong.
    pub message: String,
    /// The way out.
    pub help: String,
}

impl AuthProblem {
    pub(super) fn new(label: &'static str, key: &str, message: impl Into<String>, help: &str) -> Self {
        Self { label, key: key.to_owned(), message: message.into(), help: help.to_owned() }
    }

    /// A file that cannot be read.
    pub(super) fn unreadable(key: &str, error: &std::io::Error) -> Self {
        let message = format!("the file cannot be read: {error}");
        Self::new("auth_file_unreadable", key, message, "name a file that this user may read")
    }
}
