//! Dates as a cache may read them (RFC 9111 §4.2, §5.3): letters in any case, a weekday that is not the day's own; nothing else is forgiven.

use http::HeaderValue;

const MONTHS: [&[u8]; 12] =
    [b"jan", b"feb", b"mar", b"apr", b"may", b"jun", b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"];
const DAYS: [&[u8]; 7] = [b"monday", b"tuesday", b"wednesday", b"thursday", b"friday", b"saturday", b"sunday"];
const SECONDS_PER_DAY: u64 = 86_400;

/// A date in any of the three forms of RFC 9110 §5.6.7, in seconds since 1970.
pub fn parse_loosely(date: &HeaderValue) -> Option<u64> {
    let mut room = [0_u8; LONGEST];
    let given = date.as_bytes().trim_ascii();
    let text = room.get_mut(..given.len())?;
    text.copy_from_slice(given);
    text.make_ascii_lowercase();
    let mut parts = text.splitn(2, |byte| *byte == b' ');
    let (day, rest) = (parts.next()?, parts.next()?);
    match day.strip_suffix(b",") {
        Some(day) if short(day) => imf(rest),
        Some(day) if DAYS.contains(&day) => rfc850(rest),
        None if short(day) => asctime(rest),
        _ => None,
    }
}

/// `Wednesday, 06-Nov-94 08:49:37 GMT`
const LONGEST: usize = 33;

fn short(day: &[u8]) -> bool {
    DAYS.iter().any(|name| name[..3] == *day)
}

/// `06 nov 1994 08:49:37 gmt`
fn imf(text: &[u8]) -> Option<u64> {
    let text: &[u8; 24] = text.try_into().ok()?;
    let blanks = text[2] == b' ' && text[6] == b' ' && text[11] == b' ';
    let day = Day { day: number(&text[..2])?, month: month(&text[3..6])?, year: number(&text[7..11])? };
    (blanks && text[20..] == *b" gmt").then(|| day.at(&text[12..20])).flatten()
}

/// `06-nov-94 08:49:37 gmt`; the century is that of 1970 to 2069.
fn rfc850(text: &[u8]) -> Option<u64> {
    let text: &[u8; 22] = text.try_into().ok()?;
    let marks = text[2] == b'-' && text[6] == b'-' && text[9] == b' ';
    let year: u64 = number(&text[7..9])?;
    let year = if year < 70 { 2000 + year } else { 1900 + year };
    let day = Day { day: number(&text[..2])?, month: month(&text[3..6])?, year };
    (marks && text[18..] == *b" gmt").then(|| day.at(&text[10..18])).flatten()
}

/// `nov  6 08:49:37 1994`
fn asctime(text: &[u8]) -> Option<u64> {
    let text: &[u8; 20] = text.try_into().ok()?;
    let blanks = text[3] == b' ' && text[6] == b' ' && text[15] == b' ';
    let day = if text[4] == b' ' { &text[5..6] } else { &text[4..6] };
    let day = Day { day: number(day)?, month: month(&text[..3])?, year: number(&text[16..])? };
    blanks.then(|| day.at(&text[7..15])).flatten()
}

fn number(digits: &[u8]) -> Option<u64> {
    let valid = digits.iter().all(u8::is_ascii_digit);
    valid.then(|| digits.iter().fold(0, |sum, digit| sum * 10 + u64::from(digit - b'0')))
}

/// From 0.
fn month(name: &[u8]) -> Option<usize> {
    MONTHS.iter().position(|month| *month == name)
}

struct Day {
    day: u64,
    month: usize,
    year: u64,
}

impl Day {
    /// The second of `08:49:37` on this day, where there is such a day since 1970.
    fn at(&self, time: &[u8]) -> Option<u64> {
        let leap = self.year.is_multiple_of(4) && !self.year.is_multiple_of(100) || self.year.is_multiple_of(400);
        let february = if leap { 29 } else { 28 };
        let lengths = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        if self.year < 1970 || self.day == 0 || self.day > lengths[self.month] {
            return None;
        }
        // Leap days of the years before this one.
        let leap_days = |year: u64| year / 4 - year / 100 + year / 400;
        let years = (self.year - 1970) * 365 + leap_days(self.year - 1) - leap_days(1969);
        let days = years + lengths[..self.month].iter().sum::<u64>() + self.day - 1;
        Some(days * SECONDS_PER_DAY + second_of_day(time)?)
    }
}

/// A leap second is allowed.
fn second_of_day(time: &[u8]) -> Option<u64> {
    let (hour, minute, second) = (number(&time[..2])?, number(&time[3..5])?, number(&time[6..])?);
    let valid = time[2] == b':' && time[5] == b':' && hour < 24 && minute < 60 && second <= 60;
    valid.then_some(hour * 3600 + minute * 60 + second)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_forms_and_no_other() {
        for (text, want) in [
            ("THU, 18 Aug 2050 02:01:18 GMT", Some(2_544_400_878)),
            ("Thu, 18 AUG 2050 02:01:18 gMT", Some(2_544_400_878)),
            ("thursday, 18-aug-50 02:01:18 gmt", Some(2_544_400_878)),
            ("Thu Aug 18 02:01:18 2050", Some(2_544_400_878)),
            ("Thu Aug  8 02:01:18 2050", Some(2_543_536_878)),
            ("Mon, 18 Aug 2050 02:01:18 GMT", Some(2_544_400_878)),
            ("Tue, 29 Feb 2028 23:59:60 GMT", Some(1_835_481_600)),
            ("Thu, 01 Jan 1970 00:00:00 GMT", Some(0)),
            ("Fri, 31 Dec 9999 23:59:59 GMT", Some(253_402_300_799)),
            ("Wednesday, 31-Dec-69 23:59:59 GMT", Some(3_155_759_999)),
            ("Thursday, 01-Jan-70 00:00:00 GMT", Some(0)),
            ("Wed, 31 Dec 1969 23:59:59 GMT", None),
            ("Wed, 29 Feb 2050 00:00:00 GMT", None),
            ("Wed, 31 Apr 2050 00:00:00 GMT", None),
            ("Wed, 00 Apr 2050 00:00:00 GMT", None),
            ("Thu, 18 Aug 2050 24:01:18 GMT", None),
            ("Thu, 18 Aug 2050 02:60:18 GMT", None),
            ("Thu, 18 Aug 2050 02:01:61 GMT", None),
            ("Xxx, 18 Aug 2050 02:01:18 GMT", None),
            ("Thu, 18 Xxx 2050 02:01:18 GMT", None),
            ("Thu, 18 Aug 2050 02:01:18 GMT ", Some(2_544_400_878)),
            ("Thu, 18 Aug 2050 02:01:18", None),
            ("Thu, +8 Aug 2050 02:01:18 GMT", None),
            ("Thu Aug 18  2:01:18 2050", None),
            ("0", None),
            ("-1", None),
            ("Thu, 18 Aug 2050 02:01:18 UTC", None),
            ("Thu, 18 Aug 2050 02:01:18 AEST", None),
            ("Thu, 18 Aug 50 02:01:18 GMT", None),
            ("Thu 18 Aug 2050 02:01:18 GMT", None),
            ("Thu, 18  Aug  2050 02:01:18 GMT", None),
            ("Thu, 18-Aug-2050 02:01:18 GMT", None),
            ("Thu, 18 Aug 2050 02.01.18 GMT", None),
            ("Thu, 18 Aug 2050 2:01:18 GMT", None),
            ("Thu, 18 Aug 2050 02:01:18 GMT and more than fits", None),
            ("", None),
        ] {
            assert_eq!(parse_loosely(&HeaderValue::from_static(text)), want, "{text}");
        }
    }

    #[test]
    fn it_reads_what_is_written() {
        for second in (0..253_402_300_799_u64).step_by(987_654_321) {
            assert_eq!(parse_loosely(&super::super::imf_fixdate(second)), Some(second));
        }
    }
}
