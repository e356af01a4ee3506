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
//! Weights can be changed while requests are under way. Each is read once for a choice; a choice in the middle of a change may see some
//! old and some new ones, which is as good as having come a moment earlier or later.
//!
//! The key is what `split_on` names, and a request without it (no such cookie or field) is split by chance; or it is the place in
//! the cookie that `split_cookie` sets, and a client without one is given a place by chance and keeps it.
//!
//! That the least possible number of keys moves holds where one arm changes in relation to the others. No function of key and weights
//! alone can do as well for all changes of three arms and more; this one never moves more than twice as many as must.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::cohort::{Cohorts, Place};
use crate::config::model::{self, HashOn, Upstream};
use crate::http::key::{KeySource, hash, mix};

/// A compiled split.
#[derive(Clone, Debug)]
pub struct Split {
    arms: Arc<[Arm]>,
    sticky: Option<HashOn>,
    cohorts: Option<Cohorts>,
}

/// Where a request goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Way {
    /// The place of the upstream.
    pub upstream: usize,
    /// The place that its client was given, and is to be told of.
    pub newcomer: Option<Place>,
}

#[derive(Debug)]
struct Arm {
    upstream: usize,
    weight: AtomicU32,
    /// As the config has it.
    configured: u32,
    /// Made of the upstream's name.
    seed: u64,
}

impl Arm {
    fn weight(&self) -> u32 {
        self.weight.load(Relaxed)
    }
}

impl Split {
    /// Compiles a split over the upstreams of the config. Arms of weight 0 take nothing.
    pub fn compile(split: &model::Split, upstreams: &[Upstream]) -> Self {
        let mut arms: Vec<Arm> = Vec::with_capacity(split.arms.len());
        for &(upstream, weight) in &split.arms {
            let name = upstreams.get(upstream).map_or("", |one| &one.name);
            // An upstream that stands twice draws twice.
            let before = arms.iter().filter(|arm| arm.upstream == upstream).count() as u64;
            let seed = mix(hash(name.as_bytes()).wrapping_add(before));
            arms.push(Arm { upstream, weight: AtomicU32::new(weight), configured: weight, seed });
        }
        Self { arms: arms.into(), sticky: split.sticky.clone(), cohorts: split.cookie.as_ref().map(Cohorts::compile) }
    }

    /// Takes over what was changed by hand, where the config says the same of the arms as it did.
    pub fn carry(self, before: &Self) -> Self {
        let same = |(one, other): (&Arm, &Arm)| one.seed == other.seed && one.configured == other.configured;
        if self.arms.len() == before.arms.len() && self.arms.iter().zip(&*before.arms).all(same) {
            self.arms.iter().zip(&*before.arms).for_each(|(arm, before)| arm.weight.store(before.weight(), Relaxed));
        }
        self
    }

    /// Upstream and weight of each arm, in the order of the config.
    pub fn weights(&self) -> impl Iterator<Item = (usize, u32)> {
        self.arms.iter().map(|arm| (arm.upstream, arm.weight()))
    }

    /// Changes the weight of each arm by its upstream; `None` is what the config says.
    pub fn set_weights(&self, weight: impl Fn(usize) -> Option<u32>) {
        self.arms.iter().for_each(|arm| arm.weight.store(weight(arm.upstream).unwrap_or(arm.configured), Relaxed));
    }

    /// The upstream that takes the request; `random` is any number, evenly distributed. `None` where no arm has weight.
    pub fn choose(&self, source: &KeySource<'_>, random: u64) -> Option<Way> {
        if let Some(cohorts) = &self.cohorts {
            let known = cohorts.place(source);
            let place = known.unwrap_or_else(|| Place::draw(random));
            let newcomer = if known.is_some() { None } else { Some(place) };
            return self.by_key(place.key()).map(|upstream| Way { upstream, newcomer });
        }
        let key = self.sticky.as_ref().and_then(|on| on.key(source));
        let upstream = match key {
            Some(key) => self.by_key(key),
            None => self.by_chance(random),
        };
        upstream.map(|upstream| Way { upstream, newcomer: None })
    }

    /// The cookie that clients keep their places in.
    pub fn cohorts(&self) -> Option<&Cohorts> {
        self.cohorts.as_ref()
    }

    /// By chance.
    fn by_chance(&self, random: u64) -> Option<usize> {
        // The high half of the product is below `total` and as even as `random`.
        let total: u64 = self.arms.iter().map(|arm| u64::from(arm.weight())).sum();
        let mut point = u64::try_from((u128::from(random) * u128::from(total)) >> 64).unwrap_or(0);
        let mut last = None;
        for arm in &*self.arms {
            let weight = u64::from(arm.weight());
            match point.checked_sub(weight) {
                Some(rest) => point = rest,
                None => return Some(arm.upstream),
            }
            last = (weight > 0).then_some(arm.upstream).or(last);
        }
        // The weights shrank while they were added up.
        last
    }

