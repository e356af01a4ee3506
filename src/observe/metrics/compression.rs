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

/// How a compressed response came to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compressed {
    /// For this client, as it passed.
    Passing,
    /// As it passed, and what was made is stored for the next.
    Made,
    /// From what another client was having made at the time.
    Joined,
    /// From what was stored.
    Stored,
}

impl Compressed {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Passing, Self::Made, Self::Joined, Self::Stored];

    /// The word for it in logs, metrics and docs.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Passing => "passing",
            Self::Made => "made",
            Self::Joined => "joined",
            Self::Stored => "stored",
        }
    }
}

/// On which side a coding was taken off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decoded {
    /// From a request (`decompress_request`).
    Request,
    /// From a response (`decompress_response`).
    Response,
}

impl Decoded {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Request, Self::Response];

    /// The word for it in metrics and docs.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Response => "response",
        }
    }
}

/// Why a coding was not taken off, or not to the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Undecoded {
    /// It is none that is known here, or there are several.
    Unknown,
    /// The content is larger than `max_body`.
    TooLarge,
    /// It grows by more than `max_ratio`.
    TooDense,
    /// The octets are not what the coding says.
    Malformed,
}

impl Undecoded {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Unknown, Self::TooLarge, Self::TooDense, Self::Malformed];

    /// The word for it in metrics and docs.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Unknown => "unknown_coding",
            Self::TooLarge => "too_large",
            Self::TooDense => "too_dense",
            Self::Malformed => "malformed",
        }
    }
}

/// The codings that are counted, in the order of their cells.
pub(crate) const CODINGS: [Coding; 5] = [Coding::Zstd, Coding::Br, Coding::Gzip, Coding::Dcz, Coding::Dcb];

/// Places in the cells, one for each coding from here on; of the responses one for each coding and how it came to be.
pub(crate) const RESPONSES: usize = 0;
pub(crate) const PLAIN_BYTES: usize = RESPONSES + CODINGS.len() * Compressed::ALL.len();
pub(crate) const BYTES: usize = PLAIN_BYTES + CODINGS.len();
/// One for each reason.
pub(crate) const REASONS: usize = BYTES + CODINGS.len();
/// Of what was decompressed: one for each side and coding, and one for each side and reason.
pub(crate) const DECODED_FROM: usize = REASONS + Uncompressed::ALL.len();
pub(crate) const DECODED_TO: usize = DECODED_FROM + Decoded::ALL.len() * CODINGS.len();
pub(crate) const UNDECODED: usize = DECODED_TO + Decoded::ALL.len() * CODINGS.len();
/// What is counted of all workers together.
#[derive(Debug)]
pub(crate) struct Counts(pub(crate) [u64; CELLS]);

impl Default for Counts {
    fn default() -> Self {
        Self([0; CELLS])
    }
}

pub(crate) const CELLS: usize = UNDECODED + Decoded::ALL.len() * Undecoded::ALL.len();

/// The cell behind `first` for a side and the coding at that place.
pub(crate) const fn decoded(first: usize, side: Decoded, place: usize) -> usize {
    first + side as usize * CODINGS.len() + place
}

/// The cell that counts a reason on a side.
pub(crate) const fn undecoded(side: Decoded, why: Undecoded) -> usize {
    UNDECODED + side as usize * Undecoded::ALL.len() + why as usize
}

/// The cell that counts the responses of the coding at that place.
pub(crate) const fn responses(place: usize, how: Compressed) -> usize {
    RESPONSES + place * Compressed::ALL.len() + how as usize
}

/// The place of a coding; the identity has none.
pub(crate) fn place(coding: Coding) -> Option<usize> {
    CODINGS.iter().position(|one| *one == coding)
}
