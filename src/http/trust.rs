//! Whose word about a client is taken: address ranges, and what a trusted proxy's `X-Forwarded-For` or `Forwarded` says.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::Scheme;

/// Hops of a chain that are looked at, from the nearest on; whoever stands behind them is not the client of anybody sane.
const MAX_HOPS: usize = 32;

/// Address ranges that are trusted, ready to be asked.
#[derive(Clone, Debug, Default)]
pub struct Trusted {
    v4: Vec<(u32, u32)>,
    v6: Vec<(u128, u128)>,
}

impl Trusted {
    /// From ranges: an address and its leading bits that count.
    pub fn new(ranges: impl IntoIterator<Item = (IpAddr, u8)>) -> Self {
        let mut trusted = Self::default();
        for (address, prefix) in ranges {
            let prefix = u32::from(prefix);
            match address {
                IpAddr::V4(address) => {
                    let mask = u32::MAX.checked_shl(32_u32.saturating_sub(prefix)).unwrap_or(0);
                    trusted.v4.push((address.to_bits() & mask, mask));
                }
                IpAddr::V6(address) => {
                    let mask = u128::MAX.checked_shl(128_u32.saturating_sub(prefix)).unwrap_or(0);
                    trusted.v6.push((address.to_bits() & mask, mask));
                }
            }
        }
        trusted
    }

    /// Whether the address is in one of the ranges; an IPv4-mapped IPv6 address counts as the IPv4 one.
    pub fn contains(&self, address: IpAddr) -> bool {
        match address.to_canonical() {
            IpAddr::V4(address) => self.v4.iter().any(|(range, mask)| address.to_bits() & mask == *range),
            IpAddr::V6(address) => self.v6.iter().any(|(range, mask)| address.to_bits() & mask == *range),
        }
    }

    /// Whether a peer is trusted. One on a unix socket has no address and counts as the loopback, which is just as local.
    pub fn trusts(&self, peer: Option<IpAddr>) -> bool {
        self.contains(peer.unwrap_or(IpAddr::V4(Ipv4Addr::LOCALHOST)))
    }

    /// The client in a chain of nodes, the nearest first: the first that is not trusted, else the last that is an address.
    pub(super) fn client<'a>(&self, nodes: impl Iterator<Item = &'a str>) -> Option<(usize, IpAddr)> {
        let mut client = None;
        for (at, node) in nodes.take(MAX_HOPS).enumerate() {
            let Some(address) = node_address(node) else { break };
            client = Some((at, address));
            if !self.contains(address) {
                break;
            }
        }
        client
    }
}

/// The address of a node: `192.0.2.1`, `192.0.2.1:80`, `2001:db8::1`, `[2001:db8::1]`, `[2001:db8::1]:80`; none for `unknown` and `_names`.
pub(super) fn node_address(node: &str) -> Option<IpAddr> {
    let bare = node.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(node);
    let address: Option<IpAddr> =
        bare.parse().ok().or_else(|| node.parse::<SocketAddr>().ok().map(|socket| socket.ip()));
    address.map(|address| address.to_canonical())
}

/// An element of `Forwarded` (RFC 7239 §4).
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Element<'a> {
    /// `for`
    pub(super) node: Option<Cow<'a, str>>,
    /// `host`
    pub(super) host: Option<Cow<'a, str>>,
    /// `proto`
    pub(super) proto: Option<Scheme>,
}

/// The elements of a `Forwarded` field in order; `None` where the field is not in the grammar or has too many of them.
pub(super) fn elements(field: &str) -> Option<Vec<Element<'_>>> {
    let mut elements = Vec::with_capacity(2);
    let mut element = Element::default();
    let mut rest = field.trim();
    loop {
        rest = element.read_pair(rest)?.trim_start();
        match rest.as_bytes().first() {
            None => {
                elements.push(element);
                return Some(elements);
            }
            Some(b';') => {}
            Some(b',') if elements.len() < MAX_HOPS => elements.push(std::mem::take(&mut element)),
            Some(_) => return None,
        }
        rest = rest[1..].trim_start();
    }
}

impl<'a> Element<'a> {
    /// Reads `name=value` and gives back what follows it.
    fn read_pair(&mut self, text: &'a str) -> Option<&'a str> {
        let (name, text) = text.split_once('=')?;
        let (value, rest) = read_value(text)?;
        if name.is_empty() || !name.bytes().all(is_token) {
            return None;
        }
        if name.eq_ignore_ascii_case("for") {
            once(&mut self.node, value)?;
        } else if name.eq_ignore_ascii_case("host") {
            once(&mut self.host, value)?;
        } else if name.eq_ignore_ascii_case("proto") {
            self.proto = scheme(&value);
        }
        Some(rest)
    }
}

fn once<T>(slot: &mut Option<T>, value: T) -> Option<()> {
    slot.replace(value).is_none().then_some(())
}

/// `http` or `https`, in any case.
pub(super) fn scheme(name: &str) -> Option<Scheme> {
    let is = |scheme: Scheme| name.eq_ignore_ascii_case(scheme.as_str()).then_some(scheme);
    is(Scheme::Http).or_else(|| is(Scheme::Https))
}

/// A token or a quoted string (RFC 9110 §5.6.4), and what follows it.
fn read_value(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.bytes().position(|byte| !is_token(byte)).unwrap_or(text.len());
        return (end > 0).then(|| (Cow::Borrowed(&text[..end]), &text[end..]));
    };
    let mut value = String::new();
    let mut escaped = false;
    for (at, letter) in quoted.char_indices() {
        match letter {
            _ if escaped => {
                value.push(letter);
                escaped = false;
            }
            '\\' => escaped = true,
            '"' => return Some((Cow::Owned(value), &quoted[at + 1..])),
            _ => value.push(letter),
        }
    }
    None
}

