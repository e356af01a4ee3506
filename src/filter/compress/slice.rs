//! How much is compressed before other connections of the worker have their turn.
//!
//! `cargo bench --bench compression` measures the longest turn of each level: under a millisecond at all that can be set but zstd 12, on the
//! worst of many real pages too. Beyond those an encoder looks so far around, and clears such tables, that a slice short enough would compress
//! nothing.

use crate::http::negotiate::Coding;

const KIB: usize = 1024;

/// Octets of input after which others have their turn. zstd and br work off what they hold back there, so that no turn is longer.
pub const fn slice(coding: Coding, level: u8) -> usize {
    let kib = match (coding, level) {
        (Coding::Gzip, 0..=3) => 32,
        (Coding::Gzip, 4..=6) => 16,
        (Coding::Gzip, _) => 8,
        (Coding::Zstd | Coding::Dcz, 0..=4) => 64,
        (Coding::Zstd | Coding::Dcz, 5..=8) => 32,
        (Coding::Zstd | Coding::Dcz, 9..=10) => 16,
        (Coding::Zstd | Coding::Dcz, _) => 8,
        (Coding::Br | Coding::Dcb, 0..=3) => 64,
        (Coding::Br | Coding::Dcb, 4) => 32,
        (Coding::Br | Coding::Dcb, 5..=6) => 16,
        (Coding::Br | Coding::Dcb, _) => 8,
        (Coding::Identity, _) => 64,
    };
    kib * KIB
}

/// Octets up to which a body that is all there is compressed in one go. For gzip that has an encoder of its own, which costs less and
/// cannot be interrupted.
pub const fn at_once(coding: Coding, level: u8) -> usize {
    match (coding, level) {
        (Coding::Gzip, 0..=3) => 128 * KIB,
        (Coding::Gzip, 4) => 112 * KIB,
        (Coding::Gzip, 5) => 80 * KIB,
        (Coding::Gzip, 6) => 64 * KIB,
        (Coding::Gzip, _) => 32 * KIB,
        (coding, level) => slice(coding, level),
    }
}

/// Whether an encoder works off its input only when it has a large block of it, so that the end of a slice must make it do so.
pub(super) const fn holds_back(coding: Coding) -> bool {
    matches!(coding, Coding::Zstd | Coding::Br | Coding::Dcz | Coding::Dcb)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_higher_the_level_the_shorter_the_piece() {
        for coding in [Coding::Gzip, Coding::Zstd, Coding::Br, Coding::Dcz, Coding::Dcb] {
            for level in 1..12 {
                assert!(slice(coding, level) >= slice(coding, level + 1), "{coding:?} {level}");
                assert!(at_once(coding, level) >= at_once(coding, level + 1), "{coding:?} {level}");
                assert!(at_once(coding, level) >= slice(coding, level), "{coding:?} {level}");
            }
        }
    }
}
