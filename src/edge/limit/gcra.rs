//! The generic cell rate algorithm (ITU-T I.371): a bucket that leaks, in one number.
//!
//! What is remembered of a key is the time at which its bucket is full again, its *theoretical arrival time*. A request moves it on by one
//! interval; where that would put it further ahead than the burst allows, the request does not conform. Times are ticks, of which an interval has
//! [`TICKS`]: so every rate is exact, and a time fits in few bits.

use std::time::Duration;

/// Ticks of one interval between two requests at the rate.
pub const TICKS: u64 = 1 << 10;

/// The largest burst. It bounds how far ahead a time can be, which [`super::table`] builds upon.
pub const MAX_BURST: u32 = 1 << 20;

/// So many requests in such a time, and so many at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Requests in `period`; at least 1.
    pub requests: u32,
    /// In nanoseconds; at least 1.
    pub period: u64,
    /// Requests at once; at least 1 and at most [`MAX_BURST`].
    pub burst: u32,
}

/// Where a key stands after a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Requests that may follow at once.
    pub remaining: u32,
    /// Ticks until the bucket is full again, or, where the request did not conform, until the next one may come.
    pub after: u64,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It conforms; the key's time is this from now on.
    Conforms {
        /// In ticks.
        time: u64,
        /// What is left.
        standing: Standing,
    },
    /// It is one too many; nothing changes.
    Exceeds(Standing),
}

impl Quota {
    /// That long since the begin of all times, in ticks. The clock of 64 bits runs for 580 years, and the product fits in 128.
    pub fn ticks(&self, since: Duration) -> u64 {
        let ticks = since.as_nanos() * u128::from(TICKS) * u128::from(self.requests) / u128::from(self.period);
        u64::try_from(ticks).unwrap_or(u64::MAX)
    }

    /// Ticks as seconds, rounded up: for fields that know nothing finer.
    pub fn seconds(&self, ticks: u64) -> u32 {
        let nanos = u128::from(ticks) * u128::from(self.period);
        let seconds = nanos.div_ceil(u128::from(TICKS) * u128::from(self.requests) * 1_000_000_000);
        u32::try_from(seconds).unwrap_or(u32::MAX)
    }

    /// Decides about a request. `time` is the key's; one that has passed, or none, is a full bucket.
    pub fn decide(&self, time: Option<u64>, now: u64) -> Verdict {
        let time = time.map_or(now, |time| time.max(now));
        let (next, most) = (time.saturating_add(TICKS), u64::from(self.burst) * TICKS);
        if next - now > most {
            return Verdict::Exceeds(Standing { remaining: 0, after: next - now - most });
        }
        let remaining = u32::try_from((most - (next - now)) / TICKS).unwrap_or(u32::MAX);
        Verdict::Conforms { time: next, standing: Standing { remaining, after: next - now } }
    }

