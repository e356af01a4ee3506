//! By chance, and the better of two that come by chance.

/// A place by its weight. `draw(n)` gives a number below `n`. `None` where no place has weight.
pub fn random(weights: &[u32], mut draw: impl FnMut(u64) -> u64) -> Option<usize> {
    let total = total(weights);
    if total == 0 { None } else { pick(weights, draw(total), None) }
}

/// The one that costs less of two that are drawn by their weight (power of two choices): close to the least of all, without a herd that
/// runs to it, and without a look at all of them. `cost` is what an exchange more would cost there, before weight. `draw(n)` gives a number
/// below `n`. `None` where no place has weight.
pub fn least_of_two(weights: &[u32], cost: impl Fn(usize) -> u64, mut draw: impl FnMut(u64) -> u64) -> Option<usize> {
    let total = total(weights);
    if total == 0 {
        return None;
    }
    let first = pick(weights, draw(total), None)?;
    let rest = total - u64::from(weights[first]);
    if rest == 0 {
        return Some(first);
    }
    let second = pick(weights, draw(rest), Some(first))?;
    Some(cheaper((first, weights[first]), (second, weights[second]), cost))
}

/// The one that costs less for its weight; the first where both cost the same.
pub(in crate::upstream) fn cheaper(first: (usize, u32), second: (usize, u32), cost: impl Fn(usize) -> u64) -> usize {
    // Compared without division.
    let pressure = |(place, _): (usize, u32), (_, other): (usize, u32)| u128::from(cost(place)) * u128::from(other);
    if pressure(second, first) < pressure(first, second) { second.0 } else { first.0 }
}

fn total(weights: &[u32]) -> u64 {
    weights.iter().map(|weight| u64::from(*weight)).sum()
}

fn pick(weights: &[u32], mut left: u64, without: Option<usize>) -> Option<usize> {
    for (place, weight) in weights.iter().enumerate().filter(|(place, _)| Some(*place) != without) {
        match left.checked_sub(u64::from(*weight)) {
            Some(rest) => left = rest,
            None => return Some(place),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::{Draw, chi::assert_fits};
    use super::*;

    #[test]
    fn chance_follows_weight() {
        let (weights, mut draw, mut seen) = ([3, 0, 1, 6], Draw::new(9), [0; 4]);
        (0..50_000).for_each(|_| seen[random(&weights, |below| draw.below(below)).expect("one")] += 1);
        assert_fits(&seen, &weights);
        assert_eq!(random(&[0, 0], |_| 0), None);
        assert_eq!(random(&[], |_| 0), None);
    }

    #[test]
    fn least_of_two_follows_weight_when_idle_and_load_when_not() {
        let mut draw = Draw::new(7);
        let mut running = [0u64; 2];
        // Exchanges that never end: the load itself must settle at the weights.
        for _ in 0..4000 {
            let place = least_of_two(&[1, 3], |p| running[p] + 1, |n| draw.below(n)).expect("one");
            running[place] += 1;
        }
        assert!((2990..=3010).contains(&running[1]), "{running:?}");

        let busy = [9u64, 0, 9];
        let mut idle = 0;
        for _ in 0..3000 {
            idle += u32::from(least_of_two(&[1; 3], |p| busy[p] + 1, |n| draw.below(n)) == Some(1));
        }
        // The idle one wins whenever it is among the two: 2 of 3 times.
        assert!((1900..=2100).contains(&idle), "{idle}");
        assert_eq!(least_of_two(&[0; 3], |_| 0, |_| 0), None);
        assert_eq!(least_of_two(&[0, 0, 1], |_| 9, |_| 0), Some(2));
    }
}
