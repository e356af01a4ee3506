//! The world that the stories play in: an origin, the real program, and clients.
//!
//! A story starts an [`Origin`] with a script, a [`Proxy`] with a config that names it, and looks at what comes out at either
//! end. Everything is on loopback and on ports that the system chooses. Nothing sleeps to let time pass: a script waits on a
//! [`Gate`], a client waits for bytes, and whatever takes longer than [`PATIENCE`] fails.
//!
//! Where a real client is not installed, a story prints `skipped: curl is not installed` and ends; with
//! `TIDEGATE_REQUIRE_TOOLS=1` (so in `.ci/run`) it fails instead.

mod certificates;
mod chromium;
mod collector;
mod devtools;
mod dns;
mod edge;
mod engine;
mod folder;
pub mod frames;
mod gate;
mod http2;
mod message;
mod origin;
mod proxy;
mod tls;
mod tls_origin;
mod tools;
mod wire;

pub use certificates::{Authority, Issued};
pub use chromium::Page;
pub use collector::{Answered, Collector, GrpcCollector};
pub use devtools::Tab;
pub use dns::{NameServer, Said};
pub use edge::Edge;
pub use engine::{Engine, container};
pub use folder::Folder;
pub use gate::{Gate, eventually};
pub use http2::{H2Origin, block_on, h2_ask, h2_body, h2_connect, h2_connect_tls, h2_ends, h2_reason};
pub use message::Message;
pub use origin::{Origin, Visit, ok};
pub use proxy::{Proxy, config_command, outcome, try_start};
pub use tls::{tls_config, tls_connect};
pub use tls_origin::{Handshake, TlsOrigin, tls_server_config};
pub use tools::{dead_address, free_port, missing, python, tool};
pub use wire::Wire;

use std::time::Duration;

/// How long anything may take before a story fails.
pub const PATIENCE: Duration = Duration::from_secs(20);
