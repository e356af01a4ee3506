//! Predicates: the listener, the method, header fields, cookies and query parameters of a request.

use std::sync::Arc;

use http::{HeaderName, Method};

use super::Lookup;
use crate::config::model::{Route, ValueMatch};
use crate::http::cookie;

/// A set of listeners by their place.
#[derive(Clone, Debug)]
pub(super) struct ListenerSet {
    /// The first 64.
    low: u64,
    /// The others, 64 each.
    high: Option<Arc<[u64]>>,
}

impl ListenerSet {
    /// These of `count`.
    pub(super) fn compile(places: &[usize], count: usize) -> Self {
        let mut words = vec![0_u64; count.max(1).div_ceil(64)];
        for place in places.iter().filter(|place| **place < count) {
            words[place / 64] |= 1 << (place % 64);
        }
        Self { low: words[0], high: (words.len() > 1).then(|| words[1..].into()) }
    }

    /// Whether it is one of them.
    pub(super) fn contains(&self, place: usize) -> bool {
        let word = match place / 64 {
            0 => self.low,
            n => self.high.as_ref().and_then(|words| words.get(n - 1)).copied().unwrap_or(0),
        };
        word >> (place % 64) & 1 == 1
    }
}

/// The predicates of a route that has any. All must hold.
#[derive(Debug)]
pub(super) struct Conditions {
    methods: Box<[Method]>,
    headers: Box<[(HeaderName, ValueMatch)]>,
    cookies: Box<[(String, ValueMatch)]>,
    query: Box<[(String, ValueMatch)]>,
}

impl Conditions {
    /// Those of the route; `None` where it has none.
    pub(super) fn compile(route: &Route) -> Option<Arc<Self>> {
        (predicates(route) > 0).then(|| {
            Arc::new(Self {
                methods: route.methods.as_slice().into(),
                headers: route.headers.as_slice().into(),
                cookies: route.cookies.as_slice().into(),
                query: route.query.as_slice().into(),
            })
        })
    }

    /// Whether all hold.
    pub(super) fn hold(&self, lookup: &Lookup<'_>) -> bool {
        (self.methods.is_empty() || self.methods.contains(lookup.method))
            && self.headers.iter().all(|(name, wanted)| header_holds(name, wanted, lookup))
            && self.cookies.iter().all(|(name, wanted)| cookie_holds(name, wanted, lookup))
            && self.query.iter().all(|(name, wanted)| query_holds(name, wanted, lookup))
    }
}

/// How many predicates the route has: its methods together, each header field, each cookie, each query parameter.
pub(super) fn predicates(route: &Route) -> usize {
    usize::from(!route.methods.is_empty()) + route.headers.len() + route.cookies.len() + route.query.len()
}

/// Whether the fields of that name are as wanted.
pub(super) fn header_holds(name: &HeaderName, wanted: &ValueMatch, lookup: &Lookup<'_>) -> bool {
    wanted.holds(lookup.headers.all(name).map(|value| value.as_bytes()))
}

/// Whether the cookies of that name are as wanted.
pub(super) fn cookie_holds(name: &str, wanted: &ValueMatch, lookup: &Lookup<'_>) -> bool {
    wanted.holds(cookie::values(lookup.headers, name))
}

/// Whether the parameters of that name are as wanted. All are compared decoded, as forms encode them.
pub(super) fn query_holds(name: &str, wanted: &ValueMatch, lookup: &Lookup<'_>) -> bool {
    let pairs = lookup.query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty());
    let pairs = pairs.map(|pair| pair.split_once('=').unwrap_or((pair, "")));
    let mut values = pairs.filter(|(key, _)| decoded(key).eq(name.bytes())).map(|(_, value)| decoded(value));
    match wanted {
        ValueMatch::Any => values.next().is_some(),
        ValueMatch::Absent => values.next().is_none(),
        ValueMatch::Exact(wanted) => values.any(|value| value.eq(wanted.bytes())),
        ValueMatch::Regex(_) => values.any(|value| wanted.holds(std::iter::once(&*value.collect::<Vec<_>>()))),
    }
}

/// The octets that a form-encoded text stands for: `+` is a space, `%41` is an `A`, a broken escape is itself.
fn decoded(text: &str) -> impl Iterator<Item = u8> {
    let mut rest = text.as_bytes();
    std::iter::from_fn(move || {
        let (&first, after) = rest.split_first()?;
        rest = after;
        match (first, after) {
            (b'+', _) => Some(b' '),
            (b'%', [high, low, after @ ..]) => {
                let digit = |byte: u8| char::from(byte).to_digit(16);
                let value = digit(*high).zip(digit(*low)).and_then(|(high, low)| u8::try_from(high * 16 + low).ok());
                if value.is_some() {
                    rest = after;
                }
                value.or(Some(first))
            }
            _ => Some(first),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Headers;

    #[test]
    fn listeners_beyond_the_first_word() {
        let set = ListenerSet::compile(&[0, 63, 64, 130], 131);
        let there: Vec<_> = (0..300).filter(|place| set.contains(*place)).collect();
        assert_eq!(there, [0, 63, 64, 130]);
        assert!(!ListenerSet::compile(&[0], 1).contains(64));
    }

    #[test]
    fn query_parameters_are_compared_decoded() {
        let exact = |text: &str| ValueMatch::Exact(text.to_owned());
        let regex = |text: &str| ValueMatch::Regex(regex::Regex::new(text).expect("a regex"));
        let cases = [
            (Some("debug=1"), "debug", exact("1"), true),
            (Some("a=b&debug=1"), "debug", exact("1"), true),
            (Some("debug=2&debug=1"), "debug", exact("1"), true),
            (Some("debug=11"), "debug", exact("1"), false),
            (Some("xdebug=1"), "debug", exact("1"), false),
            (Some("%64ebug=%31"), "debug", exact("1"), true),
            (Some("q=a+b"), "q", exact("a b"), true),
            (Some("q=a%2Bb"), "q", exact("a+b"), true),
            (Some("q=100%"), "q", exact("100%"), true),
            (Some("q=a=b"), "q", exact("a=b"), true),
            (Some("q"), "q", exact(""), true),
            (Some("q"), "q", ValueMatch::Any, true),
            (Some("&&"), "", ValueMatch::Any, false),
            (None, "q", ValueMatch::Any, false),
            (None, "q", ValueMatch::Absent, true),
            (Some("a=1"), "q", ValueMatch::Absent, true),
            (Some("a=1&q"), "q", ValueMatch::Absent, false),
            (Some("q=v%32"), "q", regex("^v[0-9]$"), true),
            (Some("q=v"), "q", regex("^v[0-9]$"), false),
        ];
        for (query, name, wanted, expected) in cases {
            let headers = Headers::new();
            let lookup = Lookup { listener: 0, host: "", path: "/", query, method: &Method::GET, headers: &headers };
            assert_eq!(query_holds(name, &wanted, &lookup), expected, "{query:?} {name} {wanted:?}");
        }
    }
}
