//! What a route decides before a request goes further: who may come, how often, and who it is. And what its responses tell browsers.
//!
//! Each policy is compiled once for each snapshot and decides by itself, of values that it is given; [`crate::proxy`] asks them in order.
//! A route without any of them has no [`Edge`], which costs a request one comparison.

mod access;
pub mod auth;
pub mod bandwidth;
mod cors;
pub mod limit;
mod security;

use std::sync::Arc;

pub use access::AccessRules;
pub use cors::{Cors, Denied, Preflight};
pub use security::SecurityFields;

use self::auth::Auth;
use self::limit::LimitRule;
use crate::config::model::{Bandwidth, EdgePolicies};

/// The policies of one route.
#[derive(Debug)]
pub struct Edge {
    /// `allow` and `deny`; none: everybody may come
    pub access: Option<AccessRules>,
    /// `rate_limit`
    pub limits: Box<[LimitRule]>,
    /// `bandwidth`
    pub bandwidth: Bandwidth,
    /// `auth`
    pub auth: Option<Auth>,
    /// `cors`
    pub cors: Option<Cors>,
    /// `security_headers`
    pub security: Option<SecurityFields>,
}

impl Edge {
    /// Of a route, whose limits and authentication are those; `None` where it has no such policy.
    pub fn compile(policies: &EdgePolicies, limits: Vec<LimitRule>, auth: Option<Auth>) -> Option<Arc<Self>> {
        let edge = Self {
            access: AccessRules::compile(&policies.access),
            limits: limits.into(),
            bandwidth: policies.bandwidth,
            auth,
            cors: policies.cors.as_ref().map(Cors::compile),
            security: policies.security_headers.as_ref().map(SecurityFields::compile),
        };
        let bounded = !edge.limits.is_empty() || edge.bandwidth != Bandwidth::default();
        let any =
            edge.access.is_some() || edge.auth.is_some() || bounded || edge.cors.is_some() || edge.security.is_some();
        any.then(|| Arc::new(edge))
    }
}
