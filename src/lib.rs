//! Tidegate: a reverse proxy and edge gateway.

pub mod cli;
pub mod config;
pub mod files;
pub mod filter;
pub mod http;
pub mod observe;
pub mod routing;
pub mod tls;
pub mod wire;
