//! What can go wrong in filters and actions.

use std::fmt;

use crate::http::path::BadPath;

/// Why a filter or an action could not do what the config says with this request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterError {
    /// The client named no host, and the template needs one. The client's fault.
    HostMissing,
    /// A template rendered to what is no field value. Ours.
    FieldValue,
    /// A template for `Host` rendered to what is no host with an optional port. Ours.
    Authority,
    /// The rewritten path is none: it climbs above its root, or has a broken escape. Ours.
    Target(BadPath),
    /// The request's content has a coding that cannot be taken off. The client's fault.
    ContentCoding,
}

impl FilterError {
    /// The word for it in metrics, logs and docs.
    pub const fn label(self) -> &'static str {
        match self {
            Self::HostMissing => "host_missing",
            Self::FieldValue => "template_field_value",
            Self::Authority => "template_authority",
            Self::Target(_) => "rewrite_target",
            Self::ContentCoding => "content_coding",
        }
    }

    /// Whether the client is at fault, so that the answer is 400; otherwise the config is, and it is 500.
    pub const fn is_clients(self) -> bool {
        matches!(self, Self::HostMissing | Self::ContentCoding)
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::HostMissing => "the client named no host, and the template needs one",
            Self::FieldValue => "a template rendered to what is no field value",
            Self::Authority => "a template rendered to what is no host",
            Self::Target(_) => "the rewritten path is not a path",
            Self::ContentCoding => "the content has a coding that is not known here",
        })
    }
}

impl std::error::Error for FilterError {}
