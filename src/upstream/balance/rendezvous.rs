//! The same key to the same place, with a bound on what a place may run.
//!
//! Weighted rendezvous: each place draws a number from the key and its own seed, and the best number for its weight wins. Shares are exactly
//! those of the weights; when a place leaves, its keys alone move, and spread over the others; when it comes back, they come back.
//!
//! Bounded load (Mirrokni, Thorup, Zadimoghaddam): a place that runs more than `factor` of its fair share passes the key on to the one that
//! drew the next best number. So one hot key cannot drown one place, and the others of that place move only while it is full.

use crate::http::key::mix;

/// The seed of a place: of what it is, not of where it stands.
pub fn seed(identity: &[u8]) -> u64 {
    mix(crate::http::key::hash(identity))
}

/// The place for a key. `load` is what runs on a place; `factor` is in percent of the fair share, 100 at least. `None` where no place has
/// weight. The seeds are those of the places, in their order.
pub fn bounded(key: u64, weights: &[u32], seeds: &[u64], load: impl Fn(usize) -> usize, factor: u32) -> Option<usize> {
    let (mut total, mut running) = (0u64, 1u64);
    let mut even = true;
    let mut one = 0;
    for (place, weight) in weights.iter().enumerate().filter(|(_, weight)| **weight > 0) {
        total += u64::from(*weight);
        running += load(place) as u64;
        even &= one == 0 || one == *weight;
        one = *weight;
    }
    let fits = |place: usize, weight: u32| {
        // Rounded up, or nothing would fit while little runs.
        let most = (u128::from(running) * u128::from(weight) * u128::from(factor)).div_ceil(u128::from(total) * 100);
        (load(place) as u128) < most
    };
    let mut best: Option<(usize, f64)> = None;
    for (place, weight) in weights.iter().enumerate().filter(|(_, weight)| **weight > 0) {
        let score = score(mix(key ^ seeds[place]), if even { None } else { Some(*weight) });
        if best.is_none_or(|(_, most)| score > most) && fits(place, *weight) {
            best = Some((place, score));
        }
    }
    // The loads change while they are read: perhaps nothing fitted.
    best.map(|(place, _)| place).or_else(|| weights.iter().position(|weight| *weight > 0))
}

/// What a place drew; the logarithm only where weights differ.
fn score(drawn: u64, weight: Option<u32>) -> f64 {
    // The upper 53 bits as a number above 0 and below 1.
    let drawn = ((drawn >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    weight.map_or(drawn, |weight| drawn.ln() / f64::from(weight))
}

#[cfg(test)]
mod tests {
    use super::super::chi::assert_fits;
    use super::*;

    const SEEDS: [&str; 5] = ["10.0.0.1:80", "10.0.0.2:80", "10.0.0.3:80", "unix:/run/a", "app:80"];

    fn seeds() -> Vec<u64> {
        SEEDS.iter().map(|identity| seed(identity.as_bytes())).collect()
    }

    fn places(weights: &[u32]) -> Vec<usize> {
        let seeds = seeds();
        (0..40_000u64).filter_map(|key| bounded(mix(key), weights, &seeds, |_| 0, 150)).collect()
    }

    fn counts(places: &[usize]) -> [u32; 5] {
        let mut seen = [0; 5];
        places.iter().for_each(|place| seen[*place] += 1);
        seen
    }

    #[test]
    fn shares_are_those_of_the_weights() {
        for weights in [[1u32, 1, 1, 1, 1], [256, 256, 0, 256, 256], [5, 1, 2, 0, 9]] {
            assert_fits(&counts(&places(&weights)), &weights);
        }
        assert_eq!(bounded(1, &[0; 5], &seeds(), |_| 0, 150), None);
    }

    #[test]
    fn only_the_keys_of_one_that_leaves_move() {
        for (before, after) in [([1u32; 5], [1, 1, 0, 1, 1]), ([3, 1, 2, 4, 1], [3, 1, 0, 4, 1])] {
            let (before, moved) = (places(&before), places(&after));
            assert!(before.iter().zip(&moved).all(|(old, new)| old == new || *old == 2));
            let heirs: Vec<_> = before.iter().zip(&moved).filter(|(old, _)| **old == 2).map(|(_, new)| *new).collect();
            assert_fits(&counts(&heirs), &after);
        }
    }

    #[test]
    fn a_full_place_passes_keys_on_and_keeps_the_bound() {
        let (seeds, weights) = (seeds(), [1, 1, 1, 1, 2]);
        let mut running = [0usize; 5];
        for turn in 1..=3000usize {
            // One hot key, and nothing ends.
            let place = bounded(42, &weights, &seeds, |place| running[place], 150).expect("one");
            running[place] += 1;
            for (running, weight) in running.iter().zip(weights) {
                let most = (turn * weight as usize * 150).div_ceil(600);
                assert!(*running <= most, "{running} of {most} at {turn}");
            }
        }
        assert_eq!(running.iter().sum::<usize>(), 3000);
        assert!(running.iter().filter(|running| **running > 0).count() >= 3, "{running:?}");
        // With room everywhere the key is where it always was.
        let home = bounded(42, &weights, &seeds, |_| 0, 150);
        assert_eq!(home, bounded(42, &weights, &seeds, |_| 1000, 150));
    }
}
