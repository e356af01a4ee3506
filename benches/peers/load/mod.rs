//! The load generators, and what they say.

mod handshakes;
mod idle;
mod messages;
mod own;
mod programs;

use std::net::SocketAddr;

pub(crate) use idle::open as open_idle;
pub(crate) use programs::message;

use crate::certificate::Certificate;
use crate::process::find;
use crate::scratch::Scratch;
use crate::work::{Load, Work};

/// What the clients saw.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    /// Requests that were answered; handshakes or messages, where the work is of these.
    pub(crate) requests: u64,
    /// Those without a 2xx, and connections and requests that broke.
    pub(crate) failed: u64,
    /// From the first to the last request, seconds.
    pub(crate) seconds: f64,
    /// Half of the requests took at most that long, microseconds.
    pub(crate) p50: f64,
    /// 99 of 100 took at most that long, microseconds.
    pub(crate) p99: f64,
    /// Octets that came, with heads where wrk counts them; 0 where nobody does.
    pub(crate) octets: f64,
}

/// Says what is missing for the work.
pub(crate) fn missing(work: &Work) -> Option<String> {
    let (program, package) = match work.load {
        Load::Http1 { .. } => ("wrk", "wrk"),
        Load::Http2 { .. } => ("h2load", "nghttp2-client"),
        Load::Handshakes { .. } | Load::Messages { .. } | Load::Idle { .. } => return None,
    };
    find(program).is_none().then(|| format!("{program} is not installed: apt-get install {package}"))
}

/// One run of a load generator.
pub(crate) struct Shot<'a> {
    /// What to ask for.
    pub(crate) work: &'a Work,
    /// Whom to ask.
    pub(crate) proxy: SocketAddr,
    /// How long.
    pub(crate) seconds: u64,
    /// The load generator's core.
    pub(crate) core: usize,
    /// What the proxy shows.
    pub(crate) certificate: &'a Certificate,
    /// Where its files go.
    pub(crate) scratch: &'a Scratch,
}

impl Shot<'_> {
    /// Makes the requests.
    pub(crate) fn fire(&self) -> Result<Seen, String> {
        match self.work.load {
            Load::Http1 { connections, close } => self.wrk(connections, close),
            Load::Http2 { connections, streams } => self.h2load(connections, streams),
            Load::Handshakes { connections, resumed } => self.handshakes(connections, resumed),
            Load::Messages { connections } => self.messages(connections),
            Load::Idle { .. } => Err("idle connections are opened, not fired".to_owned()),
        }
    }
}
