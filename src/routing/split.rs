//! Which arm of a split takes a request.
//!
//! By chance, each arm gets its share of the requests. Sticky, the same key goes to the same arm, by weighted rendezvous
//! hashing: each arm draws a number from the key and its own name, and the best number for its weight wins. From that follows
//!
//! - shares are those of the weights;
//! - the choice depends on key, names and weights alone: it is the same in every worker and process, and after a restart;
//!   neither the order of the arms nor a route's name matters;
//! - movement is minimal: when the weight of one arm grows in relation to the others, keys move to that arm and between no
//!   others; when it shrinks, only keys of that arm move. 95 to 5 that becomes 90 to 10 moves about 5 keys of 100.
//!
//! A request without the key (no such cookie or field) is split by chance.

use crate::config::model::{self, HashOn, Upstream};
use crate::http::key::{KeySource, hash, mix};

/// A compiled split.
#[derive(Clone, Debug)]
pub struct Split {
    arms: Box<[Arm]>,
    total: u64,
    sticky: Option<HashOn>,
}

#[derive(Clone, Debug)]
struct Arm {
    upstream: usize,
    weight: u32,
    /// Made of the upstream's name.
    seed: u64,
}

impl Split {
    /// Compiles a split over the upstreams of the config. Arms of weight 0 take nothing.
    pub fn compile(split: &model::Split, upstreams: &[Upstream]) -> Self {
        let mut arms: Vec<Arm> = Vec::with_capacity(split.arms.len());
        for &(upstream, weight) in split.arms.iter().filter(|(_, weight)| *weight > 0) {
            let name = upstreams.get(upstream).map_or("", |one| &one.name);
            // An upstream that stands twice draws twice.
            let before = arms.iter().filter(|arm| arm.upstream == upstream).count() as u64;
            arms.push(Arm { upstream, weight, seed: mix(hash(name.as_bytes()).wrapping_add(before)) });
        }
        let total = arms.iter().map(|arm| u64::from(arm.weight)).sum();
        Self { arms: arms.into(), total, sticky: split.sticky.clone() }
    }

    /// The place of the upstream that takes the request; `random` is any number, evenly distributed. `None` where no arm has weight.
    pub fn choose(&self, source: &KeySource<'_>, random: u64) -> Option<usize> {
        let key = self.sticky.as_ref().and_then(|on| on.key(source));
        match key {
            Some(key) => self.by_key(key),
            None => self.by_chance(random),
        }
    }

    /// By chance.
    fn by_chance(&self, random: u64) -> Option<usize> {
        // The high half of the product is below `total` and as even as `random`.
        let mut point = u64::try_from((u128::from(random) * u128::from(self.total)) >> 64).unwrap_or(0);
        for arm in &self.arms {
            match point.checked_sub(u64::from(arm.weight)) {
                Some(rest) => point = rest,
                None => return Some(arm.upstream),
            }
        }
        None
    }

