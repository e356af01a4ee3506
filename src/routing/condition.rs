//! Predicates: the listener, the method, header fields and query parameters of a request.

use std::sync::Arc;

use http::{HeaderName, Method};

use super::Lookup;
use crate::config::model::{Route, ValueMatch};

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
    query: Box<[(String, ValueMatch)]>,
}

impl Conditions {
    /// Those of the route; `None` where it has none.
    pub(super) fn compile(route: &Route) -> Option<Arc<Self>> {
        (predicates(route) > 0).then(|| {
            Arc::new(Self {
                methods: route.methods.as_slice().into(),
                headers: route.headers.as_slice().into(),
                query: route.query.as_slice().into(),
            })
        })
    }

    /// Whether all hold.
    pub(super) fn hold(&self, lookup: &Lookup<'_>) -> bool {
        (self.methods.is_empty() || self.methods.contains(lookup.method))
            && self.headers.iter().all(|(name, wanted)| header_holds(name, wanted, lookup))
            && self.query.iter().all(|(name, wanted)| query_holds(name, wanted, lookup))
    }
}

/// How many predicates the route has: its methods together, each header field, each query parameter.
pub(super) fn predicates(route: &Route) -> usize {
    usize::from(!route.methods.is_empty()) + route.headers.len() + route.query.len()
}

/// Whether one of the fields of that name has exactly that value.
pub(super) fn header_holds(name: &HeaderName, wanted: &ValueMatch, lookup: &Lookup<'_>) -> bool {
    match wanted {
        ValueMatch::Any => lookup.headers.contains(name),
        ValueMatch::Exact(wanted) => lookup.headers.all(name).any(|value| value.as_bytes() == wanted.as_bytes()),
    }
}

/// Whether one of the parameters of that name has exactly that value. Both are compared decoded, as forms encode them.
pub(super) fn query_holds(name: &str, wanted: &ValueMatch, lookup: &Lookup<'_>) -> bool {
    let mut pairs = lookup.query.unwrap_or_default().split('&');
    pairs.any(|pair| {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        !pair.is_empty()
            && decoded(key).eq(name.bytes())
            && match wanted {
                ValueMatch::Any => true,
                ValueMatch::Exact(wanted) => decoded(value).eq(wanted.bytes()),
            }
    })
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
        ];
        for (query, name, wanted, expected) in cases {
            let headers = Headers::new();
            let lookup = Lookup { listener: 0, host: "", path: "/", query, method: &Method::GET, headers: &headers };
            assert_eq!(query_holds(name, &wanted, &lookup), expected, "{query:?} {name} {wanted:?}");
        }
    }
}
