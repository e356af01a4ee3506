//! `Date` (RFC 9110 §6.6.1), made once a second.

use std::cell::RefCell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http::HeaderValue;
use http::header::DATE;

use super::Headers;

mod loose;

pub use loose::parse_loosely;

/// The field's value for the present second; each worker has its own.
#[derive(Debug)]
pub struct DateField {
    made: RefCell<(u64, HeaderValue)>,
}

impl DateField {
    /// For the second of `now`.
    pub fn new(now: SystemTime) -> Self {
        let second = second_of(now);
        Self { made: RefCell::new((second, imf_fixdate(second))) }
    }

    /// The value at `now`.
    pub fn value(&self, now: SystemTime) -> HeaderValue {
        let second = second_of(now);
        let mut made = self.made.borrow_mut();
        if made.0 != second {
            *made = (second, imf_fixdate(second));
        }
        made.1.clone()
    }

    /// Adds `Date` where an origin without a clock sent none. Only then the time is asked for.
    pub fn fill(&self, headers: &mut Headers, now: impl FnOnce() -> SystemTime) {
        if !headers.contains(&DATE) {
            headers.append(DATE, self.value(now()));
        }
    }
}

fn second_of(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// A time in seconds since 1970 in the one form that may be sent (RFC 9110 §5.6.7).
pub fn imf_fixdate(second: u64) -> HeaderValue {
    // The form ends with the year 9999.
    const LAST: u64 = 253_402_300_799;
    let time = UNIX_EPOCH + Duration::from_secs(second.min(LAST));
    HeaderValue::from_maybe_shared(Bytes::from(httpdate::fmt_http_date(time))).expect("a date is visible ASCII")
}

/// A date in any of the three forms, in seconds since 1970; `None` where it is none, which a recipient ignores.
pub fn parse(date: &HeaderValue) -> Option<u64> {
    httpdate::parse_http_date(date.to_str().ok()?.trim()).ok().map(second_of)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_changes_with_the_second_only() {
        let at = |millis| UNIX_EPOCH + Duration::from_millis(millis);
        let field = DateField::new(at(784_111_777_000));
        let first = field.value(at(784_111_777_999));
        assert_eq!(first, "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(field.value(at(784_111_777_001)).as_bytes().as_ptr(), first.as_bytes().as_ptr());
        assert_eq!(field.value(at(784_111_778_000)), "Sun, 06 Nov 1994 08:49:38 GMT");
    }

    #[test]
    fn an_origins_date_stays() {
        let field = DateField::new(UNIX_EPOCH);
        let mut headers = Headers::new();
        field.fill(&mut headers, || UNIX_EPOCH);
        field.fill(&mut headers, || unreachable!("there is one"));
        assert_eq!((headers.len(), headers.text(&DATE)), (1, Some("Thu, 01 Jan 1970 00:00:00 GMT")));
    }

    #[test]
    fn three_forms() {
        for (text, want) in [
            ("Sun, 06 Nov 1994 08:49:37 GMT", Some(784_111_777)),
            ("Sunday, 06-Nov-94 08:49:37 GMT", Some(784_111_777)),
            ("Sun Nov  6 08:49:37 1994", Some(784_111_777)),
            ("0", None),
            ("Sun, 06 Nov 1994 08:49:37 +0100", None),
            ("", None),
        ] {
            assert_eq!(parse(&HeaderValue::from_static(text)), want, "{text}");
        }
        assert_eq!(imf_fixdate(u64::MAX), "Fri, 31 Dec 9999 23:59:59 GMT");
    }
}
