//! The work that every proxy does.

use crate::figure::Figure;

/// One kind of traffic.
#[derive(Debug)]
pub(crate) struct Work {
    /// As on the command line.
    pub(crate) name: &'static str,
    /// What it stands for.
    pub(crate) about: &'static str,
    /// Path on the origin.
    pub(crate) path: &'static str,
    /// Octets of a request's body; 0: a GET without one.
    pub(crate) upload: usize,
    /// Octets of the body of each answer; before it is compressed.
    pub(crate) answer: usize,
    /// Who makes the requests and how.
    pub(crate) load: Load,
    /// TLS 1.3 between client and proxy.
    pub(crate) tls: bool,
    /// What the proxy forwards to.
    pub(crate) upstream: Upstream,
    /// Access log to a file.
    pub(crate) access_log: bool,
    /// Prefix routes `/r00000` and on, which the requests go through in turn; 0: one route for everything.
    pub(crate) routes: usize,
    /// Answers come from the proxy's cache.
    pub(crate) cache: bool,
    /// The proxy compresses with gzip, for clients that ask for it.
    pub(crate) gzip: bool,
    /// Workers of the proxy, each with a core.
    pub(crate) workers: usize,
    /// The config changes and is loaded anew every 100 ms.
    pub(crate) reload: bool,
    /// What is compared.
    pub(crate) figure: Figure,
    /// What the ratio to nginx has to be at most.
    pub(crate) target: Option<f64>,
    /// Another work, and what the ratio of a proxy to itself on that may be at most.
    pub(crate) beside: Option<(&'static str, f64)>,
}

/// The load generator.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Load {
    /// wrk: HTTP/1.1, one request at a time on each connection.
    Http1 {
        /// Connections.
        connections: usize,
        /// A new connection for each request.
        close: bool,
    },
    /// h2load: HTTP/2.
    Http2 {
        /// Connections.
        connections: usize,
        /// Requests at the same time on each.
        streams: usize,
    },
    /// TLS handshakes, and nothing after them.
    Handshakes {
        /// At the same time.
        connections: usize,
        /// With the ticket of the one before.
        resumed: bool,
    },
    /// WebSocket messages, there and back, one at a time on each connection.
    Messages {
        /// Connections.
        connections: usize,
    },
    /// Connections that have had one request and are kept.
    Idle {
        /// Connections.
        connections: usize,
    },
}

/// What the proxy forwards to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Upstream {
    /// HTTP/1.1: nginx.
    Http1,
    /// HTTP/2 by prior knowledge: nginx.
    Http2,
    /// HTTP/1.1 that reads the body before it answers.
    Upload,
    /// gRPC.
    Calls,
    /// WebSocket.
    Echo,
}

const SMALL: Work = Work {
    name: "small",
    about: "keep-alive HTTP/1.1, 3 octets, 64 connections",
    path: "/small",
    upload: 0,
    answer: 3,
    load: Load::Http1 { connections: 64, close: false },
    tls: false,
    upstream: Upstream::Http1,
    access_log: false,
    routes: 0,
    cache: false,
    gzip: false,
    workers: 1,
    reload: false,
    figure: Figure::Cpu,
    target: Some(0.95),
    beside: None,
};

const PLAIN: Work = Work { target: None, ..SMALL };

