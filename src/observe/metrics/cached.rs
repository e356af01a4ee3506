//! What the cache did, by route: cells that only routes with a cache take.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use super::cells::Cells;
use super::exposition::{Exposition, Kind};
use super::totals::Totals;
use crate::observe::{CacheFacts, CacheVerdict};

const VERDICTS: usize = CacheVerdict::ALL.len();
/// The upper bounds of ages in seconds, from a second to a month.
pub(super) const AGES: [u64; 9] = [1, 10, 60, 600, 3_600, 21_600, 86_400, 604_800, 2_592_000];
/// Pairs of a verdict and a reason that are told apart; more than the cache has, and a test of its words would notice.
pub const REASONS: usize = 64;

/// One for each verdict.
pub(super) const REQUESTS: usize = 0;
/// Octets of response bodies, one for each verdict.
const BYTES: usize = REQUESTS + VERDICTS;
/// Exchanges that waited for the fetch of another one.
const COLLAPSED: usize = BYTES + VERDICTS;
/// One for each bucket of the age, the last without a bound.
const AGE: usize = COLLAPSED + 1;
/// The sum of the ages in seconds.
const AGE_SUM: usize = AGE + AGES.len() + 1;
/// One for each reason, by its place among those that the worker has met.
const WHY: usize = AGE_SUM + 1;
/// Cells of a route on a listener.
pub(crate) const CELLS: usize = WHY + REASONS;

/// The reasons that a worker has met, each with its verdict: few, so that a short list is searched, and bounded, whatever routes there are.
pub(crate) struct Reasons([OnceLock<(CacheVerdict, &'static str)>; REASONS]);

impl Default for Reasons {
    fn default() -> Self {
        Self(std::array::from_fn(|_| OnceLock::new()))
    }
}

impl Reasons {
    /// The place of a reason; `None` where all are taken.
    fn place(&self, why: (CacheVerdict, &'static str)) -> Option<usize> {
        self.0.iter().position(|place| *place.get_or_init(|| why) == why)
    }

    /// Adds up what the cells of a route have counted, by verdict and reason.
    pub(super) fn sum_into(&self, cells: &[u64; CELLS], sums: &mut BTreeMap<Why, u64>) {
        let known = self.0.iter().map_while(OnceLock::get);
        for ((verdict, reason), count) in known.zip(&cells[WHY..]).filter(|(_, count)| **count > 0) {
            *sums.entry((verdict.label(), reason)).or_default() += count;
        }
    }
}

/// A verdict and a reason, as words.
pub(crate) type Why = (&'static str, &'static str);

/// What the cache did on one route of a listener.
#[derive(Clone, Debug)]
pub(crate) struct CacheTotals {
    pub(super) cells: [u64; CELLS],
    pub(super) reasons: BTreeMap<Why, u64>,
}

impl Default for CacheTotals {
    fn default() -> Self {
        Self { cells: [0; CELLS], reasons: BTreeMap::new() }
    }
}

/// Counts one exchange.
pub(super) fn count(cells: &Cells<CELLS>, reasons: &Reasons, facts: CacheFacts, bytes: u64) {
    let verdict = facts.verdict as usize;
    cells.add(REQUESTS + verdict, 1);
    cells.add(BYTES + verdict, bytes);
    if facts.collapsed {
        cells.add(COLLAPSED, 1);
    }
    if let Some(age) = facts.age.map(u64::from) {
        cells.add(AGE + AGES.partition_point(|bound| *bound < age), 1);
        cells.add(AGE_SUM, age);
    }
    if let Some(place) = facts.reason.and_then(|reason| reasons.place((facts.verdict, reason))) {
        cells.add(WHY + place, 1);
    }
}

/// Writes the families.
pub(super) fn render(out: &mut Exposition, totals: &Totals) {
    let routes = || totals.caches.iter().map(|((listener, route), totals)| (labels(listener, route), totals));
    for (name, first, help) in [
        ("tidegate_cache_requests_total", REQUESTS, "Exchanges on routes with a cache, by where the answer came from."),
        ("tidegate_cache_bytes_total", BYTES, "Octets of their response bodies, by where the answer came from."),
    ] {
        let mut family = out.family(name, Kind::Counter, help);
        for ([listener, route], totals) in routes() {
            for verdict in CacheVerdict::ALL {
                let labels = [listener, route, ("verdict", verdict.label())];
                family.sample(&labels, totals.cells[first + verdict as usize]);
            }
        }
    }
    let help = "Exchanges that waited for the fetch of another one.";
    let mut family = out.family("tidegate_cache_collapsed_total", Kind::Counter, help);
    for (labels, totals) in routes() {
        family.sample(&labels, totals.cells[COLLAPSED]);
    }
    let help = "How old was what came from the cache.";
    let mut family = out.family("tidegate_cache_age_seconds", Kind::Histogram, help);
    for (labels, totals) in routes() {
        let micros = |seconds: u64| seconds.saturating_mul(1_000_000);
        let bounds = AGES.iter().map(|bound| Some(micros(*bound))).chain([None]);
        let buckets = bounds.zip(totals.cells[AGE..].iter().copied());
        family.histogram(&labels, buckets, micros(totals.cells[AGE_SUM]));
    }
    let help = "Why the cache did not simply answer, or did not store.";
    let mut family = out.family("tidegate_cache_reasons_total", Kind::Counter, help);
    for ([listener, route], totals) in routes() {
        for ((verdict, reason), count) in &totals.reasons {
            family.sample(&[listener, route, ("verdict", verdict), ("reason", reason)], count);
        }
    }
}

fn labels<'a>(listener: &'a Arc<str>, route: &'a Arc<str>) -> [(&'static str, &'a str); 2] {
    [("listener", &**listener), ("route", &**route)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_age_is_in_the_bucket_that_it_is_not_above() {
        for (age, bucket) in [(0, 0), (1, 0), (2, 1), (10, 1), (61, 3), (2_592_000, 8), (2_592_001, 9), (u32::MAX, 9)] {
            let cells = Cells::<CELLS>::default();
            let facts = CacheFacts { verdict: CacheVerdict::Hit, reason: None, age: Some(age), collapsed: false };
            count(&cells, &Reasons::default(), facts, 7);
            let mut sums = [0; CELLS];
            cells.sum_into(&mut sums);
            assert_eq!((sums[AGE + bucket], sums[AGE_SUM]), (1, u64::from(age)), "{age}");
            assert_eq!((sums[REQUESTS], sums[BYTES]), (1, 7));
        }
    }
}
