//! What the parts of a request cost, each by itself: `cargo bench --bench parts`, or `cargo bench --bench parts -- heads` for some.
//!
//! Criterion compares each figure with that of the run before. What a whole request takes is told by `instructions` and `peers`.

mod balance;
mod cache;
mod heads;
mod log;
mod routes;

use std::time::Duration;

use criterion::{Criterion, criterion_group, criterion_main};
use tidegate::config::model::Model;

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

criterion_group! {
    name = parts;
    config = Criterion::default().warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(2));
    targets = heads::bench, routes::bench, balance::bench, cache::bench, log::bench
}
criterion_main!(parts);

/// What a config means.
fn model(text: &str) -> Model {
    match tidegate::config::parse("bench.toml", text, &|_| None) {
        Ok(loaded) => loaded.model,
        Err(problems) => panic!("{problems}"),
    }
}
