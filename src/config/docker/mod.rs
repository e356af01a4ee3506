//! What the labels of containers mean: upstreams and routes, written as a config would have them, and joined with it.
//!
//! ```text
//! containers ── labels: each read by itself ── services: who agrees with whom, and with the file ── text ── joined with the file
//!                 │ a mistake                      │ a conflict
//!                 └──────────── unheard: container, label, why; everybody else goes on ─────────┘
//! ```
//!
//! Labels are written by whoever may start a container. So they are a small language of their own: no paths of files, no environment, no word about
//! anything that the file says.

mod labels;
mod services;
mod text;

pub(super) use services::{Service, services};
pub(super) use text::text;

#[cfg(test)]
mod tests;
