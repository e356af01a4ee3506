//! From the operator's TOML to what it means: `raw` (one to one with the file) -> `lower` (all problems at once) -> `model`.
//!
//! [`load()`] reads a file and all it includes. `keys` says once what every key is called, what it takes, what it is by default
//! and what it is for; the decoder, the messages, `tidegate defaults` and the JSON Schema all read those tables.
//! Nothing here opens a socket, and no file but those of the config itself.

pub mod model;
pub mod template;

mod problem;
mod source;

mod keys;
mod kind;
mod words;

mod env;
mod include;
mod raw;

mod fields;
mod found;
mod lower;
mod nearest;
mod scalar;

mod load;
mod outline;
mod shown;

mod docker;
mod endpoints_file;
mod joined;
mod json;

mod render;

pub mod reference;
pub mod schema;

pub use endpoints_file::read_endpoints;
pub use env::Environment;
pub use joined::Written;
pub use load::{Loaded, load, minimal_proxy, parse, written};
pub use outline::{Outline, Prints, Setting};
pub use problem::{Problem, ProblemKind, Problems, Severity};
pub use source::{Sources, Span};

#[cfg(test)]
mod tests;
