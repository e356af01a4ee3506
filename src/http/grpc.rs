//! gRPC, as far as a proxy has to know it: which requests are calls, how long they may take, and how a failure is told
//! (gRPC over HTTP2, <https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md>).

use std::time::Duration;

use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, StatusCode};

use super::Headers;

/// How long the client waits for a call.
pub const TIMEOUT: HeaderName = HeaderName::from_static("grpc-timeout");
/// How a call ended.
pub const STATUS: HeaderName = HeaderName::from_static("grpc-status");
/// The same for people.
pub const MESSAGE: HeaderName = HeaderName::from_static("grpc-message");
/// The content type of a call.
pub const CALL: &str = "application/grpc";

/// The most that the value of `grpc-timeout` can say of one unit: eight digits.
const MOST: u128 = 99_999_999;
/// Units from the finest one on, with their nanoseconds.
const UNITS: [(char, u128); 6] =
    [('n', 1), ('u', 1_000), ('m', 1_000_000), ('S', 1_000_000_000), ('M', 60_000_000_000), ('H', 3_600_000_000_000)];

/// Whether a request is a call. gRPC-Web is another protocol, which says its status elsewhere.
pub fn is_call(headers: &Headers) -> bool {
    let rest = headers.text(&CONTENT_TYPE).and_then(|kind| kind.strip_prefix(CALL));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['+', ';']))
}

/// What a `grpc-timeout` says: up to eight digits and a unit.
pub fn timeout(text: &str) -> Option<Duration> {
    let unit = text.chars().next_back()?;
    let (_, nanos) = UNITS.iter().find(|(one, _)| *one == unit)?;
    let digits = &text[..text.len() - unit.len_utf8()];
    if digits.is_empty() || digits.len() > 8 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let nanos = digits.parse::<u128>().ok()? * nanos;
    Some(Duration::new(u64::try_from(nanos / 1_000_000_000).ok()?, (nanos % 1_000_000_000) as u32))
}

/// The `grpc-timeout` that says so: never more than that, and never nothing, which is not allowed.
pub fn timeout_value(left: Duration) -> HeaderValue {
    let nanos = left.as_nanos().max(1);
    let fits = UNITS.iter().find(|(_, unit)| nanos / unit <= MOST);
    let (unit, count) = fits.map_or(('H', MOST), |(name, unit)| (*name, nanos / unit));
    HeaderValue::try_from(format!("{count}{unit}")).unwrap_or(HeaderValue::from_static("1n"))
}

/// The status of a call that ended with that status of HTTP
/// (<https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md>), and what says more in gRPC.
pub fn status(status: StatusCode) -> u8 {
    match status.as_u16() {
        400 => 13,             // INTERNAL
        401 => 16,             // UNAUTHENTICATED
        403 => 7,              // PERMISSION_DENIED
        404 => 12,             // UNIMPLEMENTED
        504 => 4,              // DEADLINE_EXCEEDED
        413 | 414 | 431 => 8,  // RESOURCE_EXHAUSTED
        429 | 502 | 503 => 14, // UNAVAILABLE
        _ => 2,                // UNKNOWN
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_by_their_content_type() {
        let cases = [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("application/grpc;charset=utf-8", true),
            ("application/grpc-web", false),
            ("application/json", false),
        ];
        for (kind, expected) in cases {
            let headers: Headers = [(CONTENT_TYPE, HeaderValue::from_static(kind))].into_iter().collect();
            assert_eq!(is_call(&headers), expected, "{kind}");
        }
        assert!(!is_call(&Headers::default()));
    }

    #[test]
    fn timeouts_are_read() {
        let nanos = Duration::from_nanos;
        let cases = [
            ("250m", Some(nanos(250_000_000))),
            ("1S", Some(nanos(1_000_000_000))),
            ("2M", Some(Duration::from_secs(120))),
            ("99999999H", Some(Duration::from_secs(99_999_999 * 3600))),
            ("0n", Some(Duration::ZERO)),
            ("7u", Some(nanos(7_000))),
            ("", None),
            ("m", None),
            ("5", None),
            ("123456789m", None),
            ("-1S", None),
            ("1 S", None),
            ("1s", None),
            ("1é", None),
        ];
        for (text, expected) in cases {
            assert_eq!(timeout(text), expected, "{text}");
        }
    }

    #[test]
    fn timeouts_are_written_as_fine_as_they_fit_and_never_longer() {
        let cases = [
            (Duration::ZERO, "1n"),
            (Duration::from_nanos(99_999_999), "99999999n"),
            (Duration::from_nanos(100_000_001), "100000u"),
            (Duration::from_millis(250), "250000u"),
            (Duration::from_secs(60), "60000000u"),
            (Duration::from_secs(3600), "3600000m"),
            (Duration::MAX, "99999999H"),
        ];
        for (left, expected) in cases {
            assert_eq!(timeout_value(left), expected);
            let read = timeout(expected).expect("a timeout");
            assert!(read <= left.max(Duration::from_nanos(1)), "{expected}");
        }
    }

    #[test]
    fn statuses() {
        let of = |code: u16| status(StatusCode::from_u16(code).expect("a status"));
        assert_eq!([504, 503, 502, 429, 404, 403, 401, 400, 413, 408].map(of), [4, 14, 14, 14, 12, 7, 16, 13, 8, 2]);
    }
}
