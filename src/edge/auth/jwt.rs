//! JSON Web Tokens (RFC 7519), by the rules of RFC 8725: the key's type fixes the algorithm, issuer and audience are checked, time counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use http::header::AUTHORIZATION;
use http::{HeaderName, HeaderValue};
use serde_json::{Map, Value};

use super::jwks::{KeySet, Remote, Remotes};
use super::{AuthFault, AuthProblem, Identity, encoding};
use crate::config::model::{self, JwtKeys};
use crate::http::Headers;
use crate::http::key::KeySource;

/// Octets of a token; a field cannot be much larger.
const MAX_TOKEN: usize = 16 * 1024;
/// Keys that are tried for a token without `kid`.
const MAX_TRIES: usize = 8;

/// `jwt` of a route, compiled.
#[derive(Debug)]
pub struct Jwt {
    keys: Keys,
    algorithms: Vec<Box<str>>,
    issuer: Option<Box<str>>,
    audience: Vec<Box<str>>,
    leeway: u64,
    claims: Vec<(HeaderName, Box<str>)>,
    header: HeaderName,
    cookie: Option<Box<str>>,
    /// Tells what was decided by this policy from what others decided.
    pub number: u64,
}

#[derive(Debug)]
enum Keys {
    Here(Arc<KeySet>),
    Remote(Arc<Remote>),
}

/// A token that is good, until then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// Who.
    pub identity: Identity,
    /// Seconds since 1970 until which it is.
    pub expires: u64,
}

impl Jwt {
    /// Of a route, with the keys of its file as they are now.
    ///
    /// # Errors
    /// Whatever the file has wrong.
    pub fn compile(model: &model::Jwt, remotes: &mut Remotes<'_>) -> Result<Self, AuthProblem> {
        static NUMBER: AtomicU64 = AtomicU64::new(1);
        let help = "a JSON Web Key Set: {\"keys\": [...]}";
        let read = |key: &str, file| std::fs::read(file).map_err(|error| AuthProblem::unreadable(key, &error));
        let keys = match &model.keys {
            JwtKeys::Url { url, ca, refresh } => Keys::Remote(remotes.at(url, ca.as_ref(), *refresh)),
            JwtKeys::File(file) => {
                let set = KeySet::parse(&read("jwt.jwks_file", file)?);
                Keys::Here(Arc::new(set.map_err(|why| AuthProblem::new("jwks", "jwt.jwks_file", why, help))?))
            }
            JwtKeys::Secret(secret) => Keys::Here(Arc::new(long_enough("jwt.secret", secret.reveal().as_bytes())?)),
            JwtKeys::SecretFile(file) => {
                Keys::Here(Arc::new(long_enough("jwt.secret_file", read("jwt.secret_file", file)?.trim_ascii())?))
            }
        };
        let boxed = |list: &[String]| list.iter().map(|text| text.as_str().into()).collect();
        Ok(Self {
            keys,
            algorithms: boxed(&model.algorithms),
            issuer: model.issuer.as_deref().map(Into::into),
            audience: boxed(&model.audience),
            leeway: model.leeway.as_secs(),
            claims: model.claims.iter().map(|(name, claim)| (name.clone(), claim.as_str().into())).collect(),
            header: model.header.clone(),
            cookie: model.cookie.as_deref().map(Into::into),
            number: NUMBER.fetch_add(1, Relaxed),
        })
    }

    /// The token of a request; none: it brings none.
    pub fn token(&self, source: &KeySource<'_>) -> Option<String> {
        let field = self.in_field(source.headers);
        let cookie = || source.cookie(self.cookie.as_deref()?).map(<[u8]>::to_vec);
        String::from_utf8(field.or_else(cookie)?).ok()
    }

    fn in_field(&self, headers: &Headers) -> Option<Vec<u8>> {
        let value = headers.first(&self.header)?.as_bytes();
        let space = value.iter().position(|octet| *octet == b' ');
        match space {
            Some(space) => {
                let (scheme, token) = value.split_at(space);
                scheme.eq_ignore_ascii_case(b"bearer").then(|| token.trim_ascii().to_vec())
            }
            None => (self.header != AUTHORIZATION).then(|| value.to_vec()),
        }
    }

    /// The keys as they are now.
    pub fn keys(&self) -> Option<Arc<KeySet>> {
        match &self.keys {
            Keys::Here(keys) => Some(keys.clone()),
            Keys::Remote(remote) => remote.keys(),
        }
    }

    /// Where other keys may be had.
    pub fn remote(&self) -> Option<&Arc<Remote>> {
        if let Keys::Remote(remote) = &self.keys { Some(remote) } else { None }
    }

    /// The cookie that carries a token.
    pub fn cookie(&self) -> Option<&str> {
        self.cookie.as_deref()
    }

    /// The field that carries a token.
    pub fn header(&self) -> &HeaderName {
        &self.header
    }

