//! Time stamps as logs write them, made once a second and not once a line.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const MONTHS: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// How long the difference between the two clocks is believed: a step of the system's clock shows after this.
const TRUSTED: Duration = Duration::from_secs(1);

/// Turns monotonic instants into wall-clock text. It asks the system's clock once a second.
#[derive(Clone, Debug)]
pub(crate) struct Clock {
    base: Option<(Instant, Duration)>,
    second: u64,
    rfc3339: [u8; 24],
    clf: [u8; 26],
}

impl Clock {
    pub(crate) fn new() -> Self {
        Self {
            base: None,
            second: u64::MAX,
            rfc3339: *b"0000-00-00T00:00:00.000Z",
            clf: *b"00/Jan/0000:00:00:00 +0000",
        }
    }

    /// Moves to an instant that is about now.
    pub(crate) fn set(&mut self, now: Instant) {
        let (base, wall) = match self.base {
            Some((base, wall)) if now.saturating_duration_since(base) < TRUSTED => (base, wall),
            _ => (now, SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()),
        };
        self.base = Some((base, wall));
        self.set_wall(wall + now.saturating_duration_since(base));
    }

    fn set_wall(&mut self, wall: Duration) {
        if self.second != wall.as_secs() {
            self.second = wall.as_secs();
            self.set_second(wall.as_secs());
        }
        let millis = wall.subsec_millis();
        digits(&mut self.rfc3339[20..23], millis);
    }

    fn set_second(&mut self, unix: u64) {
        let (year, month, day) = civil(unix / 86_400);
        let clock = (unix % 86_400) as u32;
        let (hour, minute, second) = (clock / 3_600, clock / 60 % 60, clock % 60);
        for (place, value) in
            [(0..4, year), (5..7, month), (8..10, day), (11..13, hour), (14..16, minute), (17..19, second)]
        {
            digits(&mut self.rfc3339[place], value);
        }
        for (place, value) in [(0..2, day), (7..11, year), (12..14, hour), (15..17, minute), (18..20, second)] {
            digits(&mut self.clf[place], value);
        }
        self.clf[3..6].copy_from_slice(MONTHS[month as usize - 1]);
    }

    /// RFC 3339 in UTC with milliseconds: `2026-11-23T15:04:05.678Z`.
    pub(crate) fn rfc3339(&self) -> &[u8] {
        &self.rfc3339
    }

    /// As the Common Log Format has it, in UTC: `23/Nov/2026:15:04:05 +0000`.
    pub(crate) fn clf(&self) -> &[u8] {
        &self.clf
    }
}

/// A moment in RFC 3339, UTC, with milliseconds.
pub fn rfc3339(at: SystemTime) -> String {
    let mut clock = Clock::new();
    clock.set_wall(at.duration_since(UNIX_EPOCH).unwrap_or_default());
    String::from_utf8_lossy(clock.rfc3339()).into_owned()
}

fn digits(place: &mut [u8], mut value: u32) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (value % 10) as u8;
        value /= 10;
    }
}

/// Year, month and day of a day since 1970-01-01. Days are counted from the first of March, so that the leap day is the
/// last of its year (Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn civil(days: u64) -> (u32, u32, u32) {
    let days = days + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year as u32, month as u32, day as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_and_their_texts() {
        let cases = [
            (0, "1970-01-01T00:00:00.000Z", "01/Jan/1970:00:00:00 +0000"),
            (951_782_399_999, "2000-02-28T23:59:59.999Z", "28/Feb/2000:23:59:59 +0000"),
            (951_782_400_001, "2000-02-29T00:00:00.001Z", "29/Feb/2000:00:00:00 +0000"),
            (1_795_446_245_678, "2026-11-23T15:04:05.678Z", "23/Nov/2026:15:04:05 +0000"),
            (4_107_542_400_000, "2100-03-01T00:00:00.000Z", "01/Mar/2100:00:00:00 +0000"),
        ];
        let mut clock = Clock::new();
        for (millis, rfc3339, clf) in cases {
            clock.set_wall(Duration::from_millis(millis));
            assert_eq!(std::str::from_utf8(clock.rfc3339()), Ok(rfc3339));
            assert_eq!(std::str::from_utf8(clock.clf()), Ok(clf));
        }
    }

    #[test]
    fn every_day_is_what_httpdate_says() {
        for day in (0..40_000).step_by(7) {
            let at = UNIX_EPOCH + Duration::from_secs(day * 86_400 + 3_661);
            let http = httpdate::fmt_http_date(at);
            let ours = rfc3339(at);
            let expected: Vec<_> = http.split(' ').collect();
            assert_eq!((&ours[0..4], &ours[8..10]), (expected[3], expected[1]), "{http}");
            assert_eq!(&ours[11..19], expected[4]);
        }
    }

    #[test]
    fn an_instant_is_the_time_of_day() {
        let mut clock = Clock::new();
        clock.set(Instant::now());
        let now = rfc3339(SystemTime::now());
        assert_eq!(clock.rfc3339()[..15], now.as_bytes()[..15], "the same ten minutes");
    }
}
