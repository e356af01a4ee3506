//! What is refused when there is too much to do.

/// `max_memory`
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryLimit {
    /// What the cgroup allows; no limit where it allows all.
    Auto,
    /// None.
    Off,
    /// So many octets of resident memory.
    Octets(u64),
}

/// `priority` of a route: who is refused first when there is too much to do.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Priority {
    /// First.
    Low,
    /// Then.
    #[default]
    Normal,
    /// Late.
    High,
    /// Never.
    Critical,
}