    /// By weighted rendezvous of the key's hash.
    fn by_key(&self, key: u64) -> Option<usize> {
        let score = |arm: &Arm| {
            // The upper 53 bits as a number above 0 and below 1; the score is then exponentially distributed.
            let drawn = ((mix(key ^ arm.seed) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
            -drawn.ln() / f64::from(arm.weight)
        };
        self.arms.iter().min_by(|one, other| score(one).total_cmp(&score(other))).map(|arm| arm.upstream)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use http::{HeaderName, HeaderValue};

    use super::*;
    use crate::config::model::{Balance, Outlier, Spread, UpstreamProtocol};
    use crate::http::Headers;

    fn upstream(name: &str) -> Upstream {
        Upstream {
            name: name.into(),
            endpoints: Vec::new(),
            protocol: UpstreamProtocol::Http1,
            balance: Balance::RoundRobin,
            spread: Spread::PLAIN,
            outlier: Outlier::PLAIN,
            connect_timeout: None,
            response_timeout: None,
            response_body_timeout: None,
            write_timeout: None,
            idle_timeout: None,
            max_idle: 0,
            max_connections: 0,
            max_response_head_size: 0,
            proxy_protocol: None,
            tls: None,
            retry: model::Retry::default(),
            health: None,
            capacity: model::Capacity::default(),
        }
    }

    fn split(weights: &[u32]) -> Split {
        let upstreams = ["stable", "canary", "third", "fourth"].map(upstream);
        let arms = weights.iter().copied().enumerate().collect();
        Split::compile(&model::Split { arms, sticky: Some(HashOn::ClientIp) }, &upstreams)
    }

    const KEYS: u32 = 100_000;

    /// The arm of each of many clients.
    fn arms(split: &Split) -> Vec<usize> {
        let headers = Headers::new();
        let of = |client: u32| {
            let client = Some(IpAddr::V4(client.wrapping_mul(2_654_435_761).into()));
            split.choose(&KeySource { client, target: "/", headers: &headers }, 0).expect("an arm")
        };
        (0..KEYS).map(of).collect()
    }

    /// Whether each arm has its share, give or take half a percent of all.
    fn assert_shares(seen: &[usize], weights: &[u32]) {
        let total: u32 = weights.iter().sum();
        for (arm, weight) in weights.iter().enumerate() {
            let share = seen.iter().filter(|one| **one == arm).count() as f64 / seen.len() as f64;
            let wanted = f64::from(*weight) / f64::from(total);
            assert!((share - wanted).abs() < 0.005, "arm {arm} of {weights:?} has {share}, not {wanted}");
        }
    }

    #[test]
    fn shares_are_those_of_the_weights() {
        for weights in [&[95_u32, 5] as &[u32], &[1, 1], &[1], &[0, 3], &[50, 30, 15, 5], &[1000, 1, 0, 999]] {
            let split = split(weights);
            assert_shares(&arms(&split), weights);
            let chances =
                (0..u64::from(KEYS)).map(|n| split.by_chance(n * (u64::MAX / u64::from(KEYS))).expect("an arm"));
            assert_shares(&chances.collect::<Vec<_>>(), weights);
        }
        for random in [0, u64::MAX] {
            assert!(split(&[1, 2, 3]).by_chance(random).is_some());
        }
        assert_eq!(split(&[0, 0]).by_chance(7), None);
    }

    #[test]
    fn movement_is_minimal() {
        // (before, after, the only arm that keys move to, how many of 1000)
        let cases: [(&[u32], &[u32], usize, usize); 4] = [
            (&[95, 5], &[90, 10], 1, 50),
            (&[90, 10], &[95, 5], 0, 50),
            (&[40, 40, 20], &[40, 40, 40], 2, 133),
            (&[50, 50, 0], &[50, 50, 100], 2, 500),
        ];
        for (before, after, to, thousandth) in cases {
            let pairs: Vec<_> = arms(&split(before)).into_iter().zip(arms(&split(after))).collect();
            let moved: Vec<_> = pairs.iter().filter(|(old, new)| old != new).collect();
            assert!(moved.iter().all(|(_, new)| *new == to), "{before:?} to {after:?}");
            assert!(moved.len().abs_diff(thousandth * KEYS as usize / 1000) < KEYS as usize / 200, "{}", moved.len());
        }
    }

    #[test]
    fn neither_order_nor_place_matters() {
        let upstreams = ["x", "canary", "y", "stable"].map(upstream);
        let swapped = model::Split { arms: vec![(1, 5), (3, 95)], sticky: Some(HashOn::ClientIp) };
        let renamed = |place: usize| if place == 3 { 0 } else { 1 };
        let other: Vec<_> = arms(&Split::compile(&swapped, &upstreams)).into_iter().map(renamed).collect();
        assert_eq!(arms(&split(&[95, 5])), other);
    }

    #[test]
    fn keys_and_requests_without_one() {
        let field =
            |name: &'static str, value: &'static str| (HeaderName::from_static(name), HeaderValue::from_static(value));
        let headers: Headers =
            [field("cookie", "ab=1; b=2"), field("cookie", "a=3"), field("x-user", "eve")].into_iter().collect();
        let client = "::ffff:10.0.0.1".parse().ok();
        let source = KeySource { client, target: "/x?y", headers: &headers };
        let cases = [
            (HashOn::ClientIp, Some(hash(&[10, 0, 0, 1]))),
            (HashOn::Path, Some(hash(b"/x"))),
            (HashOn::Header(HeaderName::from_static("x-user")), Some(hash(b"eve"))),
            (HashOn::Header(HeaderName::from_static("x-none")), None),
            (HashOn::Cookie("b".to_owned()), Some(hash(b"2"))),
            (HashOn::Cookie("a".to_owned()), Some(hash(b"3"))),
            (HashOn::Cookie("c".to_owned()), None),
        ];
        for (on, expected) in cases {
            assert_eq!(on.key(&source), expected, "{on:?}");
        }
        let by_cookie = Split { sticky: Some(HashOn::Cookie("c".to_owned())), ..split(&[1, 1]) };
        let both: Vec<_> = [0, u64::MAX].map(|random| by_cookie.choose(&source, random)).into();
        assert_eq!(both, [Some(0), Some(1)]);
    }
}
