//! The vocabulary of HTTP: messages, fields, bodies and the pure rules about them. Knows nothing of sockets.

pub mod authority;
mod body;
pub mod conditional;
pub mod cookie;
pub mod date;
pub mod dictionary;
pub mod forwarded;
pub mod grpc;
mod headers;
pub mod hop;
pub mod key;
mod message;
pub mod multipart;
pub mod negotiate;
pub mod normal;
pub mod path;
pub mod range;
mod refusal;
pub mod request_id;
pub mod sanitize;
pub mod structured;
pub mod trust;

pub use body::{Body, BodyError, BodyStream, Frame, Length};
pub use headers::{Headers, SharedFields};
pub use message::{Interim, Request, Response, Scheme, Target, Text, Upgrade};
