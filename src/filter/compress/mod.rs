//! Compression of responses: which, how, and the encoders.
//!
//! [`Compress`] is the policy of a route and decides by the request and the head of the response; [`EncodedBody`] does the work while the
//! body passes; [`Encoder`] and [`whole`] are the codings behind one face; [`Kit`] is what a worker keeps for them.

mod choose;
mod fields;
mod shared;
mod types;

mod body;
mod dcb;
mod encoder;
mod kit;
mod slice;

pub use body::{EncodedBody, Plan};
pub use choose::{Choice, Compress, How, Packed, Reason, Verdict, Wish, place};
pub use encoder::{EncodeError, Encoder, Flow, whole};
pub(in crate::filter) use fields::{recode, vary};
pub use kit::{Kit, Place};
pub use slice::{at_once, slice};

#[cfg(test)]
mod shared_tests;
#[cfg(test)]
mod tests;
