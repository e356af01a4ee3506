//! The work that every proxy does.

/// One kind of traffic.
#[derive(Debug)]
pub(crate) struct Work {
    /// As on the command line.
    pub(crate) name: &'static str,
    /// What it stands for.
    pub(crate) about: &'static str,
    /// Path on the origin.
    pub(crate) path: &'static str,
    /// Who makes the requests and how.
    pub(crate) load: Load,
    /// TLS 1.3 between client and proxy.
    pub(crate) tls: bool,
    /// Access log to a file.
    pub(crate) access_log: bool,
    /// Prefix routes `/r00000` and on, which the requests go through in turn; 0: one route for everything.
    pub(crate) routes: usize,
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
}

const SMALL: Work = Work {
    name: "small",
    about: "keep-alive HTTP/1.1, 3 octets, 64 connections",
    path: "/small",
    load: Load::Http1 { connections: 64, close: false },
    tls: false,
    access_log: false,
    routes: 0,
};

/// Everything there is, in the order in which it is measured.
pub(crate) const ALL: &[Work] = &[
    SMALL,
    Work { name: "small-log", about: "small, with the access log to a file", access_log: true, ..SMALL },
    Work {
        name: "1k-512",
        about: "1 KiB bodies, 512 connections",
        path: "/1k",
        load: Load::Http1 { connections: 512, close: false },
        ..SMALL
    },
    Work { name: "100k", about: "100 KiB bodies, 64 connections", path: "/100k", ..SMALL },
    Work {
        name: "conn",
        about: "a new connection for each request",
        load: Load::Http1 { connections: 64, close: true },
        ..SMALL
    },
    Work { name: "tls-small", about: "small over TLS 1.3", tls: true, ..SMALL },
    Work {
        name: "h2-small",
        about: "small over TLS 1.3 and HTTP/2, 16 connections of 16 streams",
        load: Load::Http2 { connections: 16, streams: 16 },
        tls: true,
        ..SMALL
    },
    Work { name: "routes-10k", about: "small, through 10,000 prefix routes in turn", routes: 10_000, ..SMALL },
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
}
