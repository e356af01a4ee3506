//! One request and its response: [`pipeline`] is the table of contents, the other modules are its chapters.

pub mod pipeline;

mod admit;
mod entry;

mod auth;
mod edge;

mod codings;
mod filtering;
mod inject;

mod action;
mod cached;
mod forward;
mod upgrade;

pub mod fault;
mod respond;

mod ticket;
mod trace;

pub mod client;
pub mod worker;

pub use client::Client;
pub use fault::Fault;
pub use worker::{Worker, World};
