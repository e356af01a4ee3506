//! HTTP/2 (RFC 9113), both sides, on the `h2` crate.
