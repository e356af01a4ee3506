//! How the traffic was: each second of the last five minutes, and each ten seconds of the last hour.

use std::sync::Arc;

use super::{Ring, Sample};
use crate::observe::metrics::Sums;

/// How fine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    /// A second, for five minutes.
    Second,
    /// Ten seconds, for an hour.
    TenSeconds,
}

impl Resolution {
    /// The length of a span in seconds.
    pub const fn seconds(self) -> u64 {
        match self {
            Self::Second => 1,
            Self::TenSeconds => 10,
        }
    }

    /// `1s` or `10s`.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "1s" => Some(Self::Second),
            "10s" => Some(Self::TenSeconds),
            _ => None,
        }
    }
}

/// Both resolutions.
pub struct Series {
    seconds: Ring<Sample>,
    tens: Ring<Sample>,
    second: Option<Sums>,
    ten: Option<Sums>,
}

impl Default for Series {
    fn default() -> Self {
        Self { seconds: Ring::new(300), tens: Ring::new(360), second: None, ten: None }
    }
}

impl Series {
    /// Takes the sums of this second; `time` is now in Unix seconds.
    pub(crate) fn note(&mut self, sums: Sums, names: &[Arc<str>], time: u64) {
        if let Some(before) = &self.second {
            self.seconds.push(Sample::between(before, &sums, names, time));
        }
        let due = self.ten.as_ref().map(|before| sums.at.saturating_duration_since(before.at).as_secs_f64());
        match (&self.ten, due) {
            // A tick may come some milliseconds early.
            (Some(before), Some(passed)) if passed >= 9.9 => {
                self.tens.push(Sample::between(before, &sums, names, time));
                self.ten = Some(sums.clone());
            }
            (Some(_), _) => {}
            (None, _) => self.ten = Some(sums.clone()),
        }
        self.second = Some(sums);
    }

    /// The oldest first.
    pub fn samples(&self, resolution: Resolution) -> &Ring<Sample> {
        match resolution {
            Resolution::Second => &self.seconds,
            Resolution::TenSeconds => &self.tens,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, Instant};

    use super::*;

    #[test]
    fn seconds_and_tens_of_them_agree() {
        let (start, mut series) = (Instant::now(), Series::default());
        for second in 0..=1000_u64 {
            let mut sums = Sums::at(start + Duration::from_secs(second));
            sums.classes[2] = second * 7;
            series.note(sums, &[], second);
        }
        let (seconds, tens) = (series.samples(Resolution::Second), series.samples(Resolution::TenSeconds));
        assert_eq!((seconds.len(), tens.len()), (300, 100));
        assert!(seconds.iter().chain(tens.iter()).all(|sample| sample.served.requests == 7.0));
        assert_eq!(tens.last().map(|sample| (sample.time, sample.seconds)), Some((1000, 10.0)));
    }
}
