//! A listener's policies.

use std::sync::Arc;

use http::HeaderName;

use crate::config::model::ListenerLimits;
use crate::filter::Redirect;
use crate::http::Scheme;
use crate::http::path::PathPolicy;
use crate::http::trust::Trusted;
use crate::observe::ListenerId;
use crate::tls::ServerTls;

/// A listener's policies. Its socket is elsewhere.
#[derive(Debug)]
pub struct Listener {
    /// Its number.
    pub id: ListenerId,
    /// Its name.
    pub name: Arc<str>,
    /// TLS, where it is terminated here.
    pub tls: Option<ServerTls>,
    /// Whose word about clients is believed.
    pub trusted: Trusted,
    /// Every connection begins with a PROXY header.
    pub proxy_protocol: bool,
    /// Whether HTTP/2 is spoken.
    pub http2: bool,
    /// Answers everything, where set.
    pub redirect_to_https: Option<Redirect>,
    /// Carries the subject of a client's certificate.
    pub subject_header: Option<HeaderName>,
    /// How paths are made clean.
    pub paths: PathPolicy,
    /// Limits and timeouts.
    pub limits: ListenerLimits,
}

impl Listener {
    /// How clients reach it.
    pub const fn scheme(&self) -> Scheme {
        if self.tls.is_some() { Scheme::Https } else { Scheme::Http }
    }
}
