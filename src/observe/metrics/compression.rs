//! What is counted of compressed responses.

use crate::http::negotiate::Coding;

/// Why a response of a route that compresses stays as it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uncompressed {
    /// It has no content, or is about a part of it.
    NoContent,
    /// It has a coding already.
    Encoded,
    /// `no-transform` on either side.
    NoTransform,
    /// Its type is not in the list.
    Type,
    /// It is smaller than `min_size`.
    Small,
    /// The client takes none of the codings, or likes the identity best.
    NotAccepted,
    /// The worker has as many compressed bodies under way as it may.
    Busy,
}

impl Uncompressed {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::NoContent, Self::Encoded, Self::NoTransform, Self::Type, Self::Small, Self::NotAccepted, Self::Busy];

    /// The word for it in metrics and docs.
    pub const fn label(self) -> &'static str {
        match self {
            Self::NoContent => "no_content",
            Self::Encoded => "encoded",
            Self::NoTransform => "no_transform",
            Self::Type => "type",
            Self::Small => "small",
            Self::NotAccepted => "not_accepted",
            Self::Busy => "busy",
        }
    }
}

/// The codings that are counted, in the order of their cells.
pub(crate) const CODINGS: [Coding; 3] = [Coding::Zstd, Coding::Br, Coding::Gzip];

/// Places in the cells, one for each coding from here on.
pub(crate) const RESPONSES: usize = 0;
pub(crate) const PLAIN_BYTES: usize = RESPONSES + CODINGS.len();
pub(crate) const BYTES: usize = PLAIN_BYTES + CODINGS.len();
/// One for each reason.
pub(crate) const REASONS: usize = BYTES + CODINGS.len();
pub(crate) const CELLS: usize = REASONS + Uncompressed::ALL.len();

/// The place of a coding; the identity has none.
pub(crate) fn place(coding: Coding) -> Option<usize> {
    CODINGS.iter().position(|one| *one == coding)
}
