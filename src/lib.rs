//! Tidegate: a reverse proxy and edge gateway.
//!
//! The modules stand in reading order. [`cli`] is what an operator types; it hands over to [`server`], which puts listeners, workers and the
//! control thread together. A config becomes a [`snapshot`] by way of [`reload`], and every request reads that snapshot.
//! [`proxy::pipeline`] is the table of contents of a request: begin there to see what happens, and in which order.
//!
//! ```text
//! cli -> server -+-> reload -> snapshot::compile -> config
//!                +-> listener
//!                +-> admin
//!                +-> proxy -> snapshot -> routing, filter, upstream, files -> tls -> wire -> http, observe
//! ```
//!
//! Three things hold everywhere. A worker shares nothing that changes: it has its own sockets, connections and counters, and on the way of a
//! request there is no lock, no file and no look into the config. Decisions are pure functions of data and `now`; sockets and clocks are a
//! thin shell around them. Whatever says no says why, with one word that is the same in log, metric, response and guide.

pub mod admin;
pub mod cli;

pub mod reload;
pub mod server;

pub mod proxy;
pub mod snapshot;

pub mod config;

pub mod cache;
pub mod edge;
pub mod files;
pub mod filter;
pub mod listener;
pub mod routing;
pub mod tls;
pub mod upstream;

pub mod wire;

pub mod http;
pub mod observe;
