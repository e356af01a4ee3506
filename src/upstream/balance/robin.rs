//! One after the other.

/// Smooth weighted round robin: over a round each endpoint has its share, and no share comes in one go (as nginx does it).
#[derive(Debug, Default)]
pub struct RoundRobin {
    current: Vec<i64>,
}

impl RoundRobin {
    /// The next place. `None` where no place has weight.
    pub fn next(&mut self, weights: &[u32]) -> Option<usize> {
        self.current.resize(weights.len(), 0);
        let mut total = 0i64;
        let mut best: Option<(usize, i64)> = None;
        for (place, (weight, current)) in weights.iter().zip(&mut self.current).enumerate() {
            if *weight == 0 {
                continue;
            }
            let weight = i64::from(*weight);
            total += weight;
            *current += weight;
            if best.is_none_or(|(_, most)| *current > most) {
                best = Some((place, *current));
            }
        }
        let (best, _) = best?;
        self.current[best] -= total;
        Some(best)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_over_a_round_and_smooth_within() {
        let mut robin = RoundRobin::default();
        let picks: Vec<_> = (0..8).filter_map(|_| robin.next(&[5, 1, 0, 2])).collect();
        assert_eq!(picks, [0, 3, 0, 0, 1, 0, 3, 0]);
        assert_eq!(robin.next(&[0; 4]), None);
        assert_eq!(robin.next(&[]), None);
    }

    #[test]
    fn one_that_comes_back_has_nothing_to_catch_up_with() {
        let mut robin = RoundRobin::default();
        assert_eq!((0..100).filter_map(|_| robin.next(&[1, 1, 0])).count(), 100);
        let mut seen = [0; 3];
        (0..30).filter_map(|_| robin.next(&[1, 1, 1])).for_each(|place| seen[place] += 1);
        assert!(seen.iter().all(|seen: &i32| (9..=11).contains(seen)), "{seen:?}");
    }
}
