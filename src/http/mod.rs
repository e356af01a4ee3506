//! The vocabulary of HTTP: messages, fields, bodies and the pure rules about them. Knows nothing of sockets.

mod body;
mod headers;
mod message;

pub use body::{Body, BodyError, BodyStream, Frame, Length};
pub use headers::Headers;
pub use message::{Interim, Request, Response, Scheme, Target, Text, Upgrade};
