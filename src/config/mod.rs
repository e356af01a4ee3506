//! From the operator's TOML to what it means: `raw` (one to one with the file) -> `lower` (all problems at once) -> `model`.

pub mod model;
pub mod template;
