//! What a header says, and the verdicts of reading one.

use std::net::SocketAddr;

/// Which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// A line of text.
    V1,
    /// Binary.
    V2,
}

/// What a header says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Header {
    /// The relay connected for itself, to see whether we live; the connection's own addresses count. Version 2 only.
    Local,
    /// Relayed for somebody that the header does not name: version 1 `UNKNOWN`; in version 2 no address family, or datagrams, which
    /// a stream cannot have brought. The connection's own addresses count.
    Unknown,
    /// Relayed TCP.
    Tcp {
        /// Who connected to the relay.
        source: SocketAddr,
        /// Where to.
        destination: SocketAddr,
    },
    /// A relayed unix socket; paths without the zeros that fill them up, a leading zero for an abstract one. Version 2 only.
    Unix {
        /// Who connected to the relay, seldom bound to a path; at most 108 octets.
        source: Vec<u8>,
        /// Where to; at most 108 octets.
        destination: Vec<u8>,
    },
}

impl Header {
    /// The client's address, where the header tells one.
    pub const fn source(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp { source, .. } => Some(*source),
            _ => None,
        }
    }
}

/// What the first octets of a connection are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Parse {
    /// The beginning of a header, as far as can be seen: read on. Never for [`super::LONGEST`] octets or more.
    Incomplete,
    /// A whole header.
    Done {
        /// Octets of the header; what follows is the client's.
        header_len: usize,
        /// What it says.
        header: Header,
    },
    /// No header: close the connection.
    Invalid(Reason),
}

/// Why octets are no header. The sender's fault, each of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// They begin like neither version.
    NoHeader,
    /// Version 1: no `\r\n` within [`super::LONGEST_V1`] octets.
    LineTooLong,
    /// Version 1: not `TCP4`, `TCP6` or `UNKNOWN`.
    UnknownProtocol,
    /// Version 1: an address or a port that is none, too few or too many of them.
    BadAddress,
    /// Version 2: a version, command, family or transport that the specification does not have.
    BadCode,
    /// Version 2: more octets than [`super::LONGEST_V2`].
    TooLong,
    /// Version 2: fewer octets than the addresses of that family have.
    TooShort,
    /// Version 2: a type-length-value that reaches over the end, or a checksum that is not four octets or is there twice.
    BadTlv,
    /// Version 2: the checksum is there and wrong.
    BadChecksum,
}

impl Reason {
    /// The word in logs and metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Self::NoHeader => "no_header",
            Self::LineTooLong => "line_too_long",
            Self::UnknownProtocol => "unknown_protocol",
            Self::BadAddress => "bad_address",
            Self::BadCode => "bad_code",
            Self::TooLong => "too_long",
            Self::TooShort => "too_short",
            Self::BadTlv => "bad_tlv",
            Self::BadChecksum => "bad_checksum",
        }
    }
}
