//! `X-Request-Id`: 128 bits in 32 hexadecimal digits, unique but no secret.

use std::cell::{Cell, RefCell};
use std::hash::{BuildHasher, RandomState};

use bytes::BytesMut;
use http::HeaderValue;

/// Longest identifier that is kept from another proxy.
const MAX_KEPT: usize = 128;

/// Octets of memory that identifiers are cut from, sixteen of them. It is free when the last of them is, and one may be that of a socket
/// that stays open for days.
const SHEET: usize = 512;

/// The two digits of each octet.
const PAIRS: [[u8; 2]; 256] = {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let (mut pairs, mut octet) = ([[0; 2]; 256], 0);
    while octet < 256 {
        pairs[octet] = [DIGITS[octet >> 4], DIGITS[octet & 15]];
        octet += 1;
    }
    pairs
};

/// Makes identifiers; each worker has its own, seeded by the system.
#[derive(Debug)]
pub struct RequestIds {
    state: Cell<(u64, u64)>,
    sheet: RefCell<BytesMut>,
}

impl RequestIds {
    /// Seeded from the system's randomness, by way of the standard library's hash keys.
    pub fn new() -> Self {
        Self::seeded(RandomState::new().hash_one(0_u8), RandomState::new().hash_one(1_u8))
    }

    /// With that seed: the same identifiers in the same order.
    pub fn seeded(high: u64, low: u64) -> Self {
        // All zeros is the one state that the generator never leaves.
        Self { state: Cell::new((high, low | 1)), sheet: RefCell::default() }
    }

    /// The next identifier.
    pub fn next(&self) -> HeaderValue {
        let mut digits = [0_u8; 32];
        let (high, low) = digits.split_at_mut(16);
        for (half, number) in [(high, self.step()), (low, self.step())] {
            for (pair, octet) in half.as_chunks_mut().0.iter_mut().zip(number.to_be_bytes()) {
                *pair = PAIRS[usize::from(octet)];
            }
        }
        let mut sheet = self.sheet.borrow_mut();
        if sheet.capacity() < digits.len() {
            *sheet = BytesMut::with_capacity(SHEET);
        }
        sheet.extend_from_slice(&digits);
        HeaderValue::from_maybe_shared(sheet.split().freeze()).expect("hexadecimal digits are visible")
    }

    /// xoroshiro128++ of Blackman and Vigna: a few instructions, and a period that no process reaches.
    fn step(&self) -> u64 {
        let (one, mut two) = self.state.get();
        let result = one.wrapping_add(two).rotate_left(17).wrapping_add(one);
        two ^= one;
        self.state.set((one.rotate_left(49) ^ two ^ (two << 21), two.rotate_left(28)));
        result
    }
}

impl Default for RequestIds {
    fn default() -> Self {
        Self::new()
    }
}

/// Whether an identifier of another proxy can be kept: up to 128 letters that need no quoting in any log.
pub fn may_keep(id: &HeaderValue) -> bool {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-_.:/+=@~".contains(byte);
    (1..=MAX_KEPT).contains(&id.len()) && id.as_bytes().iter().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn identifiers_differ_and_are_hexadecimal() {
        let ids = RequestIds::new();
        let seen: HashSet<_> = (0..1000).map(|_| ids.next()).collect();
        assert_eq!(seen.len(), 1000);
        assert!(seen.iter().all(|id| id.len() == 32 && id.as_bytes().iter().all(u8::is_ascii_hexdigit)));
        assert_ne!(RequestIds::new().next(), RequestIds::new().next());
        assert_eq!(RequestIds::seeded(1, 2).next(), RequestIds::seeded(1, 2).next());
        let ids = RequestIds::seeded(1, 3);
        let (one, two) = (ids.step(), ids.step());
        assert_eq!(RequestIds::seeded(1, 3).next(), format!("{one:016x}{two:016x}"));
        assert_ne!(RequestIds::seeded(0, 0).next(), HeaderValue::from_static("00000000000000000000000000000000"));
    }

    #[test]
    fn what_is_kept() {
        for (id, want) in [
            ("a", true),
            ("0af7651916cd43dd-8448_eb21.1:c8/0+319c=", true),
            ("a b", false),
            ("a\"", false),
            ("", false),
        ] {
            assert_eq!(may_keep(&HeaderValue::from_static(id)), want, "{id}");
        }
        assert!(may_keep(&HeaderValue::from_str(&"a".repeat(128)).expect("a value")));
        assert!(!may_keep(&HeaderValue::from_str(&"a".repeat(129)).expect("a value")));
    }
}
