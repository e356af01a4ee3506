//! Version 1 (§2.1): `PROXY TCP4 192.0.2.1 192.0.2.2 56324 443\r\n`.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Header, LONGEST_V1, Parse, Reason};

pub(super) const START: &[u8] = b"PROXY ";

/// Octets that begin with [`START`], or with a part of it.
pub(super) fn parse(octets: &[u8]) -> Parse {
    let within = &octets[..octets.len().min(LONGEST_V1)];
    let Some(end) = memchr::memchr(b'\n', within) else {
        let full = within.len() == LONGEST_V1;
        return if full { Parse::Invalid(Reason::LineTooLong) } else { Parse::Incomplete };
    };
    // A line feed cannot be within START.
    let line = within[..end].strip_suffix(b"\r").and_then(|line| line.strip_prefix(START));
    let line = line.and_then(|line| std::str::from_utf8(line).ok()).ok_or(Reason::BadAddress);
    match line.and_then(header) {
        Ok(header) => Parse::Done { header_len: end + 1, header },
        Err(reason) => Parse::Invalid(reason),
    }
}

fn header(line: &str) -> Result<Header, Reason> {
    let mut words = line.split(' ');
    let address: fn(&str) -> Option<IpAddr> = match words.next() {
        // What follows is to be ignored.
        Some("UNKNOWN") => return Ok(Header::Unknown),
        Some("TCP4") => |word| word.parse::<Ipv4Addr>().ok().map(IpAddr::V4),
        Some("TCP6") => |word| word.parse::<Ipv6Addr>().ok().map(IpAddr::V6),
        _ => return Err(Reason::UnknownProtocol),
    };
    let mut next_address = || words.next().and_then(address).ok_or(Reason::BadAddress);
    let (source, destination) = (next_address()?, next_address()?);
    let mut next_port = || words.next().and_then(port).ok_or(Reason::BadAddress);
    let (source, destination) = (SocketAddr::new(source, next_port()?), SocketAddr::new(destination, next_port()?));
    match words.next() {
        None => Ok(Header::Tcp { source, destination }),
        Some(_) => Err(Reason::BadAddress),
    }
}

/// Decimal without sign and without zeros in front.
fn port(word: &str) -> Option<u16> {
    let plain = word.bytes().all(|byte| byte.is_ascii_digit()) && (word == "0" || !word.starts_with('0'));
    plain.then(|| word.parse().ok()).flatten()
}
