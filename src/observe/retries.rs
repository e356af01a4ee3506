//! Why an exchange was tried again, and why not: words for the access log and the metrics. Who decides is `upstream::retry`.

use std::fmt;

/// Why an attempt was followed by another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Cause {
    /// No connection to the endpoint: the request has not left.
    Connect,
    /// The connection from the pool had gone stale.
    Stale,
    /// The endpoint says that it did not look at the request (HTTP/2: REFUSED_STREAM, GOAWAY).
    Unprocessed,
    /// The connection or the stream ended before a response.
    Reset,
    /// No response within `try_timeout`.
    Timeout,
    /// The response was 502.
    Status502,
    /// The response was 503.
    Status503,
    /// The response was 504.
    Status504,
    /// Nothing failed: the first attempt was slow, and a second one was sent beside it.
    Hedge,
}

impl Cause {
    pub(crate) const ALL: [Self; 9] = [
        Self::Connect,
        Self::Stale,
        Self::Unprocessed,
        Self::Reset,
        Self::Timeout,
        Self::Status502,
        Self::Status503,
        Self::Status504,
        Self::Hedge,
    ];

    /// The word in logs, metrics and docs.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Stale => "stale",
            Self::Unprocessed => "unprocessed",
            Self::Reset => "reset",
            Self::Timeout => "timeout",
            Self::Status502 => "502",
            Self::Status503 => "503",
            Self::Status504 => "504",
            Self::Hedge => "hedge",
        }
    }
}

/// Why an attempt that failed for a cause that is retried was not followed by another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum NotRetried {
    /// The endpoint may have acted on the request, and to do so twice may not be the same as once.
    Method,
    /// The body was sent, and was too large to keep.
    Body,
    /// `max_attempts` were made.
    Attempts,
    /// No endpoint is left that was not tried.
    Endpoint,
    /// The budget of the upstream is used up.
    Budget,
    /// The time of the exchange would be over.
    Deadline,
}

impl NotRetried {
    pub(crate) const ALL: [Self; 6] =
        [Self::Method, Self::Body, Self::Attempts, Self::Endpoint, Self::Budget, Self::Deadline];

    /// The word in logs, metrics and docs.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Method => "method",
            Self::Body => "body",
            Self::Attempts => "attempts",
            Self::Endpoint => "endpoint",
            Self::Budget => "budget",
            Self::Deadline => "deadline",
        }
    }
}

/// The causes of the attempts after the first one, in order. As many as fit; there are rarely more than two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Causes {
    list: [Option<Cause>; 7],
}

impl Causes {
    /// Notes one more.
    pub fn push(&mut self, cause: Cause) {
        if let Some(free) = self.list.iter_mut().find(|place| place.is_none()) {
            *free = Some(cause);
        }
    }

    /// In order.
    pub fn iter(&self) -> impl Iterator<Item = Cause> {
        self.list.iter().map_while(|cause| *cause)
    }

    /// Whether there was no attempt after the first one.
    pub fn is_empty(&self) -> bool {
        self.list[0].is_none()
    }
}

impl fmt::Display for Causes {
    /// `connect,503`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, cause) in self.iter().enumerate() {
            f.write_str(if place > 0 { "," } else { "" })?;
            f.write_str(cause.label())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_in_order_and_as_many_as_fit() {
        let mut causes = Causes::default();
        assert!(causes.is_empty() && causes.to_string().is_empty());
        causes.push(Cause::Connect);
        causes.push(Cause::Status503);
        assert_eq!(causes.to_string(), "connect,503");
        (0..20).for_each(|_| causes.push(Cause::Reset));
        assert_eq!(causes.iter().count(), 7);
        assert_eq!(size_of::<Causes>(), 7);
    }

    #[test]
    fn places_are_those_of_the_lists() {
        assert!(Cause::ALL.iter().enumerate().all(|(place, cause)| *cause as usize == place));
        assert!(NotRetried::ALL.iter().enumerate().all(|(place, why)| *why as usize == place));
    }
}
