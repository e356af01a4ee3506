//! One segment of a path, as the tree of routes has it.
//!
//! With ten thousand routes a request meets memory that no request before it has brought near. So a short segment, which is nearly every one,
//! lies where it is looked for and not behind a pointer.

use std::borrow::Borrow;
use std::hash::{Hash, Hasher};

/// The longest that lies in place, in octets.
const SHORT: usize = 22;

/// The octets of a segment.
#[derive(Debug)]
pub(super) enum Segment {
    /// So many of these.
    Short(u8, [u8; SHORT]),
    /// All of these.
    Long(Box<[u8]>),
}

impl Segment {
    pub(super) fn new(octets: &[u8]) -> Self {
        let mut place = [0; SHORT];
        match place.get_mut(..octets.len()) {
            Some(room) => {
                room.copy_from_slice(octets);
                Self::Short(octets.len() as u8, place)
            }
            None => Self::Long(octets.into()),
        }
    }

    fn octets(&self) -> &[u8] {
        match self {
            Self::Short(length, place) => &place[..usize::from(*length)],
            Self::Long(octets) => octets,
        }
    }
}

// By its octets alone, so that it is found by a slice of them.
impl Borrow<[u8]> for Segment {
    fn borrow(&self) -> &[u8] {
        self.octets()
    }
}

impl Hash for Segment {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.octets().hash(state);
    }
}

impl PartialEq for Segment {
    fn eq(&self, other: &Self) -> bool {
        self.octets() == other.octets()
    }
}

impl Eq for Segment {}

#[cfg(test)]
mod tests {
    use super::*;
    use rustc_hash::FxHashMap;

    #[test]
    fn short_and_long_ones_are_found_by_their_octets() {
        let texts = ["", "a", "a-segment-of-22-octets", "a-segment-of-23-octets.", &"long".repeat(100)];
        let map: FxHashMap<Segment, usize> =
            texts.iter().enumerate().map(|(place, text)| (Segment::new(text.as_bytes()), place)).collect();
        for (place, text) in texts.iter().enumerate() {
            assert_eq!(map.get(text.as_bytes()), Some(&place), "{text}");
        }
        assert_eq!(map.get(&b"b"[..]), None);
        assert_eq!(size_of::<(Segment, u32)>(), 32, "two of them in one line of memory");
    }
}
