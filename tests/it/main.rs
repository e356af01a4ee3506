//! Stories: the real program between real clients and scripted origins. [`support`] is the world that they play in.

#![allow(clippy::unwrap_used, unreachable_pub)]

mod support;

mod access_log;
mod bodies;
mod cache;
mod cli;
mod compression;
mod drain;
mod errors;
mod files;
mod grpc;
mod h2spec;
mod headers;
mod health;
mod hostile;
mod http2;
mod limits;
mod proxy_protocol;
mod real_clients;
mod reload;
mod retries;
mod routing;
mod timeouts;
mod tls;
mod upstreams;
mod websocket;