    /// By weighted rendezvous of the key's hash.
    fn by_key(&self, key: u64) -> Option<usize> {
        let score = |arm: &Arm| {
            // The upper 53 bits as a number above 0 and below 1; the score is then exponentially distributed.
            let drawn = ((mix(key ^ arm.seed) >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
            // Without weight the score is endless.
            -drawn.ln() / f64::from(arm.weight())
        };
        let best =
            self.arms.iter().map(|arm| (score(arm), arm.upstream)).min_by(|one, other| one.0.total_cmp(&other.0));
        best.filter(|(score, _)| score.is_finite()).map(|(_, upstream)| upstream)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use http::{HeaderName, HeaderValue};

    use super::super::cohort::PLACES;
    use super::*;
    use crate::config::model::{Balance, Outlier, SameSite, SplitCookie, Spread, UpstreamProtocol};
    use crate::http::Headers;

    fn upstream(name: &str) -> Upstream {
        Upstream {
            name: name.into(),
            endpoints: Vec::new(),
            discovery: model::Discovery::default(),
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
            unknown_transfer_codings: false,
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
        Split::compile(&model::Split { arms, sticky: Some(HashOn::ClientIp), cookie: None }, &upstreams)
    }

    const KEYS: u32 = 100_000;

    /// The arm of each of many clients.
    fn arms(split: &Split) -> Vec<usize> {
        let headers = Headers::new();
        let of = |client: u32| {
            let client = Some(IpAddr::V4(client.wrapping_mul(2_654_435_761).into()));
            split.choose(&KeySource { client, target: "/", headers: &headers }, 0).expect("an arm").upstream
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

    /// The arm of each place of a cookie, of every one that there is.
    fn cohorts(weights: &[u32]) -> Vec<usize> {
        let split = split(weights);
        let last = u64::from(PLACES) - 1;
        (0..=last).step_by(5).map(|place| split.by_key(place).expect("an arm")).collect()
    }

    /// Each of the places is asked, so the numbers are what they are: nothing here is by chance.
    #[test]
    fn places_move_as_the_weights_do_and_come_back() {
        let steps: [&[u32]; 7] = [&[100, 0], &[99, 1], &[95, 5], &[90, 10], &[50, 50], &[0, 100], &[100, 0]];
        let seen: Vec<_> = steps.iter().map(|weights| cohorts(weights)).collect();
        for (weights, arms) in steps.iter().zip(&seen) {
            let canary = arms.iter().filter(|arm| **arm == 1).count() as f64 / arms.len() as f64;
            // Four deviations of a draw of so many places.
            assert!((canary - f64::from(weights[1]) / 100.0).abs() < 0.0045, "{weights:?}: {canary}");
        }
        for (before, after) in seen.iter().zip(&seen[1..]).take(5) {
            let there = |arms: &[usize]| arms.iter().filter(|arm| **arm == 1).count();
            let moved = before.iter().zip(after).filter(|(before, after)| before != after).count();
            assert_eq!(moved, there(after) - there(before), "exactly those by which the arm grows, and no other");
        }
        assert_eq!(seen[0], seen[6], "a rollback brings everybody back");
        // A third arm that grows takes from both, and they exchange nobody.
        let (before, after) = (cohorts(&[40, 40, 20]), cohorts(&[40, 40, 40]));
        let moved: Vec<_> = before.iter().zip(&after).filter(|(before, after)| before != after).collect();
        assert!(moved.iter().all(|(_, to)| **to == 2));
        // A new one in the same proportion as before.
        let (before, after) = (cohorts(&[90, 10]), cohorts(&[900, 100]));
        assert_eq!(before, after);
    }

    #[test]
    fn a_newcomer_is_given_a_place_and_keeps_it() {
        let upstreams = ["stable", "canary"].map(upstream);
        let cookie = Some(SplitCookie { name: "cohort".to_owned(), max_age: None, same_site: SameSite::Lax });
        let split = Split::compile(&model::Split { arms: vec![(0, 50), (1, 50)], sticky: None, cookie }, &upstreams);
        let none = Headers::new();
        for random in (0..1000).map(mix) {
            let first = split.choose(&KeySource { client: None, target: "/", headers: &none }, random).expect("an arm");
            let place = first.newcomer.expect("a place");
            let set = split.cohorts().expect("cookies").set(place, false).expect("a cookie");
            let value = set.to_str().expect("plain").split(';').next().expect("a value").to_owned();
            let field = (HeaderName::from_static("cookie"), HeaderValue::try_from(value).expect("a value"));
            let headers: Headers = [field].into_iter().collect();
            let again = split.choose(&KeySource { client: None, target: "/", headers: &headers }, !random);
            assert_eq!(again, Some(Way { upstream: first.upstream, newcomer: None }));
        }
    }

    #[test]
    fn neither_order_nor_place_matters() {
        let upstreams = ["x", "canary", "y", "stable"].map(upstream);
        let swapped = model::Split { arms: vec![(1, 5), (3, 95)], sticky: Some(HashOn::ClientIp), cookie: None };
        let renamed = |place: usize| if place == 3 { 0 } else { 1 };
        let other: Vec<_> = arms(&Split::compile(&swapped, &upstreams)).into_iter().map(renamed).collect();
        assert_eq!(arms(&split(&[95, 5])), other);
    }

    #[test]
    fn weights_change_by_hand_and_outlive_a_config_that_says_the_same() {
        let before = split(&[95, 5]);
        before.set_weights(|upstream| Some([0, 7][upstream]));
        assert_eq!(before.weights().collect::<Vec<_>>(), [(0, 0), (1, 7)]);
        assert_shares(&arms(&before), &[0, 1]);
        assert_eq!(before.by_chance(0), Some(1));
        assert_eq!(split(&[95, 5]).carry(&before).weights().collect::<Vec<_>>(), [(0, 0), (1, 7)]);
        assert_eq!(split(&[90, 10]).carry(&before).weights().collect::<Vec<_>>(), [(0, 90), (1, 10)]);
        before.set_weights(|_| None);
        assert_eq!(before.weights().collect::<Vec<_>>(), [(0, 95), (1, 5)]);
        before.set_weights(|_| Some(0));
        assert_eq!((before.by_chance(7), before.by_key(7)), (None, None));
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
        let both: Vec<_> =
            [0, u64::MAX].map(|random| by_cookie.choose(&source, random).expect("an arm").upstream).into();
        assert_eq!(both, [0, 1]);
    }
}
