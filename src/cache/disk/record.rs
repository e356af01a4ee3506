//! Records, octet by octet.
//!
//! ```text
//! header: magic 4, kind 1, flags 1, slot 2, head length 4, variant 4, names 4, empty 4, body length 8, number 8, key 8,
//!         checksum of these 8, checksum of the head 8
//! head
//! body: blocks of 64 KiB, the last one shorter, each followed by a checksum of 16
//! ```
//!
//! Checksums are XXH3, seeded with the folder's secret and the place of the record, so that what was written elsewhere does not pass.

use twox_hash::XxHash3_128;

/// Octets of a header.
pub(super) const HEADER: usize = 64;
/// Octets of a block of a body.
pub(super) const BLOCK: usize = 64 * 1024;
/// Octets behind each block.
pub(super) const SUM: usize = 16;
/// The longest head; a response with a longer one is not kept.
pub(super) const MAX_HEAD: usize = 1 << 20;

const MAGIC: [u8; 4] = *b"TGc1";
const SUMMED: usize = 48;
const SOFT: u8 = 1;

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A stored response.
    Response = 1,
    /// The response of that key and variant before it is gone.
    Forget = 2,
    /// A purge.
    Purge = 3,
}

/// Where a record is: the segment, and the octet in it. Later records have higher places.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place(pub(super) u64);

/// Which response of the folder: its key, and its variant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Name {
    /// Hash of the key.
    pub(super) key: u64,
    /// Hash of the names of the fields that chose it.
    pub(super) names: u32,
    /// Hash of what the request said in them.
    pub(super) variant: u32,
}

/// The header of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) kind: Kind,
    /// Purged softly before it was written here.
    pub(super) soft: bool,
    /// Of the address, for what invalidates addresses.
    pub(super) slot: u16,
    pub(super) name: Name,
    /// Octets of the head.
    pub(super) head: u32,
    /// Octets of the body, without checksums.
    pub(super) body: u64,
    /// When it was, in the order of the journal.
    pub(super) number: u64,
}

/// Hashes of one folder.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sums {
    /// The folder's secret.
    pub(super) secret: u64,
}

impl Place {
    pub(super) const fn new(segment: u32, offset: u32) -> Self {
        Self((segment as u64) << 32 | offset as u64)
    }

    pub(super) const fn segment(self) -> u32 {
        (self.0 >> 32) as u32
    }

    pub(super) const fn offset(self) -> u64 {
        self.0 & 0xffff_ffff
    }
}

impl Sums {
    /// Of something that is looked up by its hash.
    pub(super) fn hash(self, bytes: &[u8]) -> u64 {
        XxHash3_128::oneshot_with_seed(self.secret, bytes) as u64
    }

    fn header(self, place: Place, header: &[u8]) -> u64 {
        XxHash3_128::oneshot_with_seed(self.secret ^ place.0, header) as u64
    }

    /// Of a head.
    pub(super) fn head(self, place: Place, head: &[u8]) -> u64 {
        XxHash3_128::oneshot_with_seed(self.secret ^ place.0.rotate_left(17), head) as u64
    }

    /// Of a block of a body.
    pub(super) fn block(self, place: Place, number: u64, block: &[u8]) -> [u8; SUM] {
        let seed = self.secret ^ place.0 ^ number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        XxHash3_128::oneshot_with_seed(seed, block).to_le_bytes()
    }
}

impl Record {
    /// Octets of it, all in all.
    pub(super) fn span(&self) -> u64 {
        HEADER as u64 + u64::from(self.head) + stored(self.body)
    }

