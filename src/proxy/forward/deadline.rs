//! How long an exchange may take as a whole, by the route and by the client, and what upstreams are told of it.

use std::time::{Duration, Instant};

use http::{HeaderName, HeaderValue, Version};

use crate::http::sanitize::CleanRequest;
use crate::http::{Headers, grpc};
use crate::observe::Exchange;
use crate::proxy::fault::Fault;
use crate::snapshot::Route;
use crate::wire::timer::{deadline, earlier};

/// An endpoint that was told its time and gives up by itself is early by what the told time was rounded down, and by what its timer is.
const EARLY: Duration = Duration::from_millis(10);

/// When an exchange is to be over: waiting, back-offs, all attempts and both bodies included.
#[derive(Clone, Copy, Debug, Default)]
pub(in crate::proxy) struct Deadline {
    /// `None`: nobody said.
    pub(in crate::proxy) until: Option<Instant>,
    /// Whether the client said so, and nobody sooner.
    by_client: bool,
    /// Whether the client said so with `grpc-timeout`.
    grpc: bool,
}

impl Deadline {
    /// By the route's `timeout`, by the `grpc-timeout` of a call, and by the field that the route names. A client can only shorten its time.
    pub(in crate::proxy) fn of(route: &Route, request: &CleanRequest, exchange: &Exchange) -> Self {
        let ours = deadline(exchange.start, route.timeout);
        let headers = request.headers();
        let mut by_client = route.deadline_header.as_ref().and_then(|name| said(headers, name));
        // Calls come by HTTP/2 alone.
        let called = exchange.version == Version::HTTP_2 && grpc::is_call(headers);
        let timeout = if called { said(headers, &grpc::TIMEOUT) } else { None };
        if let Some(timeout) = timeout {
            by_client = Some(by_client.map_or(timeout, |said| said.min(timeout)));
        }
        let by_client = by_client.and_then(|time| exchange.start.checked_add(time));
        let until = earlier(ours, by_client);
        Self { until, by_client: until.is_some() && until != ours, grpc: timeout.is_some() }
    }

    /// That of a copy, for which nobody waits: it is told in the same way.
    pub(super) const fn of_copy(self, until: Instant) -> Self {
        Self { until: Some(until), by_client: false, grpc: self.grpc }
    }

    /// Takes off what the client said of it: each attempt has its own.
    pub(super) fn take_fields(self, route: &Route, headers: &mut Headers) {
        if let Some(name) = &route.deadline_header {
            headers.remove(name);
        }
        if self.grpc {
            headers.remove(&grpc::TIMEOUT);
        }
    }

    /// What an attempt that begins now tells its endpoint.
    pub(super) fn fields(self, route: &Route, now: impl FnOnce() -> Instant) -> Vec<(HeaderName, HeaderValue)> {
        let (asked, name) = (self.grpc, route.deadline_header.as_ref());
        let Some(until) = self.until.filter(|_| asked || name.is_some()) else { return Vec::new() };
        let left = until.saturating_duration_since(now());
        let more = (asked && name != Some(&grpc::TIMEOUT)).then_some(grpc::TIMEOUT);
        let field = |name: HeaderName| {
            let value = value(&name, left);
            (name, value)
        };
        name.cloned().into_iter().chain(more).map(field).collect()
    }

    /// Whether an endpoint that ends an attempt now without an answer does so because its time is over: it was told, and of the time that it
    /// had next to nothing is left. What breaks off sooner is another failure, however little time there was.
    pub(super) fn ends(self, route: &Route, (begun, now): (Instant, Instant)) -> bool {
        let told = self.grpc || route.deadline_header.is_some();
        self.until.is_some_and(|until| told && is_end(until, begun, now))
    }

    /// What it is when the time is over: nobody's fault where the client wanted it so.
    pub(in crate::proxy) const fn fault(self) -> Fault {
        if self.by_client { Fault::ClientDeadline } else { Fault::ExchangeTimeout }
    }

    /// Whether it is over.
    pub(in crate::proxy) fn is_over(self) -> bool {
        self.until.is_some_and(|until| until <= Instant::now())
    }
}

/// The last hundredth of a second, or of a short time the last quarter.
fn is_end(until: Instant, begun: Instant, now: Instant) -> bool {
    let had = until.saturating_duration_since(begun);
    until.saturating_duration_since(now) <= EARLY.min(had / 4)
}

/// The time that the field says, in the way of its name.
fn said(headers: &Headers, name: &HeaderName) -> Option<Duration> {
    let text = headers.text(name)?;
    if *name == grpc::TIMEOUT {
        return grpc::timeout(text);
    }
    let digits = text.len() <= 15 && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).map(Duration::from_millis)
}

/// The value that says so, in the way of the name: never more than what is left, and never nothing.
fn value(name: &HeaderName, left: Duration) -> HeaderValue {
    if *name == grpc::TIMEOUT {
        return grpc::timeout_value(left);
    }
    u64::try_from(left.as_millis()).unwrap_or(u64::MAX).max(1).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_an_endpoint_gives_up_because_of_the_time() {
        // The milliseconds that an attempt had, those after which it ended, and whether that was the end of its time.
        let cases = [
            (1000, 0, false),
            (1000, 989, false),
            (1000, 990, true),
            (1000, 1000, true),
            (1000, 1500, true),
            (20, 10, false),
            (20, 14, false),
            (20, 15, true),
            (4, 2, false),
            (4, 3, true),
            (0, 0, true),
        ];
        let begun = Instant::now();
        for (had, ended, expected) in cases {
            let at = |millis| begun + Duration::from_millis(millis);
            assert_eq!(is_end(at(had), begun, at(ended)), expected, "{ended} of {had} ms");
        }
    }

    #[test]
    fn what_a_field_says() {
        let name = HeaderName::from_static("x-deadline-ms");
        let of = |name: &HeaderName, value: &'static str| {
            said(&[(name.clone(), HeaderValue::from_static(value))].into_iter().collect(), name)
        };
        let cases = [
            ("250", Some(250)),
            ("0", Some(0)),
            ("999999999999999", Some(999_999_999_999_999)),
            ("9999999999999999", None),
            ("+5", None),
            ("1.5", None),
            ("", None),
            ("1s", None),
        ];
        for (text, expected) in cases {
            assert_eq!(of(&name, text), expected.map(Duration::from_millis), "{text}");
        }
        assert_eq!(of(&grpc::TIMEOUT, "3S"), Some(Duration::from_secs(3)));
        let left = Duration::from_micros(1_999_999);
        assert_eq!((value(&name, left), value(&name, Duration::ZERO)), (1999.into(), 1.into()));
        assert_eq!(value(&grpc::TIMEOUT, left), "1999999u");
    }
}
