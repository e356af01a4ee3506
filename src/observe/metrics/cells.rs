//! Counters of one worker: written by that worker alone, read by the control thread.
//!
//! A counter with one writer needs no locked instruction: a relaxed load and a relaxed store are two plain moves. Cells are
//! aligned to two cache lines, so that no two workers write to one line (two, because x86 fetches lines in pairs).

use std::array;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// `N` counters of one worker that belong to one name.
#[repr(align(128))]
pub(crate) struct Cells<const N: usize>([AtomicU64; N]);

impl<const N: usize> Default for Cells<N> {
    fn default() -> Self {
        Self(array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl<const N: usize> Cells<N> {
    /// Adds to a counter. Only the worker that owns the cells may call it.
    pub(crate) fn add(&self, index: usize, amount: u64) {
        let cell = &self.0[index];
        cell.store(cell.load(Relaxed).wrapping_add(amount), Relaxed);
    }

    /// Notes a duration in the histogram whose first bucket is at `first`; the sum stands behind the buckets.
    pub(crate) fn observe(&self, first: usize, duration: Duration) {
        let micros = micros(duration);
        self.add(first + bucket(micros), 1);
        self.add(first + BUCKETS, micros);
    }

    /// Adds each counter to the place of the same index.
    pub(crate) fn sum_into(&self, totals: &mut [u64; N]) {
        for (total, cell) in totals.iter_mut().zip(&self.0) {
            *total = total.wrapping_add(cell.load(Relaxed));
        }
    }

    fn reset(&self) {
        self.0.iter().for_each(|cell| cell.store(0, Relaxed));
    }
}

/// Buckets of a histogram: bounds of 0.25 ms times a power of two up to 65.536 s, and one for what is longer.
pub(crate) const BUCKETS: usize = 20;

/// Cells that a histogram takes: its buckets and its sum, in microseconds.
pub(crate) const HISTOGRAM: usize = BUCKETS + 1;

const FIRST_BOUND: u64 = 250;

/// The upper bound of a bucket in microseconds; `None` for the last one.
pub(crate) fn bound(bucket: usize) -> Option<u64> {
    (bucket + 1 < BUCKETS).then(|| FIRST_BOUND << bucket)
}

fn micros(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1_000_000).saturating_add(u64::from(duration.subsec_micros()))
}

/// The first bucket whose bound is not below.
fn bucket(micros: u64) -> usize {
    let units = micros.div_ceil(FIRST_BOUND);
    let bits = 64 - units.saturating_sub(1).leading_zeros() as usize;
    bits.min(BUCKETS - 1)
}

const CHUNK: usize = 64;

/// A cell is made when it is first written to: a config of ten thousand routes costs memory for those that are used.
type Chunk<const N: usize> = [OnceLock<Box<Cells<N>>>; CHUNK];

/// Cells by number. A longer list shares the chunks of the shorter one, so that no count is lost when it grows.
#[derive(Clone)]
pub(crate) struct Slots<const N: usize> {
    chunks: Vec<Arc<Chunk<N>>>,
}

impl<const N: usize> Default for Slots<N> {
    fn default() -> Self {
        Self { chunks: Vec::new() }
    }
}

impl<const N: usize> Slots<N> {
    /// The cells of that number; `None` where the list is too short.
    pub(crate) fn at(&self, id: u32) -> Option<&Cells<N>> {
        let chunk = self.chunks.get(id as usize / CHUNK)?;
        Some(chunk[id as usize % CHUNK].get_or_init(Box::default))
    }

    /// Makes room for so many numbers.
    pub(crate) fn grow(&mut self, numbers: usize) {
        while self.chunks.len() * CHUNK < numbers {
            self.chunks.push(Arc::new(array::from_fn(|_| OnceLock::new())));
        }
    }

    /// Sets the counters of a number to zero, because it has a new name. A worker that still writes for the old
    /// name may bring a count back; the name was retired long ago.
    pub(crate) fn reset(&self, id: u32) {
        if let Some(cells) = self.chunks.get(id as usize / CHUNK).and_then(|chunk| chunk[id as usize % CHUNK].get()) {
            cells.reset();
        }
    }

    /// Sets all counters to zero.
    pub(crate) fn reset_all(&self) {
        self.iter().for_each(|(_, cells)| cells.reset());
    }

    /// The cells that were written to, with their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Cells<N>)> {
        let places = self.chunks.iter().flat_map(|chunk| chunk.iter());
        places.enumerate().filter_map(|(id, place)| Some((id as u32, &**place.get()?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_holds_what_is_not_above_its_bound() {
        let cases =
            [(0, 0), (1, 0), (250, 0), (251, 1), (500, 1), (501, 2), (1_000, 2), (65_536_000, 18), (65_536_001, 19)];
        for (micros, expected) in cases {
            assert_eq!(bucket(micros), expected, "{micros}");
        }
        assert_eq!(bucket(u64::MAX), BUCKETS - 1);
        for bucket_index in 0..BUCKETS - 1 {
            let bound = bound(bucket_index).expect("not the last");
            assert_eq!(bucket(bound), bucket_index);
            assert_eq!(bucket(bound + 1), bucket_index + 1);
        }
        assert_eq!(bound(BUCKETS - 1), None);
    }

    #[test]
    fn a_list_that_grew_shares_what_was_counted() {
        let mut short = Slots::<1>::default();
        short.grow(3);
        let mut long = short.clone();
        long.grow(1_000);
        short.at(2).expect("room").add(0, 5);
        long.at(2).expect("room").add(0, 1);
        long.at(999).expect("room").add(0, 1);
        assert!(short.at(64).is_none());
        let mut total = [0];
        long.iter().for_each(|(_, cells)| cells.sum_into(&mut total));
        assert_eq!(total, [7]);
        assert_eq!(long.iter().map(|(id, _)| id).collect::<Vec<_>>(), [2, 999]);
    }
}
