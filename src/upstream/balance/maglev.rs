//! The same key to the same place, by one look at a table (Maglev, NSDI 2016 §3.4).

use crate::http::key::mix;

/// Entries, a prime number: 100 places differ by less than a percent.
const SIZE: usize = 65_537;
/// How often a key looks elsewhere before the table is searched.
const LOOKS: u64 = 16;

/// The table. It depends on the places alone, on no key and no load, and is made once for a config.
#[derive(Debug)]
pub struct Maglev {
    places: Box<[u16]>,
}

impl Maglev {
    /// The table of places, given as their seeds and weights; `None` where no place has weight. Places beyond 65 536 take no part.
    pub fn new(weighted: &[(u64, u32)]) -> Option<Self> {
        let heaviest = weighted.iter().map(|(_, weight)| *weight).max().filter(|weight| *weight > 0)?;
        let mut fill: Vec<Fill> = weighted
            .iter()
            .zip(0..=u16::MAX)
            .map(|((seed, weight), place)| Fill {
                place,
                weight: u64::from(*weight),
                due: 0,
                next: mix(*seed) % SIZE as u64,
                skip: mix(!*seed) % (SIZE as u64 - 1) + 1,
            })
            .collect();
        let mut places: Box<[Option<u16>]> = vec![None; SIZE].into();
        let mut left = SIZE;
        while left > 0 {
            // The heaviest places take an entry each turn, the others in proportion.
            for fill in &mut fill {
                fill.due += fill.weight;
                if left == 0 || fill.due < u64::from(heaviest) {
                    continue;
                }
                fill.due -= u64::from(heaviest);
                while places[fill.next as usize].is_some() {
                    fill.step();
                }
                places[fill.next as usize] = Some(fill.place);
                left -= 1;
            }
        }
        Some(Self { places: places.iter().map(|place| place.unwrap_or_default()).collect() })
    }

    /// The place of a key.
    pub fn place(&self, key: u64) -> usize {
        usize::from(self.places[(mix(key) % SIZE as u64) as usize])
    }

    /// The first place of the key that `fits`: its own, then others, always in the same order, so that keys whose place is out spread over
    /// the rest and come back with it.
    pub fn first(&self, key: u64, fits: impl Fn(usize) -> bool) -> Option<usize> {
        let look = (0..LOOKS).map(|look| self.place(key.wrapping_add(look))).find(|place| fits(*place));
        look.or_else(|| {
            let start = (mix(key) % SIZE as u64) as usize;
            let round = self.places[start..].iter().chain(&self.places[..start]);
            round.map(|place| usize::from(*place)).find(|place| fits(*place))
        })
    }
}

/// A place on its way through the table.
struct Fill {
    place: u16,
    weight: u64,
    due: u64,
    next: u64,
    skip: u64,
}

impl Fill {
    fn step(&mut self) {
        self.next = (self.next + self.skip) % SIZE as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::super::{chi::assert_fits, seed};
    use super::*;

    fn table(weights: &[u32]) -> Maglev {
        let of = |(place, weight): (usize, &u32)| (seed(format!("10.0.0.{place}:80").as_bytes()), *weight);
        Maglev::new(&weights.iter().enumerate().map(of).collect::<Vec<_>>()).expect("weight")
    }

    #[test]
    fn entries_are_those_of_the_weights_to_within_one_turn() {
        for weights in [vec![1; 3], vec![2, 1, 5], vec![1; 100], vec![7]] {
            let table = table(&weights);
            let total: u32 = weights.iter().sum();
            for (place, weight) in weights.iter().enumerate() {
                let entries = table.places.iter().filter(|one| usize::from(**one) == place).count();
                let fair = SIZE as f64 * f64::from(*weight) / f64::from(total);
                assert!((entries as f64 - fair).abs() <= 2.0, "{entries} of {fair}");
            }
            let mut seen = vec![0; weights.len()];
            (0..50_000).for_each(|key| seen[table.place(key * 7919)] += 1);
            assert_fits(&seen, &weights);
        }
        assert!(Maglev::new(&[(1, 0)]).is_none() && Maglev::new(&[]).is_none());
    }

    #[test]
    fn few_keys_of_others_move_when_a_place_leaves_the_config() {
        let (before, after) = (table(&[1; 10]), table(&[1, 1, 1, 1, 1, 1, 1, 1, 1, 0]));
        let pairs = before.places.iter().zip(&after.places).filter(|(old, _)| **old != 9);
        let (all, moved) = pairs.fold((0, 0), |(all, moved), (old, new)| (all + 1, moved + u32::from(old != new)));
        assert!(moved * 100 < all * 5, "{moved} of {all}: Maglev's tables move a few percent");
    }

    #[test]
    fn keys_of_a_place_that_is_out_spread_and_the_others_stay() {
        let table = table(&[1; 5]);
        let mut heirs = [0; 5];
        for key in (0..50_000).map(|key: u64| key * 104_729) {
            let (home, now) = (table.place(key), table.first(key, |place| place != 2).expect("others"));
            if home == 2 {
                heirs[now] += 1;
            } else {
                assert_eq!(home, now);
            }
        }
        assert_fits(&heirs, &[1, 1, 0, 1, 1]);
        assert_eq!(table.first(3, |place| place == 4), Some(4), "the last one that is left is found");
        assert_eq!(table.first(3, |_| false), None);
    }
}
