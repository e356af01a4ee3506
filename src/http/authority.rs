//! Host and port of a request (RFC 3986 §3.2, RFC 9110 §7.2): strict, because routing, cache keys and certificates hang on it.

use std::net::Ipv6Addr;

use super::{Scheme, Text};

/// The authority in lower case, where it is a host with or without a port; no allocation where it was lower case already.
///
/// Refused (`None`): the empty host, user information, a comma, escapes and anything else outside letters, digits, `-`, `.`, `_`, `~`;
/// empty labels; a bracketed host that is no IPv6 address; a port that is empty or not 1 to 65535.
pub fn clean(authority: Text) -> Option<Text> {
    let text = authority.as_str();
    if is_plain(text.as_bytes()) {
        return Some(authority);
    }
    let (host, port) = split(text);
    if !(host_is_valid(host) && port.is_none_or(port_is_valid)) {
        return None;
    }
    if !text.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Some(authority);
    }
    Text::visible(text.to_ascii_lowercase().into_bytes().into())
}

/// Whether it is what nearly every authority is, in one pass: a name or an IPv4 address in lower case, perhaps with a port. What is not may be
/// one all the same.
fn is_plain(text: &[u8]) -> bool {
    let mut state = State::LabelBegins;
    for (at, byte) in text.iter().enumerate() {
        state = match (CLASSES[usize::from(*byte)], state) {
            (Class::Label, _) => State::Label,
            (Class::Dot, State::Label) => State::LabelBegins,
            (Class::Colon, State::Label) => return is_plain_port(&text[at + 1..]),
            _ => return false,
        };
    }
    state == State::Label
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    LabelBegins,
    Label,
}

/// What an octet is in a plain authority.
#[derive(Clone, Copy)]
enum Class {
    Other,
    Label,
    Dot,
    Colon,
}

const CLASSES: [Class; 256] = {
    let (mut classes, mut octet) = ([Class::Other; 256], 0);
    while octet < 256 {
        classes[octet] = match octet as u8 {
            b'a'..=b'z' | b'0'..=b'9' | b'-' => Class::Label,
            b'.' => Class::Dot,
            b':' => Class::Colon,
            _ => Class::Other,
        };
        octet += 1;
    }
    classes
};

/// One to five digits that are not above 65535, the first of them not 0.
fn is_plain_port(digits: &[u8]) -> bool {
    let port = digits.iter().try_fold(0u32, |port, digit| {
        digit.is_ascii_digit().then(|| port.saturating_mul(10).saturating_add(u32::from(digit - b'0')))
    });
    digits.len() <= 5 && digits.first() != Some(&b'0') && port.is_some_and(|port| (1..=65535).contains(&port))
}

/// Host (an IPv6 one with its brackets) and what follows the colon.
fn split(authority: &str) -> (&str, Option<&str>) {
    let host_end = if authority.starts_with('[') { authority.find(']').map_or(0, |end| end + 1) } else { 0 };
    match authority[host_end..].find(':') {
        Some(colon) => (&authority[..host_end + colon], Some(&authority[host_end + colon + 1..])),
        None => (authority, None),
    }
}

/// The host of a clean authority, an IPv6 one with its brackets.
pub fn host(authority: &str) -> &str {
    split(authority).0
}

/// The port of a clean authority, where it names one.
pub fn port(authority: &str) -> Option<u16> {
    split(authority).1.and_then(|port| port.parse().ok())
}

/// A clean authority without the port where it is the scheme's own, so that one place has one name.
pub fn shortest(authority: &str, scheme: Scheme) -> &str {
    let (host, port) = split(authority);
    let default = match scheme {
        Scheme::Http => "80",
        Scheme::Https => "443",
    };
    if port == Some(default) { host } else { authority }
}

/// Whether two clean authorities name the same place for that scheme: an absent port is the scheme's own.
pub fn same(one: &str, other: &str, scheme: Scheme) -> bool {
    let default = match scheme {
        Scheme::Http => 80,
        Scheme::Https => 443,
    };
    one == other || host(one) == host(other) && port(one).unwrap_or(default) == port(other).unwrap_or(default)
}

