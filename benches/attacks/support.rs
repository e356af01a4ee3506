//! What the stories say frames with.

#[path = "../../tests/it/support/frames.rs"]
#[allow(dead_code)]
pub mod frames;
