//! What a request counts under.

use std::hash::{BuildHasher, Hash, Hasher, RandomState};
use std::net::{IpAddr, Ipv4Addr};

use crate::config::model::LimitKey;
use crate::http::key::KeySource;

/// `key` of a limit, with the prefixes of addresses.
#[derive(Clone, Debug)]
pub struct KeyRecipe {
    pub(super) key: LimitKey,
    pub(super) prefix_v4: u8,
    pub(super) prefix_v6: u8,
}

impl KeyRecipe {
    /// The hash of the request's key. The hasher's seed is the process's own, so that nobody can make two keys meet.
    ///
    /// A request without the field, the cookie or the name counts under its client's address: leaving it out is no way around the limit.
    pub(super) fn hash(&self, source: &KeySource<'_>, identity: Option<&str>, seed: &RandomState) -> u64 {
        let mut hasher = seed.build_hasher();
        match &self.key {
            LimitKey::ClientIp => self.address(source.client, &mut hasher),
            LimitKey::Path => hasher.write(source.target.split('?').next().unwrap_or("/").as_bytes()),
            LimitKey::Fixed => {}
            LimitKey::Header(name) => match source.headers.first(name) {
                Some(value) => (1_u8, value.as_bytes()).hash(&mut hasher),
                None => self.address(source.client, &mut hasher),
            },
            LimitKey::Cookie(name) => match source.cookie(name) {
                Some(value) => (1_u8, value).hash(&mut hasher),
                None => self.address(source.client, &mut hasher),
            },
            LimitKey::Identity => match identity {
                Some(name) => (1_u8, name).hash(&mut hasher),
                None => self.address(source.client, &mut hasher),
            },
        }
        hasher.finish()
    }

    /// The part of an address that counts. A client on a unix socket counts as the loopback.
    fn address(&self, client: Option<IpAddr>, hasher: &mut impl Hasher) {
        match client.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)).to_canonical() {
            IpAddr::V4(address) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.prefix_v4.min(32))).unwrap_or(0);
                (4_u8, address.to_bits() & mask).hash(hasher);
            }
            IpAddr::V6(address) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.prefix_v6.min(128))).unwrap_or(0);
                (6_u8, address.to_bits() & mask).hash(hasher);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::header::{COOKIE, USER_AGENT};
    use http::{HeaderName, HeaderValue};

    use super::*;
    use crate::http::Headers;

    #[test]
    fn what_counts_together() {
        let seed = RandomState::new();
        let hash = |key: LimitKey, client: &str, target: &str, fields: &[(HeaderName, &'static str)]| {
            let headers: Headers =
                fields.iter().map(|(name, value)| (name.clone(), HeaderValue::from_static(value))).collect();
            let source = KeySource { client: client.parse().ok(), target, headers: &headers };
            KeyRecipe { key, prefix_v4: 24, prefix_v6: 64 }.hash(&source, None, &seed)
        };
        let ip = |client: &str| hash(LimitKey::ClientIp, client, "/", &[]);
        assert_eq!(ip("192.0.2.1"), ip("192.0.2.255"));
        assert_eq!(ip("192.0.2.1"), ip("::ffff:192.0.2.9"));
        assert_ne!(ip("192.0.2.1"), ip("192.0.3.1"));
        assert_eq!(ip("2001:db8::1"), ip("2001:db8::ffff:0:0:1"));
        assert_ne!(ip("2001:db8::1"), ip("2001:db8:0:1::1"));
        let path = |target: &str| hash(LimitKey::Path, "192.0.2.1", target, &[]);
        assert_eq!(path("/a?x=1"), path("/a?y=2"));
        assert_ne!(path("/a"), path("/b"));
        let agent = |client: &str, fields: &[(HeaderName, &'static str)]| {
            hash(LimitKey::Header(USER_AGENT), client, "/", fields)
        };
        assert_eq!(agent("192.0.2.1", &[(USER_AGENT, "a")]), agent("8.8.8.8", &[(USER_AGENT, "a")]));
        assert_ne!(agent("192.0.2.1", &[(USER_AGENT, "a")]), agent("192.0.2.1", &[(USER_AGENT, "b")]));
        assert_eq!(agent("192.0.2.1", &[]), agent("192.0.2.2", &[]), "without it the address counts");
        assert_ne!(agent("192.0.2.1", &[]), agent("8.8.8.8", &[]));
        let cookie = |value: &'static str| hash(LimitKey::Cookie("id".to_owned()), "8.8.8.8", "/", &[(COOKIE, value)]);
        assert_eq!(cookie("id=1"), cookie("x=y; id=1"));
        assert_ne!(cookie("id=1"), cookie("id=2"));
        assert_eq!(hash(LimitKey::Fixed, "8.8.8.8", "/a", &[]), hash(LimitKey::Fixed, "::1", "/b", &[]));
    }
}
