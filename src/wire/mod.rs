//! HTTP on the wire: codecs of both sides, and the streams below them. Knows messages and bodies, nothing of routes or upstreams.
//!
//! One connection of HTTP/1 and the exchange on it are one task: what the client sends, what the upstream answers and every deadline
//! wake the same task, and nothing is sent between tasks. HTTP/2 is the `h2` crate's, with one task for each stream.

pub mod stream;

pub mod buffers;
pub mod pace;
pub mod timer;
pub mod turns;
pub mod writer;

pub mod h1;
pub mod h2;

pub mod proxy_protocol;

mod exchange;

pub use exchange::{Answer, Delivery, Drain, DrainWatch, End, Exchanges, Receipt, Refused, Task};

use crate::http::sanitize::Limits;

/// What a trailer section may have, on either side.
const TRAILER_LIMITS: Limits =
    Limits { max_fields: 64, max_field_size: 4 * 1024, max_target_size: 0, max_head_size: 16 * 1024 };
