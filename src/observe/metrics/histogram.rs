//! Quantiles from the buckets of a histogram.

use super::cells::{BUCKETS, bound};

/// The value, in microseconds, below which that share of the counts lies; evenly spread within a bucket. `None` where nothing
/// was counted.
pub(crate) fn quantile(buckets: &[u64; BUCKETS], share: f64) -> Option<f64> {
    let total: u64 = buckets.iter().sum();
    if total == 0 {
        return None;
    }
    let wanted = share * total as f64;
    let mut below = 0.0;
    for (bucket, count) in buckets.iter().enumerate().filter(|(_, count)| **count > 0) {
        let count = *count as f64;
        if below + count >= wanted {
            let low = bucket.checked_sub(1).and_then(bound).unwrap_or(0) as f64;
            // What is longer than the last bound is said to be that long.
            let high = bound(bucket).map_or(low, |bound| bound as f64);
            return Some(low + (high - low) * ((wanted - below) / count).clamp(0.0, 1.0));
        }
        below += count;
    }
    bound(BUCKETS - 2).map(|bound| bound as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_in_their_bucket() {
        let mut buckets = [0; BUCKETS];
        assert_eq!(quantile(&buckets, 0.5), None);
        buckets[0] = 90; // up to 250
        buckets[3] = 10; // 1000 to 2000
        assert_eq!(quantile(&buckets, 0.45), Some(125.0));
        assert_eq!(quantile(&buckets, 0.9), Some(250.0));
        assert_eq!(quantile(&buckets, 0.95), Some(1500.0));
        assert_eq!(quantile(&buckets, 1.0), Some(2000.0));
        let mut endless = [0; BUCKETS];
        endless[BUCKETS - 1] = 1;
        assert_eq!(quantile(&endless, 0.5), Some(65_536_000.0));
    }
}
