//! Which endpoint takes the next exchange. Pure: weights, loads and keys in, a place out; a file for each way to choose.
//!
//! Weights come as a slice, one for each place, 0 for one that cannot be used. Who can be used is said in [`super::candidates`].

mod draw;
mod least;
mod maglev;
mod peak;
mod rendezvous;
mod robin;
mod shares;

pub use draw::Draw;
pub(super) use least::cheaper;
pub use least::{least_of_two, random};
pub use maglev::Maglev;
pub use peak::PeakEwma;
pub use rendezvous::{bounded, seed};
pub use robin::RoundRobin;
pub use shares::Shares;

#[cfg(test)]
pub(super) mod chi {
    //! Whether what was counted is what was expected.

    /// Fails where the counts differ from the expected ones by more than chance makes them once in ten thousand times.
    pub(crate) fn assert_fits(seen: &[u32], weights: &[u32]) {
        let (all, total): (u32, u32) = (seen.iter().sum(), weights.iter().sum());
        let mut chi = 0.0;
        for (seen, weight) in seen.iter().zip(weights) {
            let expected = f64::from(all) * f64::from(*weight) / f64::from(total);
            if expected == 0.0 {
                assert_eq!(*seen, 0, "nothing was expected");
                continue;
            }
            chi += (f64::from(*seen) - expected).powi(2) / expected;
        }
        let freedom = weights.iter().filter(|weight| **weight > 0).count() as f64 - 1.0;
        // Wilson and Hilferty's approximation of the quantile, z = 3.72.
        let part = 2.0 / (9.0 * freedom.max(1.0));
        let limit = freedom * (1.0 - part + 3.72 * part.sqrt()).powi(3);
        assert!(chi <= limit, "chi-square {chi:.1} of {limit:.1}: {seen:?} for {weights:?}");
    }
}
