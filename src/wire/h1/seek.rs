//! Where an octet stands in a line: eight looked at together.
//!
//! Lines of heads are short. For them this costs less than `memchr`, which begins by finding out what the processor can do; what is long is
//! left to it.

/// Octets that are looked at here.
const SHORT: usize = 64;

const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
const HIGHS: u64 = u64::from_ne_bytes([0x80; 8]);

/// Where the first such octet stands.
#[inline]
pub(super) fn seek(bytes: &[u8], byte: u8) -> Option<usize> {
    let (near, far) = bytes.split_at(bytes.len().min(SHORT));
    let pattern = u64::from_ne_bytes([byte; 8]);
    let (words, rest) = near.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let differs = u64::from_le_bytes(*word) ^ pattern;
        // The high bit of each octet that is zero; a borrow makes wrong ones only above the first right one.
        let found = differs.wrapping_sub(ONES) & !differs & HIGHS;
        if found != 0 {
            return Some(index * 8 + found.trailing_zeros() as usize / 8);
        }
    }
    let rest = rest.iter().position(|at| *at == byte).map(|at| words.len() * 8 + at);
    if rest.is_some() || far.is_empty() { rest } else { memchr::memchr(byte, far).map(|at| near.len() + at) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_finds_what_a_plain_search_finds() {
        for length in 0..150 {
            for byte in [0, b'\n', b':', 0x7f, 0x80, 0xff] {
                // Neighbours by value are what a trick with borrows could take for the octet.
                for filling in [byte.wrapping_add(1), byte.wrapping_sub(1), byte ^ 0x80, byte ^ 0x20] {
                    let mut line = vec![filling; length];
                    assert_eq!(seek(&line, byte), None, "{length} {byte} {filling}");
                    for at in (0..length).rev() {
                        line[at] = byte;
                        assert_eq!(seek(&line, byte), Some(at), "{length} {byte} {filling}");
                    }
                }
            }
        }
    }
}
