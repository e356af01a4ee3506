//! Stories: the real program between real clients and scripted origins. [`support`] is the world that they play in.

#![allow(clippy::unwrap_used, unreachable_pub, dead_code, unused_imports)]

mod support;

mod bodies;
mod drain;
mod errors;
mod grpc;
mod headers;
mod http2;
mod limits;
mod reload;
mod routing;
mod timeouts;
mod tls;
mod websocket;
