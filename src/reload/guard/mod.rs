//! Whether a reload did harm, and what follows from that.
//!
//! ```text
//! slices of what routes did ──┐ before                after ┌── what they have done since
//!         history             ├──────► reload:  trial  ◄────┤
//!                             └  scope: whom it concerns  ──┘
//!                                        │ each second: decide
//!                                 undecided, keep, or go back
//! ```
//!
//! Everything here is told what was counted and what time it is. Who goes back, and how, is the server's.

mod judge;
mod pool;
mod scope;

mod decide;
mod history;
mod trial;
mod tried;

mod state;

pub use state::{Guard, Outcome, event};
pub use trial::Seen;
pub use tried::{Digest, Tried};

#[cfg(test)]
mod tests;
