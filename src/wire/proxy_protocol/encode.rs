//! Headers for upstreams.

use std::net::{IpAddr, SocketAddr};

use super::v2::{FIXED, PATH, SIGNATURE};
use super::{Header, Version};

/// The octets that open a connection. Addresses of two families are both sent as IPv6 ones, the IPv4 one mapped. What version 1
/// has no word for (a unix socket, a check of our own) is `UNKNOWN` in it. Paths are cut at 108 octets.
pub fn encode(version: Version, header: &Header) -> Vec<u8> {
    match version {
        Version::V1 => line(header).into_bytes(),
        Version::V2 => binary(header),
    }
}

fn line(header: &Header) -> String {
    let Header::Tcp { source, destination } = header else { return "PROXY UNKNOWN\r\n".to_owned() };
    let (source, destination) = one_family(*source, *destination);
    let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
    let (from, to) = (source.ip(), destination.ip());
    format!("PROXY {family} {from} {to} {} {}\r\n", source.port(), destination.port())
}

fn binary(header: &Header) -> Vec<u8> {
    let (command, family, addresses) = match header {
        Header::Local => (0x20, 0x00, Vec::new()),
        Header::Unknown => (0x21, 0x00, Vec::new()),
        Header::Tcp { source, destination } => tcp(*source, *destination),
        Header::Unix { source, destination } => (0x21, 0x31, [path(source), path(destination)].concat()),
    };
    let mut octets = Vec::with_capacity(FIXED + addresses.len());
    octets.extend_from_slice(SIGNATURE);
    octets.extend([command, family]);
    octets.extend((addresses.len() as u16).to_be_bytes());
    octets.extend(addresses);
    octets
}

fn tcp(source: SocketAddr, destination: SocketAddr) -> (u8, u8, Vec<u8>) {
    let (source, destination) = one_family(source, destination);
    let mut addresses = Vec::with_capacity(36);
    for address in [source, destination] {
        match address.ip() {
            IpAddr::V4(address) => addresses.extend(address.octets()),
            IpAddr::V6(address) => addresses.extend(address.octets()),
        }
    }
    addresses.extend(source.port().to_be_bytes());
    addresses.extend(destination.port().to_be_bytes());
    (0x21, if source.is_ipv4() { 0x11 } else { 0x21 }, addresses)
}

fn one_family(source: SocketAddr, destination: SocketAddr) -> (SocketAddr, SocketAddr) {
    let mapped = |address: SocketAddr| match address.ip() {
        IpAddr::V4(v4) => SocketAddr::new(IpAddr::V6(v4.to_ipv6_mapped()), address.port()),
        IpAddr::V6(_) => address,
    };
    if source.is_ipv4() == destination.is_ipv4() {
        (source, destination)
    } else {
        (mapped(source), mapped(destination))
    }
}

fn path(path: &[u8]) -> [u8; PATH] {
    let mut whole = [0; PATH];
    let length = path.len().min(PATH);
    whole[..length].copy_from_slice(&path[..length]);
    whole
}
