//! Hostile clients and hostile upstreams, over raw sockets, through the real program.
//!
//! [`corpus`] sends messages that two servers could read in two ways to an origin ([`recorder`]) that keeps every byte and reads it
//! by [`strict`], a reader of RFC 9112 that shares no line with the program. A message is refused, or it arrives as one request that
//! means what was sent; and a good request behind it on the same connection is never touched.

mod case;
mod corpus;
mod downgrade;
mod floods;
mod properties;
mod recorder;
mod strict;
mod trial;
mod upstreams;
