//! What the proxies forward to: nginx for what a server answers from memory, and origins of this program for uploads, gRPC calls and
//! WebSocket messages.

mod calls;
mod echo;
mod nginx;
mod own;
mod upload;

use std::net::SocketAddr;

pub(crate) use nginx::{NGINX_MISSING, nginx_global};

use crate::process::Process;
use crate::scratch::Scratch;
use crate::work::Upstream;

/// What clients of the echo must send as `Sec-WebSocket-Key`, and what comes back (RFC 6455 section 1.3).
pub(crate) const KEY: (&str, &str) = ("dGhlIHNhbXBsZSBub25jZQ==", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");

/// All of them, running on the core of the load.
pub(crate) struct Origins {
    http1: SocketAddr,
    http2: SocketAddr,
    own: own::Own,
    _nginx: Process,
}

impl Origins {
    /// Starts them on a core.
    pub(crate) fn start(scratch: &Scratch, core: usize) -> Result<Self, String> {
        let nginx = nginx::start(scratch, core)?;
        let own = own::start(core).map_err(|error| format!("the origins of this program: {error}"))?;
        Ok(Self { http1: nginx.http1, http2: nginx.http2, own, _nginx: nginx.process })
    }

    /// Where one listens.
    pub(crate) fn address(&self, upstream: Upstream) -> SocketAddr {
        match upstream {
            Upstream::Http1 => self.http1,
            Upstream::Http2 => self.http2,
            Upstream::Upload => self.own.upload,
            Upstream::Calls => self.own.calls,
            Upstream::Echo => self.own.echo,
        }
    }
}
