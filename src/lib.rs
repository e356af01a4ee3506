//! Tidegate: a reverse proxy and edge gateway.

pub mod config;
pub mod http;