/// A letter of a token (RFC 9110 §5.6.2).
pub(super) fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trusted(ranges: &[(&str, u8)]) -> Trusted {
        Trusted::new(ranges.iter().map(|(address, prefix)| (address.parse().expect("an address"), *prefix)))
    }

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn ranges() {
        let some = trusted(&[("10.1.2.3", 8), ("192.0.2.1", 32), ("2001:db8::", 32), ("::1", 128)]);
        for (address, want) in [
            ("10.255.0.1", true),
            ("11.0.0.1", false),
            ("192.0.2.1", true),
            ("192.0.2.2", false),
            ("::ffff:10.0.0.1", true),
            ("2001:db8:ffff::1", true),
            ("2001:db9::1", false),
            ("::1", true),
            ("::2", false),
        ] {
            assert_eq!(some.contains(ip(address)), want, "{address}");
        }
        assert!(trusted(&[("0.0.0.0", 0)]).contains(ip("8.8.8.8")) && !trusted(&[("0.0.0.0", 0)]).contains(ip("::1")));
        assert!(trusted(&[("::", 0)]).contains(ip("2001::1")));
        assert!(!Trusted::default().contains(ip("127.0.0.1")));
        assert!(trusted(&[("127.0.0.0", 8)]).trusts(None) && !Trusted::default().trusts(None));
    }

    #[test]
    fn nodes() {
        for (node, want) in [
            ("192.0.2.1", Some("192.0.2.1")),
            ("192.0.2.1:80", Some("192.0.2.1")),
            ("2001:db8::1", Some("2001:db8::1")),
            ("[2001:db8::1]", Some("2001:db8::1")),
            ("[2001:db8::1]:80", Some("2001:db8::1")),
            ("::ffff:1.2.3.4", Some("1.2.3.4")),
            ("unknown", None),
            ("_x", None),
            ("", None),
            ("1.2.3", None),
            ("1.2.3.4:x", None),
        ] {
            assert_eq!(node_address(node), want.map(ip), "{node}");
        }
    }

    #[test]
    fn the_client_is_the_nearest_that_is_not_trusted() {
        let some = trusted(&[("10.0.0.0", 8)]);
        for (nodes, want) in [
            (vec!["1.1.1.1"], Some((0, "1.1.1.1"))),
            (vec!["10.0.0.2", "1.1.1.1", "2.2.2.2"], Some((1, "1.1.1.1"))),
            (vec!["10.0.0.2", "10.0.0.3"], Some((1, "10.0.0.3"))),
            (vec!["10.0.0.2", "unknown", "2.2.2.2"], Some((0, "10.0.0.2"))),
            (vec!["unknown"], None),
            (vec![], None),
        ] {
            assert_eq!(some.client(nodes.iter().copied()), want.map(|(at, address)| (at, ip(address))), "{nodes:?}");
        }
        assert_eq!(some.client(std::iter::repeat("10.0.0.1")), Some((31, ip("10.0.0.1"))));
    }

    #[test]
    fn forwarded_elements() {
        let element = |node: &'static str, host: &'static str, proto| Element {
            node: (!node.is_empty()).then_some(Cow::Borrowed(node)),
            host: (!host.is_empty()).then_some(Cow::Borrowed(host)),
            proto,
        };
        for (field, want) in [
            ("for=192.0.2.43", Some(vec![element("192.0.2.43", "", None)])),
            ("For=\"[2001:db8:cafe::17]:4711\"", Some(vec![element("[2001:db8:cafe::17]:4711", "", None)])),
            (
                "for=1.1.1.1;proto=HTTPS;by=203.0.113.43;host=\"a:80\"",
                Some(vec![element("1.1.1.1", "a:80", Some(Scheme::Https))]),
            ),
            (
                "for=1.1.1.1, for=2.2.2.2 ; host=b",
                Some(vec![element("1.1.1.1", "", None), element("2.2.2.2", "b", None)]),
            ),
            ("for=\"a\\\"b,c\"", Some(vec![element("a\"b,c", "", None)])),
            ("proto=ftp", Some(vec![element("", "", None)])),
            ("", None),
            ("for", None),
            ("for=", None),
            ("for=\"1.1.1.1", None),
            ("for=1.1.1.1;", None),
            ("for=1.1.1.1,,for=2.2.2.2", None),
            ("for=1.1.1.1;for=2.2.2.2", None),
            ("for=1.1.1.1 for=2.2.2.2", None),
            ("f r=1", None),
        ] {
            assert_eq!(elements(field), want, "{field}");
        }
        assert_eq!(elements(&vec!["for=1.1.1.1"; 40].join(",")), None);
    }
}
