//! Who asks: Basic, API keys and JSON Web Tokens, decided here; and what a forward subrequest may carry.
//!
//! Nothing here waits. A password takes too long for a worker, so it goes to [`password`]'s threads; keys from a URL are fetched by the
//! control thread into [`jwks::Remote`]. A secret is in no `Debug`.

pub mod basic;
mod encoding;
pub mod forward;
pub mod identity;
pub mod jwks;
pub mod jwt;
pub mod keys;
mod memo;
pub mod password;
mod policy;
mod refusal;

pub use identity::{Identity, IdentityNames};
pub use memo::{Memo, Remembered};
pub use policy::Auth;
pub use refusal::{AuthFault, AuthProblem};

/// A name as logs and limits hold it.
pub type Name = std::sync::Arc<str>;
