//! Compression of responses: which, how, and the encoders.
//!
//! [`Compress`] is the policy of a route and decides by the request and the head of the response; [`EncodedBody`] does the work while the
//! body passes; [`Encoder`] and [`whole`] are the codings behind one face; [`Kit`] is what a worker keeps for them.

mod choose;
mod fields;
mod types;

mod body;
mod encoder;
mod kit;

pub use body::{EncodedBody, Plan};
pub use choose::{Compress, Packed, Reason, Verdict, Wish};
pub use encoder::{EncodeError, Encoder, Flow, whole};
pub(in crate::filter) use fields::{recode, vary};
pub use kit::Kit;

#[cfg(test)]
mod tests;
