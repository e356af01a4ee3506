//! Weights that stay the same for many draws.

/// Places by their share. A draw costs nothing where all weights are the same, and a binary search where they are not.
#[derive(Clone, Debug, Default)]
pub struct Shares {
    places: Box<[u32]>,
    /// Where the share of each ends; empty where all are the same.
    ends: Box<[u64]>,
    total: u64,
}

impl Shares {
    /// Of places with their weights, all above 0.
    pub fn new(weighted: &[(u32, u32)]) -> Self {
        let even = weighted.iter().all(|(_, weight)| *weight == weighted[0].1);
        let mut total = 0;
        let ends = weighted.iter().map(|(_, weight)| {
            total += u64::from(*weight);
            total
        });
        let ends: Box<[u64]> = ends.collect();
        let places = weighted.iter().map(|(place, _)| *place).collect();
        if even { Self { places, ends: [].into(), total: weighted.len() as u64 } } else { Self { places, ends, total } }
    }

    /// How many places there are.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// A place by its share. `draw(n)` gives a number below `n`. There must be a place.
    pub fn one(&self, draw: &mut impl FnMut(u64) -> u64) -> usize {
        self.places[self.at(draw(self.total))] as usize
    }

    /// Two different places, each by its share. There must be two.
    pub fn two(&self, draw: &mut impl FnMut(u64) -> u64) -> (usize, usize) {
        let first = self.at(draw(self.total));
        let (start, width) = match self.ends.get(first) {
            Some(end) => {
                let start = first.checked_sub(1).map_or(0, |before| self.ends[before]);
                (start, end - start)
            }
            None => (first as u64, 1),
        };
        // The others, as if the first one's share were cut out.
        let point = draw(self.total - width);
        let second = self.at(if point < start { point } else { point + width });
        (self.places[first] as usize, self.places[second] as usize)
    }

    fn at(&self, point: u64) -> usize {
        if self.ends.is_empty() { point as usize } else { self.ends.partition_point(|end| *end <= point) }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Draw, chi::assert_fits};
    use super::*;

    #[test]
    fn places_come_by_their_share() {
        for weights in [&[1u32, 1, 1] as &[u32], &[1, 3], &[5, 1, 9, 2, 7], &[4]] {
            let weighted: Vec<_> = (0..).zip(weights.iter().copied()).collect();
            let shares = Shares::new(&weighted);
            assert_eq!((shares.len(), shares.is_empty()), (weights.len(), false));
            let mut draw = Draw::new(11);
            let mut seen = vec![0; weights.len()];
            (0..50_000).for_each(|_| seen[shares.one(&mut |below| draw.below(below))] += 1);
            assert_fits(&seen, weights);
        }
        assert!(Shares::new(&[]).is_empty());
    }

    #[test]
    fn two_are_never_the_same_and_the_second_is_drawn_from_the_rest() {
        for weights in [[1u32, 1, 1, 1], [2, 1, 4, 1]] {
            let weighted: Vec<_> = (0..).zip(weights).collect();
            let shares = Shares::new(&weighted);
            let mut draw = Draw::new(5);
            let mut seen = [[0u32; 4]; 4];
            for _ in 0..100_000 {
                let (first, second) = shares.two(&mut |below| draw.below(below));
                seen[first][second] += 1;
            }
            for (first, row) in seen.iter().enumerate() {
                let mut rest = weights;
                rest[first] = 0;
                assert_fits(row, &rest);
            }
        }
    }
}
