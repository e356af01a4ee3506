//! What a request is told apart by, where the same request must come to the same decision: sticky splits and balancing by hash.

use std::net::IpAddr;

use http::HeaderName;

use super::{Headers, cookie};

/// What a decision may look at, borrowed from a sanitised request. Nothing of it is computed before somebody asks.
#[derive(Clone, Copy, Debug)]
pub struct KeySource<'a> {
    /// The client's address, after trusted proxies were believed.
    pub client: Option<IpAddr>,
    /// Path and query as the client sent them, with the path made clean; percent-encoded.
    pub target: &'a str,
    /// Fields.
    pub headers: &'a Headers,
}

impl<'a> KeySource<'a> {
    /// The hash of the client's address. An IPv4-mapped IPv6 address counts as the IPv4 one.
    pub fn client_ip(&self) -> Option<u64> {
        self.client.map(|address| match address.to_canonical() {
            IpAddr::V4(address) => hash(&address.octets()),
            IpAddr::V6(address) => hash(&address.octets()),
        })
    }

    /// The hash of the path without the query.
    pub fn path(&self) -> u64 {
        hash(self.target.split('?').next().unwrap_or("/").as_bytes())
    }

    /// The hash of a field's first value, where the request has it.
    pub fn header(&self, name: &HeaderName) -> Option<u64> {
        self.headers.first(name).map(|value| hash(value.as_bytes()))
    }

    /// The value of the first cookie of that name (RFC 6265 §5.4).
    pub fn cookie(&self, name: &str) -> Option<&'a [u8]> {
        cookie::values(self.headers, name).next()
    }
}

/// FNV-1a, 64 bits. It is written out because it must never change: that would move every client.
pub fn hash(octets: &[u8]) -> u64 {
    octets.iter().fold(0xcbf2_9ce4_8422_2325, |hash, octet| (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3))
}

/// The finaliser of SplitMix64: every bit of the input reaches every bit of the output.
pub const fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_never_change() {
        assert_eq!(hash(b"foobar"), 0x8594_4171_f739_67e8);
        assert_eq!(mix(1), 0x5692_161d_100b_05e5);
    }
}
