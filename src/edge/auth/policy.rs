//! `auth` of a route, compiled: its ways, and what they share.

use http::{HeaderName, HeaderValue};

use super::AuthProblem;
use super::basic::Basic;
use super::forward::ForwardAuth;
use super::jwks::Remotes;
use super::jwt::Jwt;
use super::keys::ApiKeys;
use crate::config::model;

/// `auth` of a route, compiled.
#[derive(Debug)]
pub struct Auth {
    /// `basic`
    pub basic: Option<Basic>,
    /// `api_keys`
    pub keys: Option<ApiKeys>,
    /// `jwt`
    pub jwt: Option<Jwt>,
    /// `forward`
    pub forward: Option<ForwardAuth>,
    /// Carries the name of who asks.
    pub user_header: Option<HeaderName>,
    /// Whether the upstream sees the credentials.
    pub forward_credentials: bool,
    /// `WWW-Authenticate` of a 401.
    challenges: Vec<HeaderValue>,
    /// What tells the upstream who asks.
    pub names: Vec<HeaderName>,
}

impl Auth {
    /// Of a route. `remotes` has the keys that are fetched.
    ///
    /// # Errors
    /// What files and values have wrong, with keys below `auth`.
    pub fn compile(auth: &model::Auth, remotes: &mut Remotes<'_>) -> Result<Self, Vec<AuthProblem>> {
        let mut problems = Vec::new();
        let mut keep = |problem: AuthProblem| problems.push(problem);
        let basic = auth.basic.as_ref().and_then(|basic| Basic::compile(basic).map_err(&mut keep).ok());
        let keys = auth.api_keys.as_ref().and_then(|keys| ApiKeys::compile(keys).map_err(&mut keep).ok());
        let jwt = auth.jwt.as_ref().and_then(|jwt| Jwt::compile(jwt, remotes).map_err(&mut keep).ok());
        if !problems.is_empty() {
            return Err(problems);
        }
        let realm = &auth.realm;
        let schemes = [
            jwt.as_ref().map(|_| format!("Bearer realm=\"{realm}\"")),
            basic.as_ref().map(|_| format!("Basic realm=\"{realm}\", charset=\"UTF-8\"")),
            keys.as_ref().map(|_| format!("ApiKey realm=\"{realm}\"")),
        ];
        let challenges = schemes.into_iter().flatten().filter_map(|text| HeaderValue::try_from(text).ok()).collect();
        Ok(Self {
            basic,
            keys,
            jwt,
            forward: auth.forward.as_ref().map(ForwardAuth::compile),
            user_header: auth.user_header.clone(),
            forward_credentials: auth.forward_credentials,
            challenges,
            names: auth.names(),
        })
    }

    /// `WWW-Authenticate` of a 401 (RFC 9110 §11.6.1), one for each way to authenticate.
    pub fn challenges(&self) -> &[HeaderValue] {
        &self.challenges
    }
}
