//! Where endpoints come from that the config does not list by address: names, services (SRV records) and files.
//!
//! ```text
//! config: "10.0.0.8:9000"          ->                                        one endpoint
//!         "api.internal:9000"      -> A, AAAA  -> every address ->           an endpoint each
//!         "srv:_http._tcp.api"     -> SRV -> names, ports -> A, AAAA ->      an endpoint each, with weight; backups by priority
//!         endpoints_file           -> a list of any of these
//! ```
//!
//! [`Answers`] is what has been found out. What it makes of an upstream is said by [`spots()`], and what has to be asked by [`wanted`]; both are
//! pure. When an answer is asked for again is said in [`schedule`]. [`resolver`] asks. Who runs them, on the control thread, is the server.

pub mod answers;
pub mod resolver;
pub mod schedule;
pub mod spots;

pub use answers::{Answers, Query, ServiceRecord, wanted};
pub use resolver::{LookupFailure, Resolver};
pub use schedule::Schedule;
pub use spots::{Spot, spots};
