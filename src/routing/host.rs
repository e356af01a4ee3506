//! The normal form of a host: no port, no dot at the end, lower case, IPv6 without brackets and in its shortest form.

use std::io::Write;
use std::net::Ipv6Addr;

/// No name in the DNS is longer than 253 octets (RFC 1035 §3.1), so no pattern can match a longer host.
const LONGEST: usize = 255;

/// Room for the normal form of one host, on the stack.
pub(super) struct HostBuffer([u8; LONGEST]);

impl HostBuffer {
    /// Empty room.
    pub(super) const fn new() -> Self {
        Self([0; LONGEST])
    }

    /// The normal form of a host or authority; empty where there is none or it is too long to be matched by a pattern.
    pub(super) fn normal<'a>(&'a mut self, authority: &'a str) -> &'a [u8] {
        let host = without_port(authority);
        if let Some(inside) = host.strip_prefix('[') {
            return self.address(inside.strip_suffix(']').unwrap_or(inside));
        }
        let host = host.strip_suffix('.').unwrap_or(host).as_bytes();
        if host.len() > LONGEST {
            return &[];
        }
        if !host.iter().any(u8::is_ascii_uppercase) {
            return host;
        }
        let room = &mut self.0[..host.len()];
        room.copy_from_slice(host);
        room.make_ascii_lowercase();
        room
    }

    fn address<'a>(&'a mut self, inside: &'a str) -> &'a [u8] {
        let Ok(address) = inside.parse::<Ipv6Addr>() else { return inside.as_bytes() };
        let mut free = &mut self.0[..];
        // The longest address has 45 octets, so this fits.
        let written = write!(free, "{address}").map(|()| LONGEST - free.len());
        written.map_or(inside.as_bytes(), |length| &self.0[..length])
    }
}

/// The normal form of a host in the config.
pub(super) fn normal(host: &str) -> Box<[u8]> {
    let mut room = HostBuffer::new();
    match host.parse::<Ipv6Addr>() {
        Ok(address) => address.to_string().into_bytes().into(),
        Err(_) => room.normal(host).into(),
    }
}

/// The host of an authority; brackets stay.
pub(crate) fn without_port(authority: &str) -> &str {
    match authority.rfind([':', ']']) {
        Some(at) if authority.as_bytes()[at] == b':' => &authority[..at],
        _ => authority,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_forms() {
        let long = "a".repeat(256);
        let cases = [
            ("example.com", "example.com"),
            ("EXAMPLE.com.:8443", "example.com"),
            ("example.com:", "example.com"),
            ("example.com.", "example.com"),
            ("example.com..", "example.com."),
            ("", ""),
            (":80", ""),
            ("127.0.0.1:80", "127.0.0.1"),
            ("[::1]:8443", "::1"),
            ("[::1]", "::1"),
            ("[2001:DB8:0::0:1]:1", "2001:db8::1"),
            ("[v1.fe]", "v1.fe"),
            (&long, ""),
        ];
        for (authority, expected) in cases {
            let mut room = HostBuffer::new();
            assert_eq!(std::str::from_utf8(room.normal(authority)), Ok(expected), "{authority}");
        }
        for (host, expected) in [("::1", "::1"), ("[0:0::1]", "::1"), ("Example.com", "example.com")] {
            assert_eq!(&*normal(host), expected.as_bytes(), "{host}");
        }
    }
}
