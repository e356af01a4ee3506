//! What was checked. Only the checks make it.

use http::{Method, StatusCode};

use crate::http::path::{self, BadPath, PathPolicy};
use crate::http::{Body, Headers, Request, Response, Scheme, Target, Text, Upgrade, authority};

/// A request that was checked: no hop-by-hop fields, a valid authority or none, a clean path.
#[derive(Debug)]
pub struct CleanRequest {
    pub(super) request: Request,
    /// By which its path was made clean, and each path is that it is given.
    pub(super) paths: PathPolicy,
}

impl CleanRequest {
    /// Read access to all of it.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Method.
    pub fn method(&self) -> &Method {
        &self.request.method
    }

    /// Fields.
    pub fn headers(&self) -> &Headers {
        &self.request.headers
    }

    /// Another method. Not for what has a body.
    pub fn method_mut(&mut self) -> &mut Method {
        &mut self.request.method
    }

    /// Fields, to change. `Host` is not among them; hop-by-hop fields are not to come back.
    pub fn headers_mut(&mut self) -> &mut Headers {
        &mut self.request.headers
    }

    /// Path and query.
    pub fn target(&self) -> &Target {
        &self.request.target
    }

    /// Another target, made clean like the first one.
    ///
    /// # Errors
    /// [`BadPath`]; the old target stays.
    pub fn set_target(&mut self, target: Target) -> Result<(), BadPath> {
        self.request.target = path::clean(target, self.paths)?;
        Ok(())
    }

    /// The policy by which its path was made clean.
    pub fn paths(&self) -> PathPolicy {
        self.paths
    }

    /// Host and port in lower case; empty where HTTP/1.0 named none.
    pub fn authority(&self) -> &Text {
        &self.request.authority
    }

    /// Another authority; `false`, and nothing changes, where it is none.
    pub fn set_authority(&mut self, authority: Text) -> bool {
        let clean = authority::clean(authority);
        let valid = clean.is_some();
        self.request.authority = clean.unwrap_or_else(|| std::mem::take(&mut self.request.authority));
        valid
    }

    /// Scheme.
    pub fn scheme(&self) -> Scheme {
        self.request.scheme
    }

    /// Another scheme, as a trusted proxy said.
    pub fn set_scheme(&mut self, scheme: Scheme) {
        self.request.scheme = scheme;
    }

    /// The switch of protocol that the client asks for; `None` takes it back.
    pub fn upgrade_mut(&mut self) -> &mut Option<Upgrade> {
        &mut self.request.upgrade
    }

    /// The body, to read or to replace; a `Content-Length` that is no longer true has to go.
    pub fn body_mut(&mut self) -> &mut Body {
        &mut self.request.body
    }

    /// The same without its body and without a switch of protocol, to be sent in its place or once more.
    #[must_use]
    pub fn without_body(&self) -> Self {
        let Request { method, scheme, authority, target, version, headers, .. } = &self.request;
        let request = Request {
            method: method.clone(),
            scheme: *scheme,
            authority: authority.clone(),
            target: target.clone(),
            version: *version,
            headers: headers.clone(),
            upgrade: None,
            expects_continue: false,
            body: Body::Empty,
        };
        Self { request, paths: self.paths }
    }

    /// The parts, to write them onto a connection.
    pub fn into_request(self) -> Request {
        self.request
    }
}

/// A response that was checked: no hop-by-hop fields, and no length that is not its body's.
#[derive(Debug)]
pub struct CleanResponse(pub(super) Response);

impl CleanResponse {
    /// Read access to all of it.
    pub fn response(&self) -> &Response {
        &self.0
    }

    /// Status.
    pub fn status(&self) -> StatusCode {
        self.0.status
    }

    /// Fields.
    pub fn headers(&self) -> &Headers {
        &self.0.headers
    }

    /// Fields, to change; hop-by-hop fields are not to come back.
    pub fn headers_mut(&mut self) -> &mut Headers {
        &mut self.0.headers
    }

    /// The body, to read or to replace; a `Content-Length` that is no longer true has to go.
    pub fn body_mut(&mut self) -> &mut Body {
        &mut self.0.body
    }

    /// The parts, to write them onto a connection.
    pub fn into_response(self) -> Response {
        self.0
    }
}
