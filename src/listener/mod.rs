//! Sockets that listen, and the loop that accepts. What is done with a connection is the caller's: this module knows no protocol.

mod accept;
mod socket;

pub use accept::{Accepted, Acceptor, Gate, Place, accept};
pub use socket::{BindError, Bound, bind};