    /// As octets, for that place.
    pub(super) fn write(&self, sums: Sums, place: Place, head: &[u8]) -> [u8; HEADER] {
        let mut out = [0; HEADER];
        let mut at = 0;
        let mut put = |bytes: &[u8]| {
            out[at..at + bytes.len()].copy_from_slice(bytes);
            at += bytes.len();
        };
        put(&MAGIC);
        put(&[self.kind as u8, if self.soft { SOFT } else { 0 }]);
        put(&self.slot.to_le_bytes());
        put(&self.head.to_le_bytes());
        put(&self.name.variant.to_le_bytes());
        put(&self.name.names.to_le_bytes());
        put(&[0; 4]);
        put(&self.body.to_le_bytes());
        put(&self.number.to_le_bytes());
        put(&self.name.key.to_le_bytes());
        let sum = sums.header(place, &out[..SUMMED]);
        out[SUMMED..SUMMED + 8].copy_from_slice(&sum.to_le_bytes());
        out[SUMMED + 8..].copy_from_slice(&sums.head(place, head).to_le_bytes());
        out
    }

    /// From the octets at that place, with the checksum of its head; `None` where they are no header of this folder at this place.
    pub(super) fn read(sums: Sums, place: Place, bytes: &[u8; HEADER]) -> Option<(Self, u64)> {
        let long = |at: usize| u64::from_le_bytes(std::array::from_fn(|octet| bytes[at + octet]));
        let short = |at: usize| u32::from_le_bytes(std::array::from_fn(|octet| bytes[at + octet]));
        if bytes[..4] != MAGIC || long(SUMMED) != sums.header(place, &bytes[..SUMMED]) {
            return None;
        }
        let kind = [Kind::Response, Kind::Forget, Kind::Purge].into_iter().find(|kind| *kind as u8 == bytes[4])?;
        let record = Self {
            kind,
            soft: bytes[5] & SOFT != 0,
            slot: u16::from_le_bytes([bytes[6], bytes[7]]),
            head: short(8),
            name: Name { key: long(40), names: short(16), variant: short(12) },
            body: long(24),
            number: long(32),
        };
        (record.head as usize <= MAX_HEAD).then_some((record, long(SUMMED + 8)))
    }
}

/// Octets that a body takes with its checksums.
pub(super) fn stored(body: u64) -> u64 {
    body.saturating_add(body.div_ceil(BLOCK as u64) * SUM as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let name = Name { key: 0x0123_4567_89ab_cdef, names: 7, variant: 9 };
        Record { kind: Kind::Response, soft: true, slot: 513, name, head: 3, body: 70_000, number: 1 << 40 }
    }

    #[test]
    fn there_and_back() {
        let (sums, place) = (Sums { secret: 1 }, Place::new(3, 4096));
        let bytes = record().write(sums, place, b"abc");
        assert_eq!(Record::read(sums, place, &bytes), Some((record(), sums.head(place, b"abc"))));
        assert_eq!(record().span(), 64 + 3 + 70_000 + 32);
        assert_eq!((place.segment(), place.offset()), (3, 4096));
    }

    #[test]
    fn any_changed_bit_is_seen_and_any_other_place_and_folder() {
        let (sums, place) = (Sums { secret: 1 }, Place::new(3, 4096));
        let bytes = record().write(sums, place, b"abc");
        for bit in 0..SUMMED * 8 + 64 {
            let mut changed = bytes;
            changed[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(Record::read(sums, place, &changed), None, "bit {bit}");
        }
        assert_eq!(Record::read(sums, Place::new(3, 4097), &bytes), None);
        assert_eq!(Record::read(sums, Place::new(4, 4096), &bytes), None);
        assert_eq!(Record::read(Sums { secret: 2 }, place, &bytes), None);
    }

    #[test]
    fn blocks_are_told_from_each_other() {
        let sums = Sums { secret: 1 };
        let (one, other) = (Place::new(0, 0), Place::new(0, 64));
        let sum = sums.block(one, 0, b"same");
        assert_ne!(sum, sums.block(one, 1, b"same"));
        assert_ne!(sum, sums.block(other, 0, b"same"));
        assert_ne!(sum, sums.block(one, 0, b"sane"));
        assert_eq!((stored(0), stored(1), stored(BLOCK as u64), stored(BLOCK as u64 + 1)), (0, 17, 65_552, 65_569));
    }
}
