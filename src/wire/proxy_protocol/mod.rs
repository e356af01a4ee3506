//! The PROXY protocol, versions 1 and 2: who is at the other end of a connection that something else relays.
//!
//! After <https://www.haproxy.org/download/3.2/doc/proxy-protocol.txt>, both ways and pure: octets in, a verdict out. Lives in `wire`
//! because listeners read headers and upstreams write them. Whose header is believed is the listener's business.

mod crc32c;
mod encode;
mod header;
mod v1;
mod v2;

#[cfg(test)]
mod tests;

pub use encode::encode;
pub use header::{Header, Parse, Reason, Version};

/// Octets of the longest version 1 header, `\r\n` included.
pub const LONGEST_V1: usize = 107;
/// Octets of the longest version 2 header that we take: its 16, the addresses, and type-length-values that no sender needs more of.
/// The length field would allow 65551.
pub const LONGEST_V2: usize = 4096;
/// A buffer of this many octets holds any header that is taken.
pub const LONGEST: usize = LONGEST_V2;

/// Looks at the first octets of a connection. Decides as early as the octets allow; never reads beyond the header.
pub fn parse(octets: &[u8]) -> Parse {
    if octets.is_empty() {
        return Parse::Incomplete;
    }
    if begins(octets, v1::START) {
        return v1::parse(octets);
    }
    if begins(octets, v2::SIGNATURE) {
        return v2::parse(octets);
    }
    Parse::Invalid(Reason::NoHeader)
}

/// Whether the octets begin with that start, or are the beginning of it.
fn begins(octets: &[u8], start: &[u8]) -> bool {
    octets.iter().zip(start).all(|(octet, wanted)| octet == wanted)
}