/// Everything there is, in the order in which it is measured.
pub(crate) const ALL: &[Work] = &[
    SMALL,
    Work { name: "small-log", about: "small, with the access log to a file", access_log: true, ..PLAIN },
    Work {
        name: "1k-512",
        about: "1 KiB bodies, 512 connections",
        path: "/1k",
        answer: 1024,
        load: Load::Http1 { connections: 512, close: false },
        target: Some(0.92),
        ..PLAIN
    },
    Work {
        name: "100k",
        about: "100 KiB bodies, 64 connections",
        path: "/100k",
        answer: 102_400,
        target: Some(0.85),
        ..PLAIN
    },
    Work {
        name: "upload-1m",
        about: "uploads of 1 MiB, passed on as they come, 16 connections",
        path: "/upload",
        upload: 1 << 20,
        load: Load::Http1 { connections: 16, close: false },
        upstream: Upstream::Upload,
        ..PLAIN
    },
    Work {
        name: "conn",
        about: "a new connection for each request",
        load: Load::Http1 { connections: 64, close: true },
        target: Some(1.00),
        ..PLAIN
    },
    Work { name: "tls-small", about: "small over TLS 1.3", tls: true, target: Some(0.95), ..PLAIN },
    Work {
        name: "tls-100k",
        about: "100 KiB bodies over TLS 1.3, 64 connections",
        path: "/100k",
        answer: 102_400,
        tls: true,
        target: Some(0.90),
        ..PLAIN
    },
    Work {
        name: "tls-full",
        about: "full TLS 1.3 handshakes (X25519, P-256) without a request, 16 at the same time",
        load: Load::Handshakes { connections: 16, resumed: false },
        tls: true,
        target: Some(0.65),
        ..PLAIN
    },
    Work {
        name: "tls-resumed",
        about: "TLS 1.3 handshakes with a ticket, without a request, 16 at the same time",
        load: Load::Handshakes { connections: 16, resumed: true },
        tls: true,
        ..PLAIN
    },
    Work {
        name: "tls-idle",
        about: "memory of 5,000 TLS connections that had one request each and are kept",
        load: Load::Idle { connections: 5000 },
        tls: true,
        figure: Figure::Memory,
        target: Some(1.00),
        ..PLAIN
    },
    Work {
        name: "h2-small",
        about: "small over TLS 1.3 and HTTP/2, to HTTP/1.1; 16 connections of 16 streams",
        load: Load::Http2 { connections: 16, streams: 16 },
        tls: true,
        target: Some(0.72),
        ..PLAIN
    },
    Work {
        name: "h2-100k",
        about: "100 KiB bodies over TLS 1.3 and HTTP/2, 16 connections of 4 streams",
        path: "/100k",
        answer: 102_400,
        load: Load::Http2 { connections: 16, streams: 4 },
        tls: true,
        target: Some(0.85),
        ..PLAIN
    },
    Work {
        name: "h2-h2",
        about: "h2-small to an HTTP/2 upstream",
        load: Load::Http2 { connections: 16, streams: 16 },
        tls: true,
        upstream: Upstream::Http2,
        ..PLAIN
    },
    Work {
        name: "grpc",
        about: "unary gRPC calls of 100 octets there and back, clear text, 16 connections of 16 streams",
        path: "/bench.Echo/Unary",
        upload: 105,
        answer: 105,
        load: Load::Http2 { connections: 16, streams: 16 },
        upstream: Upstream::Calls,
        ..PLAIN
    },
    Work {
        name: "websocket",
        about: "WebSocket messages of 100 octets there and back, 64 connections",
        path: "/echo",
        answer: 100,
        load: Load::Messages { connections: 64 },
        upstream: Upstream::Echo,
        ..PLAIN
    },
    Work { name: "routes-10", about: "small, through 10 prefix routes in turn", routes: 10, ..PLAIN },
    Work {
        name: "routes-10k",
        about: "small, through 10,000 prefix routes in turn",
        routes: 10_000,
        beside: Some(("routes-10", 1.05)),
        ..PLAIN
    },
    Work {
        name: "cache-1k",
        about: "hits in the cache, 1 KiB, 64 connections",
        path: "/kept/1k",
        answer: 1024,
        cache: true,
        target: Some(0.65),
        ..PLAIN
    },
    Work {
        name: "cache-100k",
        about: "hits in the cache, 100 KiB, 64 connections",
        path: "/kept/100k",
        answer: 102_400,
        cache: true,
        target: Some(0.60),
        ..PLAIN
    },
    Work {
        name: "cache-20k",
        about: "hits in the cache, 20 KiB, 64 connections",
        path: "/kept/20k",
        answer: 20_480,
        cache: true,
        ..PLAIN
    },
    Work {
        name: "gzip-100k",
        about: "a page of 100 KiB, compressed with gzip as it passes, 64 connections",
        path: "/page",
        answer: 102_400,
        gzip: true,
        target: Some(0.35),
        ..PLAIN
    },
    Work {
        name: "cache-gzip-100k",
        about: "hits in the cache that are a page of 100 KiB compressed with gzip, 64 connections",
        path: "/kept/page",
        answer: 102_400,
        cache: true,
        gzip: true,
        ..PLAIN
    },
    Work {
        name: "reload",
        about: "small, while a changed config is loaded every 100 ms",
        reload: true,
        figure: Figure::Late,
        ..PLAIN
    },
    Work {
        name: "workers-2",
        about: "small with two workers on two cores, which the load shares",
        workers: 2,
        beside: Some(("small", 1.05)),
        ..PLAIN
    },
];

/// A work by its name.
pub(crate) fn parse(name: &str) -> Result<&'static Work, String> {
    ALL.iter().find(|work| work.name == name).ok_or_else(|| {
        let names: Vec<_> = ALL.iter().map(|work| work.name).collect();
        format!("one of {}", names.join(", "))
    })
}

impl Work {
    /// `http` or `https`.
    pub(crate) fn scheme(&self) -> &'static str {
        if self.tls { "https" } else { "http" }
    }

    /// Whether its clients speak HTTP/2.
    pub(crate) fn http2(&self) -> bool {
        matches!(self.load, Load::Http2 { .. })
    }

    /// Whether the last hop is HTTP/2.
    pub(crate) fn http2_upstream(&self) -> bool {
        matches!(self.upstream, Upstream::Http2 | Upstream::Calls)
    }

    /// A path that the load asks for.
    pub(crate) fn first_path(&self) -> String {
        if self.routes > 0 { "/r00000/x".to_owned() } else { self.path.to_owned() }
    }
}
