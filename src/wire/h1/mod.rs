//! HTTP/1.0 and HTTP/1.1 (RFC 9112), both sides, in our own code: strict, with every limit and error ours, and nothing between the socket
//! and the exchange.

mod names;
mod refused;
mod scan;
mod seek;

pub mod parse;

pub mod framing;

pub mod encode;

pub mod server;

pub mod client;

mod outgoing;
