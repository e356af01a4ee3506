//! Taking a coding off: from requests for upstreams that want plain content, and from responses for clients that do not take it.
//!
//! What comes in is not trusted: a body is decoded a piece at a time into a buffer of fixed size, and a limit and a ratio bound what it may
//! become on the whole.

mod body;
mod decoder;
mod request;
mod response;

pub use body::{Bounds, DecodedBody, Tally};
pub use decoder::{DecodeError, Decoder};
pub use request::{Decompress, Uncoded};
pub use response::decode_for;
