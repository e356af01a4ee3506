//! Tidegate: a reverse proxy and edge gateway.

pub mod admin;
pub mod cli;

pub mod reload;
pub mod server;

pub mod proxy;
pub mod snapshot;

pub mod config;

pub mod files;
pub mod filter;
pub mod listener;
pub mod routing;
pub mod tls;
pub mod upstream;

pub mod wire;

pub mod http;
pub mod observe;