    /// The time in which an empty bucket fills, in whole seconds and at least one.
    pub fn window(&self) -> u32 {
        self.seconds(u64::from(self.burst) * TICKS).max(1)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    /// A bucket in fractions of a request, exact: tokens are counted in units of 1 / `period` of a request.
    struct Bucket {
        quota: Quota,
        tokens: u128,
        last: u64,
    }

    impl Bucket {
        fn take(&mut self, now: u64) -> bool {
            let Quota { requests, period, burst } = self.quota;
            let full = u128::from(burst) * u128::from(period);
            self.tokens = (self.tokens + u128::from(now - self.last) * u128::from(requests)).min(full);
            self.last = now;
            let enough = self.tokens >= u128::from(period);
            if enough {
                self.tokens -= u128::from(period);
            }
            enough
        }
    }

    fn take(quota: &Quota, time: &mut Option<u64>, nanos: u64) -> Result<Standing, Standing> {
        match quota.decide(*time, quota.ticks(Duration::from_nanos(nanos))) {
            Verdict::Conforms { time: next, standing } => {
                *time = Some(next);
                Ok(standing)
            }
            Verdict::Exceeds(standing) => Err(standing),
        }
    }

    #[test]
    fn ten_a_second_three_at_once() {
        let quota = Quota { requests: 10, period: SECOND, burst: 3 };
        let mut time = None;
        let ms = SECOND / 1000;
        for (at, want) in [
            (0, Ok((2, 1))),
            (0, Ok((1, 1))),
            (0, Ok((0, 1))),
            (0, Err(1)),
            (99 * ms, Err(1)),
            (100 * ms, Ok((0, 1))),
            (100 * ms, Err(1)),
            (350 * ms, Ok((1, 1))),
            (10_000 * ms, Ok((2, 1))),
        ] {
            let found = take(&quota, &mut time, at);
            let found = found
                .map(|standing| (standing.remaining, quota.seconds(standing.after)))
                .map_err(|standing| quota.seconds(standing.after));
            assert_eq!(found, want, "{at}");
        }
    }

    #[test]
    fn seconds_are_rounded_up() {
        let quota = Quota { requests: 6, period: 60 * SECOND, burst: 6 };
        let mut time = None;
        for _ in 0..6 {
            assert!(take(&quota, &mut time, 0).is_ok());
        }
        assert_eq!(take(&quota, &mut time, 0).map_err(|standing| quota.seconds(standing.after)), Err(10));
        assert_eq!(take(&quota, &mut time, SECOND / 2).map_err(|standing| quota.seconds(standing.after)), Err(10));
        assert_eq!(
            take(&quota, &mut time, 9 * SECOND + SECOND / 10).map_err(|standing| quota.seconds(standing.after)),
            Err(1)
        );
        assert_eq!(quota.window(), 60);
        assert_eq!(Quota { requests: 100, period: SECOND, burst: 1 }.window(), 1);
    }

    fn any_quota() -> impl Strategy<Value = Quota> {
        let period = prop_oneof![Just(SECOND), Just(60 * SECOND), Just(86_400 * SECOND), 1_000_000..3600 * SECOND];
        (1_u32..1_000_000, period, 1_u32..50).prop_map(|(requests, period, burst)| Quota { requests, period, burst })
    }

    proptest! {
        /// As an exact bucket decides, but for the part of a tick to which a time is cut.
        #[test]
        fn as_an_exact_bucket_decides(quota in any_quota(), steps in proptest::collection::vec((0_u64..4000, any::<bool>()), 1..200)) {
            let interval = quota.period / u64::from(quota.requests);
            let mut time = None;
            let (mut now, mut passed, mut denied) = (0_u64, Vec::new(), 0);
            let full = u128::from(quota.burst) * u128::from(quota.period);
            let mut exact = Bucket { quota, tokens: full, last: 0 };
            for (thousandths, idle) in steps {
                now += interval / 1000 * thousandths * if idle { 1 } else { 0 } + 1;
                let found = take(&quota, &mut time, now).is_ok();
                let close = {
                    // Within two ticks of the border either answer is right.
                    let have = exact.tokens + u128::from(now - exact.last) * u128::from(quota.requests);
                    have.min(full).abs_diff(u128::from(quota.period)) <= u128::from(quota.period) * 2 / u128::from(TICKS) + u128::from(quota.requests)
                };
                if close {
                    // Go on from where the other is.
                    if found { exact.take(now); exact.tokens = exact.tokens.min(u128::from(quota.period) / 500); } else { exact.take(exact.last); }
                } else {
                    prop_assert_eq!(exact.take(now), found, "at {}", now);
                }
                if found { passed.push(now) } else { denied += 1 }
            }
            // Whatever the steps were: never more in any stretch of time than the burst and what the rate gives in it.
            for (from, first) in passed.iter().enumerate() {
                for (to, last) in passed.iter().enumerate().skip(from) {
                    let most = u128::from(quota.burst)
                        + (u128::from(last - first) * u128::from(quota.requests)).div_ceil(u128::from(quota.period)) + 1;
                    prop_assert!((to - from + 1) as u128 <= most, "{} of {} in {}", to - from + 1, most, last - first);
                }
            }
            prop_assert!(denied == 0 || passed.len() >= quota.burst as usize);
        }
    }
}