fn host_is_valid(host: &str) -> bool {
    if let Some(inside) = host.strip_prefix('[') {
        return inside.strip_suffix(']').is_some_and(|address| address.parse::<Ipv6Addr>().is_ok());
    }
    let named = host.strip_suffix('.').unwrap_or(host);
    let mut label_before = false;
    for byte in named.bytes() {
        match byte {
            b'.' if !label_before => return false,
            b'.' => label_before = false,
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => label_before = true,
            _ => return false,
        }
    }
    label_before
}

fn port_is_valid(port: &str) -> bool {
    port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_of_the_scheme_goes() {
        for (given, http, https) in [
            ("a", "a", "a"),
            ("a:80", "a", "a:80"),
            ("a:443", "a:443", "a"),
            ("[::1]:80", "[::1]", "[::1]:80"),
            ("", "", ""),
        ] {
            assert_eq!((shortest(given, Scheme::Http), shortest(given, Scheme::Https)), (http, https), "{given}");
        }
    }

    fn cleaned(authority: &str) -> Option<String> {
        let text = Text::visible(bytes::Bytes::copy_from_slice(authority.as_bytes()))?;
        clean(text).map(|text| text.as_str().to_owned())
    }

    #[test]
    fn authorities_that_pass() {
        for (given, want) in [
            ("example.com", "example.com"),
            ("EXAMPLE.com:8080", "example.com:8080"),
            ("localhost", "localhost"),
            ("a_b.example", "a_b.example"),
            ("xn--bcher-kva.example.", "xn--bcher-kva.example."),
            ("127.0.0.1:1", "127.0.0.1:1"),
            ("[::1]", "[::1]"),
            ("[2001:DB8::1]:65535", "[2001:db8::1]:65535"),
            ("[::ffff:1.2.3.4]", "[::ffff:1.2.3.4]"),
            ("example.com:00080", "example.com:00080"),
            ("a.b:65535", "a.b:65535"),
            ("a.b.:9", "a.b.:9"),
            ("-a:1", "-a:1"),
        ] {
            assert_eq!(cleaned(given).as_deref(), Some(want), "{given}");
        }
    }

    #[test]
    fn authorities_that_are_refused() {
        for given in [
            "",
            ".",
            "..",
            ".a",
            "a..b",
            "a..",
            ":80",
            "a:",
            "a:0",
            "a:65536",
            "a:+80",
            "a:8x",
            "a:80:80",
            "a:000080",
            "user@a",
            "u:p@a",
            "a,b",
            "a b",
            "a/b",
            "a\\b",
            "a%41",
            "a?b",
            "a#b",
            "[::1",
            "::1",
            "[]",
            "[::1]x",
            "[::1]:",
            "[::1%25eth0]",
            "[v1.x]",
            "[1.2.3.4]",
            "a*b",
            "<a>",
            "a'b",
            "[::1]:80:80",
            "a[::1]",
            "b\u{fc}cher.example",
        ] {
            assert_eq!(cleaned(given), None, "{given}");
        }
    }

    #[test]
    fn parts() {
        for (authority, want_host, want_port) in [
            ("a.b", "a.b", None),
            ("a.b:81", "a.b", Some(81)),
            ("[::1]", "[::1]", None),
            ("[::1]:82", "[::1]", Some(82)),
            ("", "", None),
        ] {
            assert_eq!((host(authority), port(authority)), (want_host, want_port), "{authority}");
        }
    }

    #[test]
    fn an_absent_port_is_the_schemes() {
        assert!(same("a:80", "a", Scheme::Http));
        assert!(same("a", "a:443", Scheme::Https));
        assert!(!same("a", "a:443", Scheme::Http));
        assert!(!same("a:80", "b:80", Scheme::Http));
    }
}
