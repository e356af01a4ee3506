//! Why a connection is taken for an attack.

/// Why a client's connection was closed for what it did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Abuse {
    /// Streams that it opened and reset at once (Rapid Reset, CVE-2023-44487).
    Resets,
    /// Streams that it made us reset (MadeYouReset, CVE-2025-8671), those over `max_streams` among them.
    ProvokedResets,
    /// SETTINGS, each of which is answered and applied to every stream.
    Settings,
    /// PING, each of which is answered.
    Pings,
    /// PRIORITY, for nothing.
    Priorities,
    /// DATA without payload that does not end its stream.
    EmptyData,
    /// DATA with a few octets each.
    TinyData,
    /// WINDOW_UPDATE, more of them than there was DATA to ask for.
    WindowUpdates,
    /// CONTINUATION without end.
    Continuations,
    /// Frames of other kinds, which are read and thrown away.
    OtherFrames,
    /// A field block that is far larger than `max_head_size` once it is unpacked.
    FieldBlock,
    /// A field block that did not end within `request_head_timeout`.
    SlowFieldBlock,
    /// It took nothing of what was sent for `write_timeout`, or less than `min_response_rate`.
    ReadsNothing,
}

impl Abuse {
    /// All of them.
    pub const ALL: [Self; 13] = [
        Self::Resets,
        Self::ProvokedResets,
        Self::Settings,
        Self::Pings,
        Self::Priorities,
        Self::EmptyData,
        Self::TinyData,
        Self::WindowUpdates,
        Self::Continuations,
        Self::OtherFrames,
        Self::FieldBlock,
        Self::SlowFieldBlock,
        Self::ReadsNothing,
    ];

    /// The word for it in log, metrics and docs.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Resets => "resets",
            Self::ProvokedResets => "provoked_resets",
            Self::Settings => "settings",
            Self::Pings => "pings",
            Self::Priorities => "priorities",
            Self::EmptyData => "empty_data",
            Self::TinyData => "tiny_data",
            Self::WindowUpdates => "window_updates",
            Self::Continuations => "continuations",
            Self::OtherFrames => "other_frames",
            Self::FieldBlock => "field_block",
            Self::SlowFieldBlock => "slow_field_block",
            Self::ReadsNothing => "reads_nothing",
        }
    }
}
