//! What a listener does about the parts of a path that servers read in different ways.

/// How paths are made clean. One policy holds for everything behind a listener: routes, caches, access rules, limits and upstreams
/// see the same path.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PathPolicy {
    /// Several slashes in a row become one, before dot segments are looked at: `/a//../b` is `/a/../b`.
    pub merge_slashes: bool,
    /// `.` and `..`, plain or encoded.
    pub dot_segments: DotSegments,
    /// `%2F` and `%5C`.
    pub encoded_slashes: EncodedSlashes,
    /// `\`, also one that was decoded.
    pub backslashes: Backslashes,
    /// All other escapes.
    pub escapes: Escapes,
}

/// What becomes of dot segments. One that climbs above the root, or that only some servers see, is refused in any case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DotSegments {
    /// They are resolved (RFC 3986 §5.2.4).
    #[default]
    Resolve,
    /// The request is refused.
    Reject,
}

/// What becomes of separators that are percent-encoded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EncodedSlashes {
    /// They stay as they are, and separate nothing (RFC 3986 §2.2).
    #[default]
    Keep,
    /// The request is refused.
    Reject,
    /// They are decoded, once, before everything else.
    Decode,
}

/// What becomes of a backslash, which no path may hold (RFC 3986 §3.3) and some servers take for a slash.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Backslashes {
    /// The request is refused.
    #[default]
    Reject,
    /// It is a slash, as browsers have it (URL standard, path state).
    Slash,
}

/// What becomes of escapes that mean the same in more than one spelling (RFC 3986 §6.2.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Escapes {
    /// They go on octet for octet; routes and rewrites compare the normal form.
    #[default]
    Keep,
    /// The path goes on in its normal form: `%7e` as `~`, `%c3` as `%C3`, `|` as `%7C`.
    Normal,
}
