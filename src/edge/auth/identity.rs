//! Who asks, and the fields that tell it upstream.

use http::{HeaderName, HeaderValue};

use super::Name;
use crate::http::Headers;

/// Who asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The name.
    pub name: Name,
    /// More that is known, as fields for the upstream.
    pub fields: Vec<(HeaderName, HeaderValue)>,
}

impl Identity {
    /// Of that name.
    pub fn of(name: &str) -> Self {
        Self { name: name.into(), fields: Vec::new() }
    }
}

/// The fields by which upstreams are told who asks. Nobody else may bring them, on any route.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdentityNames(Vec<HeaderName>);

/// What clients prove with. A forward subrequest may set them, but on other routes they are the client's.
const CREDENTIALS: [HeaderName; 2] = [http::header::AUTHORIZATION, http::header::COOKIE];

impl IdentityNames {
    /// Of all routes.
    pub fn new(names: impl IntoIterator<Item = HeaderName>) -> Self {
        let mut all: Vec<_> = names.into_iter().filter(|name| !CREDENTIALS.contains(name)).collect();
        all.sort_by(|one, other| one.as_str().cmp(other.as_str()));
        all.dedup();
        Self(all)
    }

    /// Takes them away from what a client sends: under no name that some program reads as one of them.
    pub fn strip(&self, headers: &mut Headers) {
        if !self.0.is_empty() && headers.iter().any(|(name, _)| self.has(name)) {
            headers.retain(|name, _| !self.has(name));
        }
    }

    fn has(&self, sent: &HeaderName) -> bool {
        self.0.iter().any(|name| is_like(sent.as_str(), name.as_str()))
    }
}

/// Whether two names are the same where `_` is read as `-`, as CGI and its heirs do.
pub fn is_like(sent: &str, name: &str) -> bool {
    let fold = |byte: u8| if byte == b'_' { b'-' } else { byte };
    sent.len() == name.len() && sent.bytes().map(fold).eq(name.bytes().map(fold))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_brings_an_identity() {
        let name = HeaderName::from_static;
        let names = IdentityNames::new(["x-auth-user", "x-roles", "authorization"].map(name));
        let mut headers: Headers = ["x-auth-user", "x_auth_user", "x-auth_user", "x-roles", "authorization", "x-other"]
            .map(|text| (name(text), HeaderValue::from_static("root")))
            .into_iter()
            .collect();
        names.strip(&mut headers);
        let left: Vec<_> = headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(left, ["authorization", "x-other"]);
    }
}
