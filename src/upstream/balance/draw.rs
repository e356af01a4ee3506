//! Chance.

/// A small generator for choices that nobody can gain from guessing (xorshift64*).
#[derive(Clone, Debug)]
pub struct Draw(u64);

impl Draw {
    /// From a seed.
    pub const fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// A number below `below`, which is at least 1.
    pub fn below(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let bits = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D);
        ((u128::from(bits) * u128::from(below)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::super::chi::assert_fits;
    use super::*;

    #[test]
    fn draws_are_even() {
        let mut draw = Draw::new(42);
        let mut seen = [0u32; 10];
        for _ in 0..100_000 {
            seen[draw.below(10) as usize] += 1;
        }
        assert_fits(&seen, &[1; 10]);
    }
}
