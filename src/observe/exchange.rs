//! The facts of one exchange: what was asked, who answered, how long it took and how it ended.
//!
//! The pipeline fills it in as it goes; metrics and access log read it once, at the last byte. It owns no text of its
//! own: values are shared slices of what was read, and names are numbers (see [`super::names`]).

use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderValue, Method, StatusCode, Version};

use super::metrics::Compressed;
use super::names::{ListenerId, RouteId, UpstreamId};
use super::retries::{Causes, NotRetried};
use super::tracing::Trace;
use super::tries::Tries;
use crate::http::negotiate::Coding;
use crate::http::{Scheme, Text};

/// Whose fault it is that an exchange failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    /// The client: malformed, too slow, gone.
    Client,
    /// The upstream: refused, reset, too slow, nonsense.
    Upstream,
    /// The proxy: its config, its limits, the machine.
    Us,
}

impl Side {
    /// `client`, `upstream` or `us`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Client => "client",
            Self::Upstream => "upstream",
            Self::Us => "us",
        }
    }
}

/// Why an exchange failed, as logs and metrics name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fault {
    /// Whose fault.
    pub side: Side,
    /// The `label()` of the error: lower case words joined by `_`.
    pub label: &'static str,
}

/// Where the answer of an exchange came from, on a route that has a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum CacheVerdict {
    /// From what is stored, fresh.
    Hit,
    /// From what is stored although it is stale.
    Stale,
    /// From what is stored, after the upstream said that it is still good.
    Validated,
    /// From the upstream.
    Miss,
    /// From the upstream; the cache was not asked.
    Bypass,
}

impl CacheVerdict {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 5] = [Self::Hit, Self::Stale, Self::Validated, Self::Miss, Self::Bypass];

    /// The word in logs and metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Stale => "stale",
            Self::Validated => "validated",
            Self::Miss => "miss",
            Self::Bypass => "bypass",
        }
    }
}

/// What the cache did with an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CacheFacts {
    /// Where the answer came from.
    pub verdict: CacheVerdict,
    /// Why it was not simply a hit, or why it was not stored.
    pub reason: Option<&'static str>,
    /// Seconds since the upstream made what was served, where that came from the store.
    pub age: Option<u32>,
    /// Whether it waited for the fetch of another exchange.
    pub collapsed: bool,
}

/// What the edge found out about an exchange.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EdgeFacts {
    /// The rate limit that it exceeded.
    pub limit: Option<Arc<str>>,
    /// Whether that limit only watches.
    pub dry_run: bool,
    /// Who asks, where somebody authenticated.
    pub user: Option<Arc<str>>,
    /// The target with its path made clean, where that is another.
    pub asked: Option<Text>,
    /// What went wrong on purpose.
    pub injected: Injected,
}

/// What the config made go wrong in an exchange.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Injected {
    /// It waited.
    pub delay: bool,
    /// It was answered with an error.
    pub abort: bool,
}

impl Injected {
    /// The word in logs; none where nothing was injected.
    pub const fn label(self) -> Option<&'static str> {
        match (self.delay, self.abort) {
            (false, false) => None,
            (true, false) => Some("delay"),
            (false, true) => Some("abort"),
            (true, true) => Some("delay,abort"),
        }
    }
}

/// What was agreed in the TLS handshake of the client's connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TlsFacts {
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: &'static str,
    /// The cipher suite by its registered name, such as `TLS_AES_128_GCM_SHA256`.
    pub cipher: &'static str,
    /// Whether the session was resumed.
    pub resumed: bool,
}

