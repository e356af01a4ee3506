//! `auth` of a route

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use http::HeaderName;

use super::Secret;

/// `auth`; at least one way, and `forward` by itself
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Auth {
    /// `basic`
    pub basic: Option<BasicAuth>,
    /// `api_keys`
    pub api_keys: Option<ApiKeys>,
    /// `jwt`
    pub jwt: Option<Jwt>,
    /// `forward`
    pub forward: Option<ForwardAuth>,
    /// `realm`, default `tidegate`
    pub realm: String,
    /// `user_header`, default `x-auth-user`: carries the name of who asks; none: nothing does
    pub user_header: Option<HeaderName>,
    /// `forward_credentials`, default false: whether the upstream sees what the client proved itself with
    pub forward_credentials: bool,
}

impl Auth {
    /// The fields that tell the upstream who asks.
    pub fn names(&self) -> Vec<HeaderName> {
        let claims = self.jwt.iter().flat_map(|jwt| jwt.claims.iter().map(|(name, _)| name));
        let copied = self.forward.iter().flat_map(|forward| &forward.response_headers);
        self.user_header.iter().chain(claims).chain(copied).cloned().collect()
    }
}

/// `basic`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BasicAuth {
    /// `users`: name and hash
    pub users: Vec<(String, Secret)>,
    /// `file`, as htpasswd writes it
    pub file: Option<PathBuf>,
    /// `remember`, default 1 min: a password that was right is not looked at again
    pub remember: Duration,
}

/// `api_keys`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiKeys {
    /// `keys`: name and SHA-256
    pub keys: Vec<(String, Secret)>,
    /// `file`: a line `NAME:SHA-256` for each
    pub file: Option<PathBuf>,
    /// `header`, default `x-api-key`; none: no field
    pub header: Option<HeaderName>,
    /// `query`: a parameter that carries a key
    pub query: Option<String>,
}

/// `jwt`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Jwt {
    /// `jwks`, `jwks_file`, `secret` or `secret_file`
    pub keys: JwtKeys,
    /// `algorithms`; empty: those of the keys
    pub algorithms: Vec<String>,
    /// `issuer`
    pub issuer: Option<String>,
    /// `audience`: one of them must be there; empty: any
    pub audience: Vec<String>,
    /// `leeway`, default 30 s
    pub leeway: Duration,
    /// `claims`: fields, and the claims that they carry
    pub claims: Vec<(HeaderName, String)>,
    /// `header`, default `authorization`
    pub header: HeaderName,
    /// `cookie`
    pub cookie: Option<String>,
}

/// Where the keys of tokens are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JwtKeys {
    /// `jwks`, with `ca` and `refresh`
    Url {
        /// Where.
        url: Arc<str>,
        /// Own authorities instead of the system's.
        ca: Option<PathBuf>,
        /// How often it is fetched.
        refresh: Duration,
    },
    /// `jwks_file`
    File(PathBuf),
    /// `secret`
    Secret(Secret),
    /// `secret_file`
    SecretFile(PathBuf),
}

/// `forward`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForwardAuth {
    /// `upstream`, as a place in [`super::Model::upstreams`]
    pub upstream: usize,
    /// `path`
    pub path: String,
    /// `request_headers`, default authorization and cookie
    pub request_headers: Vec<HeaderName>,
    /// `response_headers`
    pub response_headers: Vec<HeaderName>,
    /// `timeout`, default 5 s
    pub timeout: Duration,
    /// `remember`; none: it is asked each time
    pub remember: Option<Duration>,
}
