//! What a config says about releases: who goes to the new version, who sees what goes wrong on purpose, and what is only tried.

use std::time::Duration;

use http::{HeaderName, StatusCode};
use regex::Regex;

use super::{HashOn, SameSite};

/// What a value must be.
#[derive(Clone)]
pub enum ValueMatch {
    /// Anything, as long as it is there.
    Any,
    /// Exactly this.
    Exact(String),
    /// Not there at all.
    Absent,
    /// A text in which the expression finds something; linear time, not anchored.
    Regex(Regex),
}

/// What must be there may be what somebody proves himself with.
impl std::fmt::Debug for ValueMatch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Any => "Any",
            Self::Exact(_) => "Exact(..)",
            Self::Absent => "Absent",
            Self::Regex(_) => "Regex(..)",
        })
    }
}

impl ValueMatch {
    /// Whether it holds of the values that a request has under one name; where there are several, one suffices.
    pub fn holds<'a>(&self, mut values: impl Iterator<Item = &'a [u8]>) -> bool {
        match self {
            Self::Any => values.next().is_some(),
            Self::Absent => values.next().is_none(),
            Self::Exact(wanted) => values.any(|value| value == wanted.as_bytes()),
            Self::Regex(regex) => {
                values.any(|value| std::str::from_utf8(value).is_ok_and(|value| regex.is_match(value)))
            }
        }
    }

    /// As a person writes it, in short: `*`, the value itself, `!` for none, `~` before an expression.
    pub fn shown(&self) -> String {
        match self {
            Self::Any => "*".to_owned(),
            Self::Exact(text) => text.clone(),
            Self::Absent => "!".to_owned(),
            Self::Regex(regex) => format!("~{regex}"),
        }
    }
}

/// Two expressions are the same where they are written the same.
impl PartialEq for ValueMatch {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Any, Self::Any) | (Self::Absent, Self::Absent) => true,
            (Self::Exact(one), Self::Exact(other)) => one == other,
            (Self::Regex(one), Self::Regex(other)) => one.as_str() == other.as_str(),
            _ => false,
        }
    }
}

impl Eq for ValueMatch {}

/// `split`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// Places in [`Model::upstreams`](super::Model::upstreams) and their weights, at least one above 0
    pub arms: Vec<(usize, u32)>,
    /// `split_on`: the same key goes to the same arm; none: by chance
    pub sticky: Option<HashOn>,
    /// `split_cookie`: each client has a place of its own, and keeps it; never beside `sticky`
    pub cookie: Option<SplitCookie>,
}

/// `split_cookie`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SplitCookie {
    /// `name`
    pub name: String,
    /// `max_age`, default 30 d; none: until the client ends its session
    pub max_age: Option<Duration>,
    /// `same_site`, default lax
    pub same_site: SameSite,
}

/// A part of all: 0 is none, 1 is all.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Share(pub f64);

impl Share {
    /// Whether one is in it; `random` is any number, evenly distributed.
    pub fn takes(self, random: u64) -> bool {
        // The upper 53 bits, which a float holds exactly.
        ((random >> 11) as f64) < self.0 * (1_u64 << 53) as f64
    }
}

impl std::fmt::Display for Share {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Ten-thousandths of a percent are the finest that can be written.
        write!(f, "{}%", (self.0 * 1_000_000.0).round() / 10_000.0)
    }
}

/// `mirror`
#[derive(Clone, Debug, PartialEq)]
pub struct Mirror {
    /// `upstream`, as a place in [`Model::upstreams`](super::Model::upstreams)
    pub upstream: usize,
    /// `share`, default all: of the requests that go upstream
    pub share: Share,
    /// `max_requests`, default 100: copies under way, in the process
    pub max_requests: usize,
    /// `max_body`, default 64 KiB: a request with a larger body has no copy
    pub max_body: usize,
    /// `timeout`, default 10 s: the whole copy, its response included
    pub timeout: Duration,
}

/// `inject`
#[derive(Clone, Debug, PartialEq)]
pub struct Inject {
    /// `delay`
    pub delay: Option<Delay>,
    /// `abort`
    pub abort: Option<Abort>,
    /// `headers`: only requests that have all of these
    pub headers: Vec<(HeaderName, ValueMatch)>,
}

/// `inject.delay`
#[derive(Clone, Debug, PartialEq)]
pub struct Delay {
    /// `time`
    pub time: Duration,
    /// `share`
    pub share: Share,
}

/// `inject.abort`
#[derive(Clone, Debug, PartialEq)]
pub struct Abort {
    /// `status`, 400 to 599, default 503
    pub status: StatusCode,
    /// `share`
    pub share: Share,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares() {
        for (share, expected) in [(0.0, 0), (0.001, 100), (0.25, 25_000), (1.0, 100_000)] {
            let taken = (0..100_000).filter(|n| Share(share).takes(n * (u64::MAX / 100_000))).count();
            assert!(taken.abs_diff(expected) <= 1, "{share}: {taken}");
        }
        assert!(Share(1.0).takes(u64::MAX) && !Share(0.0).takes(0));
        assert_eq!(
            [0.05, 1.0, 0.001, 0.000_001].map(|share| Share(share).to_string()),
            ["5%", "100%", "0.1%", "0.0001%"]
        );
    }

    #[test]
    fn what_a_value_must_be() {
        let regex = |text| ValueMatch::Regex(Regex::new(text).expect("a regex"));
        let exact = |text: &str| ValueMatch::Exact(text.to_owned());
        let cases: [(ValueMatch, &[&[u8]], bool); 12] = [
            (ValueMatch::Any, &[b""], true),
            (ValueMatch::Any, &[], false),
            (ValueMatch::Absent, &[], true),
            (ValueMatch::Absent, &[b""], false),
            (exact("a"), &[b"b", b"a"], true),
            (exact("a"), &[b"ab"], false),
            (exact(""), &[], false),
            (regex("^b+$"), &[b"a", b"bb"], true),
            (regex("^b+$"), &[b"bc"], false),
            (regex("b"), &[b"abc"], true),
            (regex("."), &[b"\xff"], false),
            (regex(".*"), &[], false),
        ];
        for (wanted, values, expected) in cases {
            assert_eq!(wanted.holds(values.iter().copied()), expected, "{wanted:?} {values:?}");
        }
        assert_eq!((regex("a"), regex("b") == regex("a")), (regex("a"), false));
        let shown = [ValueMatch::Any, exact("x"), ValueMatch::Absent, regex("^a")].map(|one| one.shown());
        assert_eq!(shown, ["*", "x", "!", "~^a"]);
    }
}