    /// Decides about a token. `now` is in seconds since 1970.
    ///
    /// # Errors
    /// Why it lets nobody in.
    pub fn check(&self, token: &str, keys: &KeySet, now: u64) -> Result<Verified, AuthFault> {
        let claims = self.verified(token, keys)?;
        self.judge(&claims, now)
    }

    /// The claims of a token whose signature is a key's.
    fn verified(&self, token: &str, keys: &KeySet) -> Result<Map<String, Value>, AuthFault> {
        if token.len() > MAX_TOKEN {
            return Err(AuthFault::Malformed);
        }
        let (message, sign) = token.rsplit_once('.').ok_or(AuthFault::Malformed)?;
        let (head, body) = message.split_once('.').ok_or(AuthFault::Malformed)?;
        let sign = encoding::url(sign).ok_or(AuthFault::Malformed)?;
        let head = object(head)?;
        let text = |name: &str| head.get(name).and_then(Value::as_str);
        let algorithm = text("alg").ok_or(AuthFault::Malformed)?;
        if head.contains_key("crit") || head.get("kid").is_some_and(|id| !id.is_string()) {
            // Nothing that must be understood is understood here (RFC 7515 §4.1.11).
            return Err(AuthFault::Malformed);
        }
        let allowed = self.algorithms.is_empty() || self.algorithms.iter().any(|one| **one == *algorithm);
        if !allowed || algorithm == "none" {
            return Err(AuthFault::TokenAlgorithm);
        }
        let named: Vec<_> = keys.candidates(text("kid")).collect();
        if named.is_empty() {
            return Err(AuthFault::TokenKey);
        }
        let mut fit = named.into_iter().filter(|key| key.is_for(algorithm)).take(MAX_TRIES).peekable();
        if fit.peek().is_none() {
            return Err(AuthFault::TokenAlgorithm);
        }
        if !fit.any(|key| key.verifies(algorithm, message.as_bytes(), &sign)) {
            return Err(AuthFault::TokenSignature);
        }
        object(body)
    }

    /// What the claims say (RFC 7519 §4.1).
    fn judge(&self, claims: &Map<String, Value>, now: u64) -> Result<Verified, AuthFault> {
        let time = |name: &str| claims.get(name).map(|time| time.as_f64().filter(|time| time.is_finite()));
        let Some(Some(expires)) = time("exp") else { return Err(AuthFault::TokenExpired) };
        // What is negative becomes 0, and what is too large the largest there is.
        let expires = (expires as u64).saturating_add(self.leeway);
        if now >= expires {
            return Err(AuthFault::TokenExpired);
        }
        match time("nbf") {
            Some(None) => return Err(AuthFault::Malformed),
            Some(Some(begins)) if (begins as u64) > now.saturating_add(self.leeway) => {
                return Err(AuthFault::TokenEarly);
            }
            _ => {}
        }
        let issuer = claims.get("iss").and_then(Value::as_str);
        if self.issuer.is_some() && self.issuer.as_deref() != issuer {
            return Err(AuthFault::TokenIssuer);
        }
        if !self.audience.is_empty() && !self.is_for_us(claims.get("aud")) {
            return Err(AuthFault::TokenAudience);
        }
        let name = claims.get("sub").and_then(text).unwrap_or_default();
        let field = |(name, claim): &(HeaderName, Box<str>)| {
            let value = text(claims.get(&**claim)?)?;
            Some((name.clone(), HeaderValue::try_from(value).ok()?))
        };
        let fields = self.claims.iter().filter_map(field).collect();
        Ok(Verified { identity: Identity { name: name.as_str().into(), fields }, expires })
    }

    fn is_for_us(&self, audience: Option<&Value>) -> bool {
        let ours = |one: &Value| one.as_str().is_some_and(|one| self.audience.iter().any(|own| **own == *one));
        match audience {
            Some(Value::Array(all)) => all.iter().any(ours),
            Some(one) => ours(one),
            None => false,
        }
    }
}

fn long_enough(key: &str, secret: &[u8]) -> Result<KeySet, AuthProblem> {
    if secret.len() < 32 {
        let help = "32 octets of chance or more: openssl rand -base64 48";
        return Err(AuthProblem::new("secret_too_short", key, "the secret is shorter than 32 octets", help));
    }
    Ok(KeySet::secret(secret))
}

fn object(part: &str) -> Result<Map<String, Value>, AuthFault> {
    let json = encoding::url(part).ok_or(AuthFault::Malformed)?;
    serde_json::from_slice(&json).map_err(|_| AuthFault::Malformed)
}

/// A claim as a field holds it: no control characters, lists with commas.
fn text(claim: &Value) -> Option<String> {
    let text = match claim {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Bool(truth) => truth.to_string(),
        Value::Array(all) => all.iter().map(text).collect::<Option<Vec<_>>>()?.join(","),
        Value::Null | Value::Object(_) => return None,
    };
    (!text.contains(char::is_control)).then_some(text)
}

/// How long a decision about a token may be remembered: to its end, and not for long.
pub fn remember(verified: &Verified, now: u64) -> Duration {
    Duration::from_secs(verified.expires.saturating_sub(now).min(300))
}
