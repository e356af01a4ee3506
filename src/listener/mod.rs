//! Sockets that listen, and the loop that accepts. What is done with a connection is the caller's: this module knows no protocol.

mod accept;
mod clients;
pub mod handover;
mod socket;

pub use accept::{Accepted, Acceptor, Gate, Place, accept};
pub use clients::{ClientPlace, Clients};
pub use socket::{BindError, Bound, adopt, bind, give_up_after};
