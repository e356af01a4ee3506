//! Who may come, by address: the longest prefix decides.
//!
//! The ranges of both lists are laid out side by side once, so that a question is one binary search, however many ranges there are and
//! however they lie within each other.

use std::net::{IpAddr, Ipv4Addr};

use crate::config::model::{Access, Cidr};

/// `allow` and `deny`, compiled.
#[derive(Clone, Debug)]
pub struct AccessRules {
    v4: Spans,
    v6: Spans,
    /// What holds for an address that no range has.
    others: bool,
}

/// Where each span of addresses begins, in order, and whether they may come; `None`: no range has them. What lies before the first span is
/// in no range either.
#[derive(Clone, Debug, Default)]
struct Spans(Box<[(u128, Option<bool>)]>);

impl AccessRules {
    /// Of a route; `None` where everybody may come.
    pub fn compile(access: &Access) -> Option<Self> {
        let Access { allow, deny } = access;
        if allow.is_empty() && deny.is_empty() {
            return None;
        }
        let ranges = |v4: bool| {
            let all = allow.iter().map(|range| (range, true)).chain(deny.iter().map(|range| (range, false)));
            all.filter(move |(range, _)| range.address.is_ipv4() == v4).map(|(range, may)| Range::of(range, may))
        };
        Some(Self { v4: Spans::of(ranges(true)), v6: Spans::of(ranges(false)), others: allow.is_empty() })
    }

    /// Whether that client may come. One on a unix socket has no address and counts as the loopback, which is just as local; an IPv4-mapped
    /// IPv6 address counts as the IPv4 one.
    pub fn admits(&self, client: Option<IpAddr>) -> bool {
        let found = match client.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)).to_canonical() {
            IpAddr::V4(address) => self.v4.find(u128::from(address.to_bits())),
            IpAddr::V6(address) => self.v6.find(address.to_bits()),
        };
        found.unwrap_or(self.others)
    }
}

/// A range of addresses, both ends included.
struct Range {
    first: u128,
    last: u128,
    may: bool,
}

impl Range {
    fn of(range: &Cidr, may: bool) -> Self {
        let (first, bits) = match range.address {
            IpAddr::V4(address) => (u128::from(address.to_bits()), 32),
            IpAddr::V6(address) => (address.to_bits(), 128),
        };
        let free = bits - u32::from(range.prefix);
        let size = 1_u128.checked_shl(free).map_or(u128::MAX, |size| size - 1);
        Self { first, last: first | size, may }
    }
}

impl Spans {
    /// Two ranges are apart, or one lies within the other: so a stack of those that are open tells at each step which one is the smallest.
    fn of(ranges: impl Iterator<Item = Range>) -> Self {
        let mut ranges: Vec<_> = ranges.collect();
        ranges.sort_by_key(|range| (range.first, std::cmp::Reverse(range.last)));
        let mut spans = Self::default().0.into_vec();
        let mut open: Vec<(u128, bool)> = Vec::new();
        for Range { first, last, may } in ranges {
            close(&mut spans, &mut open, Some(first));
            begin(&mut spans, first, Some(may));
            open.push((last, may));
        }
        close(&mut spans, &mut open, None);
        spans.dedup_by_key(|(_, may)| *may);
        Self(spans.into())
    }

    fn find(&self, address: u128) -> Option<bool> {
        let behind = self.0.partition_point(|(first, _)| *first <= address);
        behind.checked_sub(1).and_then(|at| self.0[at].1)
    }
}

/// Ends the open ranges that end before that address, or all of them.
fn close(spans: &mut Vec<(u128, Option<bool>)>, open: &mut Vec<(u128, bool)>, before: Option<u128>) {
    while let Some((last, _)) = open.pop_if(|(last, _)| before.is_none_or(|before| *last < before)) {
        if let Some(next) = last.checked_add(1) {
            begin(spans, next, open.last().map(|(_, may)| *may));
        }
    }
}

/// The later of two that begin at one address is the smaller range, or what follows a range that has just ended.
fn begin(spans: &mut Vec<(u128, Option<bool>)>, first: u128, may: Option<bool>) {
    match spans.last_mut() {
        Some(last) if last.0 == first => last.1 = may,
        _ => spans.push((first, may)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn cidr(text: &str) -> Cidr {
        let (address, prefix) = text.split_once('/').expect("a prefix");
        Cidr { address: address.parse().expect("an address"), prefix: prefix.parse().expect("a number") }
    }

    fn rules(allow: &[&str], deny: &[&str]) -> AccessRules {
        let list = |texts: &[&str]| texts.iter().map(|text| cidr(text)).collect();
        AccessRules::compile(&Access { allow: list(allow), deny: list(deny) }).expect("some rules")
    }

    #[test]
    fn the_longest_prefix_decides() {
        let only = rules(&["10.0.0.0/8", "2001:db8::/32"], &["10.1.0.0/16", "2001:db8:bad::/48"]);
        let except = rules(&["10.1.2.0/24", "10.1.3.3/32"], &["10.0.0.0/8", "10.1.2.128/25"]);
        let deny = rules(&[], &["192.0.2.0/24", "::/0", "0.0.0.0/8"]);
        for (rules, address, want) in [
            (&only, "10.2.0.1", true),
            (&only, "10.1.255.255", false),
            (&only, "10.2.0.0", true),
            (&only, "11.0.0.0", false),
            (&only, "9.255.255.255", false),
            (&only, "::ffff:10.2.0.1", true),
            (&only, "2001:db8::1", true),
            (&only, "2001:db8:bad::1", false),
            (&only, "2001:db9::", false),
            (&except, "10.1.2.5", true),
            (&except, "10.1.2.200", false),
            (&except, "10.1.3.3", true),
            (&except, "10.1.3.4", false),
            (&except, "8.8.8.8", false),
            (&deny, "192.0.2.255", false),
            (&deny, "192.0.3.0", true),
            (&deny, "0.1.2.3", false),
            (&deny, "255.255.255.255", true),
            (&deny, "::1", false),
            (&deny, "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", false),
        ] {
            assert_eq!(rules.admits(Some(address.parse().expect("an address"))), want, "{address}");
        }
        assert!(rules(&["127.0.0.0/8"], &[]).admits(None) && !rules(&["10.0.0.0/8"], &[]).admits(None));
        assert!(AccessRules::compile(&Access::default()).is_none());
    }

    fn any_range() -> impl Strategy<Value = Cidr> {
        // Few bits, so that ranges meet and lie within each other.
        (0_u32..64, 24_u8..=32).prop_map(|(low, prefix)| {
            let mask = u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0);
            Cidr { address: IpAddr::V4(((low * 3) & mask).into()), prefix }
        })
    }

    proptest! {
        #[test]
        fn as_by_looking_at_every_range(
            allow in proptest::collection::vec(any_range(), 0..12),
            deny in proptest::collection::vec(any_range(), 1..12),
        ) {
            let deny: Vec<_> = deny.into_iter().filter(|range| !allow.contains(range)).collect();
            let access = Access { allow, deny };
            if let Some(rules) = AccessRules::compile(&access) {
                for low in 0..300_u32 {
                    let address = IpAddr::V4(low.into());
                    let all = access.allow.iter().map(|range| (range, true)).chain(access.deny.iter().map(|range| (range, false)));
                    let longest = all.filter(|(range, _)| range.contains(address)).max_by_key(|(range, _)| range.prefix);
                    let want = longest.map_or(access.allow.is_empty(), |(_, may)| may);
                    prop_assert_eq!(rules.admits(Some(address)), want, "{}", address);
                }
            }
        }
    }
}
