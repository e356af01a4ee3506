//! Rate limits: how many requests one key may make, counted in the whole process without a lock and in memory that never grows.
//!
//! [`gcra`] decides, [`table`] remembers, [`Limit`] puts them together with the key of a request.

mod fields;
pub mod gcra;
mod key;
mod rule;
mod table;

pub use fields::tell;
pub use gcra::{Quota, Standing};
pub use key::KeyRecipe;
pub use rule::{Counts, Limit, LimitRule, Outcome};
