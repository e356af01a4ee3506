//! Version 2 (§2.2): a signature, codes, a length, addresses, and type-length-values.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::crc32c::crc32c;
use super::{Header, LONGEST_V2, Parse, Reason};

pub(super) const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
/// Signature, version and command, family and transport, length.
pub(super) const FIXED: usize = 16;
/// Octets of a unix socket's path.
pub(super) const PATH: usize = 108;
/// `PP2_TYPE_CRC32C`
const TYPE_CRC32C: u8 = 0x03;

/// Octets that begin with [`SIGNATURE`], or with a part of it.
pub(super) fn parse(octets: &[u8]) -> Parse {
    if let Err(reason) = codes(octets) {
        return Parse::Invalid(reason);
    }
    let Some(fixed) = octets.get(..FIXED) else { return Parse::Incomplete };
    let header_len = FIXED + usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    if header_len > LONGEST_V2 {
        return Parse::Invalid(Reason::TooLong);
    }
    let Some(whole) = octets.get(..header_len) else { return Parse::Incomplete };
    match header(whole) {
        Ok(header) => Parse::Done { header_len, header },
        Err(reason) => Parse::Invalid(reason),
    }
}

/// Refuses what no later octet can mend. "Receivers must drop connections presenting unexpected values here."
fn codes(octets: &[u8]) -> Result<(), Reason> {
    let is_known = |at: usize, known: fn(u8) -> bool| octets.get(at).is_none_or(|octet| known(*octet));
    let command = is_known(12, |octet| matches!(octet, 0x20 | 0x21));
    let family = is_known(13, |octet| octet >> 4 <= 3 && octet & 0xf <= 2);
    if command && family { Ok(()) } else { Err(Reason::BadCode) }
}

fn header(whole: &[u8]) -> Result<Header, Reason> {
    let (fixed, rest) = whole.split_at(FIXED);
    if fixed[12] == 0x20 {
        // LOCAL: "the receiver must accept this connection as valid and must use the real connection endpoints and discard the
        // protocol block".
        return Ok(Header::Local);
    }
    let length = match fixed[13] >> 4 {
        1 => 12,
        2 => 36,
        3 => 2 * PATH,
        _ => 0,
    };
    let (addresses, tlvs) = rest.split_at_checked(length).ok_or(Reason::TooShort)?;
    verify(whole, tlvs)?;
    Ok(match fixed[13] {
        0x11 => tcp(v4(&addresses[..4]), v4(&addresses[4..8]), &addresses[8..]),
        0x21 => tcp(v6(&addresses[..16]), v6(&addresses[16..32]), &addresses[32..]),
        0x31 => Header::Unix { source: path(&addresses[..PATH]), destination: path(&addresses[PATH..]) },
        _ => Header::Unknown,
    })
}

fn tcp(source: IpAddr, destination: IpAddr, ports: &[u8]) -> Header {
    let port = |at: usize| u16::from_be_bytes([ports[at], ports[at + 1]]);
    Header::Tcp { source: SocketAddr::new(source, port(0)), destination: SocketAddr::new(destination, port(2)) }
}

fn v4(octets: &[u8]) -> IpAddr {
    let mut address = [0; 4];
    address.copy_from_slice(octets);
    IpAddr::V4(Ipv4Addr::from(address))
}

fn v6(octets: &[u8]) -> IpAddr {
    let mut address = [0; 16];
    address.copy_from_slice(octets);
    IpAddr::V6(Ipv6Addr::from(address))
}

fn path(octets: &[u8]) -> Vec<u8> {
    let end = octets.iter().rposition(|octet| *octet != 0).map_or(0, |last| last + 1);
    octets[..end].to_vec()
}

/// Walks the type-length-values, which must fill the header to its end; the checksum, where there is one, must be right.
fn verify(whole: &[u8], mut tlvs: &[u8]) -> Result<(), Reason> {
    let mut checksum = None;
    while !tlvs.is_empty() {
        let (head, rest) = tlvs.split_at_checked(3).ok_or(Reason::BadTlv)?;
        let length = usize::from(u16::from_be_bytes([head[1], head[2]]));
        let at = whole.len() - rest.len();
        let (value, rest) = rest.split_at_checked(length).ok_or(Reason::BadTlv)?;
        if head[0] == TYPE_CRC32C {
            let sent = <[u8; 4]>::try_from(value).map_err(|_| Reason::BadTlv)?;
            if checksum.replace((at, u32::from_be_bytes(sent))).is_some() {
                return Err(Reason::BadTlv);
            }
        }
        tlvs = rest;
    }
    match checksum {
        // Over the header with zeros in the place of the checksum itself (§2.2.3).
        Some((at, sent)) if crc32c([&whole[..at], &[0; 4], &whole[at + 4..]]) != sent => Err(Reason::BadChecksum),
        _ => Ok(()),
    }
}
