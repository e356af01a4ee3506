//! What holds for any bytes. The targets run these under libFuzzer, and `tests/it/hostile/properties.rs` with random bytes in every test run.

pub mod properties;

#[path = "../../tests/it/hostile/strict.rs"]
pub mod strict;
