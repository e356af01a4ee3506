//! What came of the attempts at an endpoint: each worker counts for itself, and the sums are made when somebody asks.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::outlier::Outcome;
use crate::observe::metrics::{CELLS_OF_HISTOGRAM, Cells};

/// What `result` is labelled with: the class of the status, or that there was none.
pub const RESULTS: [&str; 6] = ["failed", "1xx", "2xx", "3xx", "4xx", "5xx"];

const TIMES: usize = RESULTS.len();
const CELLS: usize = TIMES + CELLS_OF_HISTOGRAM;

/// One worker's counts of one endpoint.
#[derive(Default)]
pub struct Tally(Cells<CELLS>);

impl std::fmt::Debug for Tally {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tally(..)")
    }
}

impl Tally {
    /// Counts an attempt and, where it was answered, the time to the first byte. Only the worker that joined may call it.
    pub fn count(&self, outcome: &Outcome, took: Duration) {
        match outcome {
            // It was slower than another one: nobody knows what it would have said.
            Outcome::Outrun => {}
            Outcome::Failed => self.0.add(0, 1),
            Outcome::Answered(status) => {
                self.0.add(usize::from(status / 100).clamp(1, RESULTS.len() - 1), 1);
                self.0.observe(TIMES, took);
            }
        }
    }
}

/// The counts of all workers of one endpoint.
#[derive(Debug, Default)]
pub struct Tallies(Mutex<Vec<Arc<Tally>>>);

/// The sums of one endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Attempts {
    /// In the order of [`RESULTS`].
    pub results: [u64; RESULTS.len()],
    /// Microseconds to the first byte, of all that were answered.
    pub micros: u64,
}

impl Attempts {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.results.iter().sum()
    }

    /// Those that got an answer.
    pub fn answered(&self) -> u64 {
        self.results[1..].iter().sum()
    }

    /// Those that failed or were answered with 5xx.
    pub fn failures(&self) -> u64 {
        self.results[0] + self.results[RESULTS.len() - 1]
    }
}

impl Tallies {
    /// The counts of one more worker, or those that a worker has let go of. Not for the way of a request.
    pub fn join(&self) -> Arc<Tally> {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // A count that nobody but this list holds has no writer any more.
        if let Some(free) = all.iter().find(|tally| Arc::strong_count(tally) == 1) {
            return free.clone();
        }
        let tally = Arc::<Tally>::default();
        all.push(tally.clone());
        tally
    }

    /// The sums over all workers.
    pub fn attempts(&self) -> Attempts {
        let mut cells = [0; CELLS];
        for tally in &*self.0.lock().unwrap_or_else(PoisonError::into_inner) {
            tally.0.sum_into(&mut cells);
        }
        Attempts { results: std::array::from_fn(|place| cells[place]), micros: cells[CELLS - 1] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn workers_count_apart_and_are_added_up() {
        let tallies = Tallies::default();
        let (one, other) = (tallies.join(), tallies.join());
        one.count(&Outcome::Answered(200), Duration::from_millis(3));
        other.count(&Outcome::Answered(503), Duration::from_millis(1));
        other.count(&Outcome::Failed, Duration::from_secs(9));
        drop(other);
        let third = tallies.join();
        third.count(&Outcome::Answered(999), Duration::ZERO);
        let attempts = tallies.attempts();
        assert_eq!(attempts.results, [1, 0, 1, 0, 0, 2]);
        assert_eq!((attempts.total(), attempts.answered(), attempts.failures(), attempts.micros), (4, 3, 3, 4000));
        assert_eq!(tallies.0.lock().expect("whole").len(), 2, "what was let go of is used again");
    }
}
