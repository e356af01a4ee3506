//! Which endpoint takes the next exchange. Pure: weights and loads in, a place out.

/// Smooth weighted round robin: over a round each endpoint has its share, and no share comes in one go (as nginx does it).
#[derive(Debug, Default)]
pub struct RoundRobin {
    current: Vec<i64>,
}

impl RoundRobin {
    /// The next place; `weight` is 0 for one that cannot be used. `None` where none can.
    pub fn next(&mut self, count: usize, weight: impl Fn(usize) -> u32) -> Option<usize> {
        self.current.resize(count, 0);
        let mut total = 0i64;
        let mut best: Option<usize> = None;
        for place in 0..count {
            let weight = i64::from(weight(place));
            if weight == 0 {
                continue;
            }
            total += weight;
            self.current[place] += weight;
            if best.is_none_or(|best| self.current[place] > self.current[best]) {
                best = Some(place);
            }
        }
        let best = best?;
        self.current[best] -= total;
        Some(best)
    }
}

/// The less loaded of two drawn by chance, each drawn by its weight (power of two choices). `load` is what runs on it; `weight` is 0 for one
/// that cannot be used. `draw(n)` gives a number below `n`.
pub fn least_requests(
    count: usize,
    weight: impl Fn(usize) -> u32,
    load: impl Fn(usize) -> usize,
    mut draw: impl FnMut(u64) -> u64,
) -> Option<usize> {
    let total: u64 = (0..count).map(|place| u64::from(weight(place))).sum();
    if total == 0 {
        return None;
    }
    let pick = |mut left: u64, without: Option<usize>| {
        for place in (0..count).filter(|place| Some(*place) != without) {
            let weight = u64::from(weight(place));
            if left < weight {
                return Some(place);
            }
            left -= weight;
        }
        None
    };
    let first = pick(draw(total), None)?;
    let rest = total - u64::from(weight(first));
    if rest == 0 {
        return Some(first);
    }
    let second = pick(draw(rest), Some(first))?;
    // Load for each unit of weight, as if the exchange were there already; compared without division.
    let pressure = |place: usize, other: usize| (load(place) as u64 + 1) * u64::from(weight(other));
    Some(if pressure(second, first) < pressure(first, second) { second } else { first })
}

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
    use super::*;

    #[test]
    fn round_robin_is_exact_over_a_round_and_smooth_within() {
        let weights = [5, 1, 0, 2];
        let mut robin = RoundRobin::default();
        let picks: Vec<_> = (0..8).filter_map(|_| robin.next(4, |place| weights[place])).collect();
        assert_eq!(picks, [0, 3, 0, 0, 1, 0, 3, 0]);
        assert_eq!(robin.next(4, |_| 0), None);
    }

    #[test]
    fn least_requests_follows_weight_when_idle_and_load_when_not() {
        let mut draw = Draw::new(7);
        let weights = [1, 3];
        let mut seen = [0u32; 2];
        let mut running = [0usize; 2];
        // Exchanges that never end: the load itself must settle at the weights.
        for _ in 0..4000 {
            let place = least_requests(2, |p| weights[p], |p| running[p], |n| draw.below(n)).expect("one");
            seen[place] += 1;
            running[place] += 1;
        }
        assert!((2990..=3010).contains(&seen[1]), "{seen:?}");

        let busy = [9usize, 0, 9];
        let mut idle = 0;
        for _ in 0..3000 {
            idle += u32::from(least_requests(3, |_| 1, |p| busy[p], |n| draw.below(n)) == Some(1));
        }
        // The idle one wins whenever it is among the two: 2 of 3 times.
        assert!((1900..=2100).contains(&idle), "{idle}");
        assert_eq!(least_requests(3, |_| 0, |_| 0, |_| 0), None);
        assert_eq!(least_requests(3, |p| u32::from(p == 2), |_| 9, |_| 0), Some(2));
    }

    #[test]
    fn draws_are_even() {
        let mut draw = Draw::new(42);
        let mut seen = [0u32; 10];
        for _ in 0..100_000 {
            seen[draw.below(10) as usize] += 1;
        }
        let chi: f64 = seen.iter().map(|n| (f64::from(*n) - 10_000.0).powi(2) / 10_000.0).sum();
        assert!(chi < 27.9, "chi-square {chi}, 9 degrees of freedom, p = 0.001");
    }
}
