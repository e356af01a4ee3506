//! Authentication by a subrequest: what it carries, and what of its response goes upstream.

use std::time::Duration;

use http::HeaderName;

use super::Identity;
use crate::config::model;
use crate::http::Headers;

/// `forward` of a route, compiled. The upstream is a place in the snapshot.
#[derive(Clone, Debug)]
pub struct ForwardAuth {
    /// Its place.
    pub upstream: usize,
    /// The target of the subrequest.
    pub path: Box<str>,
    /// Fields of the request that it carries.
    pub request_headers: Box<[HeaderName]>,
    /// Fields of its response that go upstream.
    pub response_headers: Box<[HeaderName]>,
    /// How long it may take.
    pub timeout: Duration,
    /// How long a yes is remembered; none: it is asked each time.
    pub remember: Option<Duration>,
}

impl ForwardAuth {
    /// Of a route.
    pub fn compile(model: &model::ForwardAuth) -> Self {
        Self {
            upstream: model.upstream,
            path: model.path.as_str().into(),
            request_headers: model.request_headers.clone().into(),
            response_headers: model.response_headers.clone().into(),
            timeout: model.timeout,
            remember: model.remember,
        }
    }

    /// Whom the response of the service names. `user` is the field that has the name.
    pub fn identity(&self, headers: &Headers, user: Option<&HeaderName>) -> Identity {
        let fields = headers.iter().filter(|(name, _)| self.response_headers.contains(name));
        let fields: Vec<_> = fields.map(|(name, value)| (name.clone(), value.clone())).collect();
        let name = user.and_then(|user| headers.text(user)).unwrap_or_default();
        Identity { name: name.into(), fields }
    }
}