/// The facts of one exchange.
///
/// It is some hundred bytes: keep it in one `Box` from the head of the request to the last byte of the response.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// When the first byte of the request's head was there.
    pub start: Instant,
    /// When the connection to the endpoint stood, of the last attempt.
    pub connected: Option<Instant>,
    /// When the head of the response was read from the endpoint.
    pub first_byte: Option<Instant>,
    /// `X-Request-Id` as it goes upstream.
    pub request_id: Option<HeaderValue>,
    /// The client's address after trusted proxies were believed; `None` on a unix socket.
    pub client: Option<IpAddr>,
    /// The other end of the connection; `None` on a unix socket.
    pub peer: Option<SocketAddr>,
    /// Which listener the connection came by.
    pub listener: ListenerId,
    /// Which route was chosen.
    pub route: Option<RouteId>,
    /// Which upstream was asked.
    pub upstream: Option<UpstreamId>,
    /// The endpoint of the last attempt; the text belongs to the worker.
    pub endpoint: Option<Rc<str>>,
    /// Method.
    pub method: Method,
    /// Scheme.
    pub scheme: Scheme,
    /// Host and port as the client named them; empty where it named none.
    pub authority: Text,
    /// Path and query as the client sent them, before any rewrite; empty where the request was not understood.
    pub target: Text,
    /// Protocol version on the client side.
    pub version: Version,
    /// `Referer`
    pub referer: Option<HeaderValue>,
    /// `User-Agent`
    pub user_agent: Option<HeaderValue>,
    /// TLS on the client side.
    pub tls: Option<TlsFacts>,
    /// Status of the final response; `None` where the client was gone before there was one.
    pub status: Option<StatusCode>,
    /// Octets of the request's body that were read.
    pub request_bytes: u64,
    /// Octets of the response's body that were written.
    pub response_bytes: u64,
    /// The coding that the response was given here, and how it came to be.
    pub encoding: Option<(Coding, Compressed)>,
    /// Octets of the response's body before that.
    pub plain_bytes: u64,
    /// How often an endpoint was tried; 0 where the proxy answered by itself.
    pub attempts: u16,
    /// How long it waited for room at the upstream, in microseconds.
    pub queued_micros: u32,
    /// Why there was more than one attempt.
    pub retries: Causes,
    /// Why there was none after the last one, where it failed for something that is retried.
    pub not_retried: Option<NotRetried>,
    /// Whether a second attempt that was made beside the first was the one that counted.
    pub hedge_won: bool,
    /// Whether the last attempt used a connection that was open already.
    pub reused: bool,
    /// Whether the connection was handed over to another protocol (WebSocket and the like).
    pub upgraded: bool,
    /// Whether the whole response was written.
    pub complete: bool,
    /// What the cache did with it, on a route that has one.
    pub cache: Option<CacheFacts>,
    /// What the edge found out, where there was anything.
    pub edge: Option<Box<EdgeFacts>>,
    /// Why it failed, where it did.
    pub fault: Option<Fault>,
    /// Its attempts, where there is more to say of them than the exchange does.
    pub tries: Tries,
    /// Where it belongs, where exchanges are traced.
    pub trace: Option<Rc<Trace>>,
}

impl Exchange {
    /// An exchange that has begun: nothing is known but the listener and the time.
    pub fn begin(listener: ListenerId, start: Instant) -> Self {
        Self {
            start,
            connected: None,
            first_byte: None,
            request_id: None,
            client: None,
            peer: None,
            listener,
            route: None,
            upstream: None,
            endpoint: None,
            method: Method::GET,
            scheme: Scheme::Http,
            authority: Text::default(),
            target: Text::default(),
            version: Version::HTTP_11,
            referer: None,
            user_agent: None,
            tls: None,
            status: None,
            request_bytes: 0,
            response_bytes: 0,
            encoding: None,
            plain_bytes: 0,
            attempts: 0,
            queued_micros: 0,
            retries: Causes::default(),
            not_retried: None,
            hedge_won: false,
            reused: false,
            upgraded: false,
            complete: false,
            cache: None,
            edge: None,
            fault: None,
            tries: Tries::default(),
            trace: None,
        }
    }

    /// Notes why the exchange failed. The first reason stays: what follows it is mostly its consequence.
    pub fn fail(&mut self, side: Side, label: &'static str) {
        self.fault.get_or_insert(Fault { side, label });
    }

    /// What the edge found out, to add to it.
    pub fn edge(&mut self) -> &mut EdgeFacts {
        self.edge.get_or_insert_default()
    }

    /// The target with its path made clean: what routes, limits, balance and templates know.
    pub fn asked(&self) -> &Text {
        self.edge.as_ref().and_then(|edge| edge.asked.as_ref()).unwrap_or(&self.target)
    }

    /// Notes the target with its path made clean.
    pub fn set_asked(&mut self, clean: &Text) {
        if *clean != self.target {
            self.edge().asked = Some(clean.clone());
        }
    }

    /// How long after its begin something happened; zero where the clock says otherwise.
    pub fn since_start(&self, at: Instant) -> Duration {
        at.saturating_duration_since(self.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_fault_stays() {
        let mut exchange = Exchange::begin(ListenerId(0), Instant::now());
        exchange.fail(Side::Upstream, "response_timeout");
        exchange.fail(Side::Client, "gone");
        assert_eq!(exchange.fault, Some(Fault { side: Side::Upstream, label: "response_timeout" }));
    }

    #[test]
    fn what_is_logged_and_what_is_known_may_differ() {
        let mut exchange = Exchange::begin(ListenerId(0), Instant::now());
        exchange.target = Text::from_static("/a/../b");
        assert_eq!(exchange.asked().as_str(), "/a/../b");
        exchange.set_asked(&Text::from_static("/a/../b"));
        assert_eq!(exchange.edge, None, "nothing is kept that is known");
        exchange.set_asked(&Text::from_static("/b"));
        assert_eq!((exchange.asked().as_str(), exchange.target.as_str()), ("/b", "/a/../b"));
    }

    #[test]
    fn it_stays_small() {
        // One cache line more is a cost on every request; what needs more room should be a shared slice.
        assert!(size_of::<Exchange>() <= 512, "{}", size_of::<Exchange>());
    }
}
