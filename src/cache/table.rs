//! How keys are kept and asked for in moka's tables: by the hash that they bring along.

use std::hash::{Hash, Hasher};

use moka::Equivalent;

use super::key::{Key, KeyRef};

/// A key in a table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Stored(pub(super) Key);

/// The key's own hash is good enough for the table.
impl Hash for Stored {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.hash as u64);
    }
}

/// A borrowed key, for the look-up.
pub(super) struct Asked<'a>(pub(super) KeyRef<'a>);

impl Hash for Asked<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.hash as u64);
    }
}

impl Equivalent<Stored> for Asked<'_> {
    fn equivalent(&self, key: &Stored) -> bool {
        self.0.hash == key.0.hash && self.0.bytes == key.0.bytes
    }
}

/// Hands a hash through.
#[derive(Debug, Default)]
pub(super) struct Pass(u64);

impl Hasher for Pass {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.0 = self.0.rotate_left(8) ^ u64::from(*byte));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}
