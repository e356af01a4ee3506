//! One client's connection, as the pipeline sees it.

use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;

use super::edge::Paces;
use super::pipeline;
use super::worker::Worker;
use crate::http::forwarded::PerConnection;
use crate::http::trust::Trusted;
use crate::http::{Request, Scheme};
use crate::observe::ListenerId;
use crate::snapshot::{Admission, Listener};
use crate::tls::Session;
use crate::wire::{Answer, Exchanges, Refused, Task};

/// What holds for all exchanges of a connection.
pub struct Client {
    /// The thread that serves it.
    pub worker: Rc<Worker>,
    /// By which listener it came.
    pub listener: ListenerId,
    /// The other end, after the PROXY header; none on a unix socket.
    pub peer: Option<SocketAddr>,
    /// Our end of it, likewise.
    pub local: Option<SocketAddr>,
    /// TLS, where it is terminated here.
    pub tls: Option<Session>,
    /// What upstreams are told of it.
    pub forwarding: PerConnection,
    /// Counts the exchanges of its address, where that has a limit.
    pub requests: Option<Arc<Admission>>,
    /// How fast its bodies pass, where that is limited.
    pub(super) paces: Paces,
}

impl Client {
    /// For a connection that is ready for its first request.
    pub fn new(
        worker: Rc<Worker>,
        listener: &Listener,
        (peer, local): (Option<SocketAddr>, Option<SocketAddr>),
        tls: Option<Session>,
        requests: Option<Arc<Admission>>,
    ) -> Self {
        let forwarding = PerConnection::new(peer.map(|peer| peer.ip()), listener.scheme(), &listener.trusted);
        Self { worker, listener: listener.id, peer, local, tls, forwarding, requests, paces: Paces::default() }
    }

    /// Nobody: what the program asks by itself, for whoever comes next.
    pub fn nobody(worker: Rc<Worker>, listener: ListenerId) -> Self {
        let forwarding = PerConnection::new(None, Scheme::Http, &Trusted::default());
        Self {
            worker,
            listener,
            peer: None,
            local: None,
            tls: None,
            forwarding,
            requests: None,
            paces: Paces::default(),
        }
    }
}

impl Exchanges for Client {
    // Not `async`, which would put one future into another and move both.
    fn answer(&self, request: Request, task: Task) -> impl Future<Output = Answer> {
        pipeline::run(self, request, task)
    }

    fn refuse(&self, refused: Refused, task: Task) -> Answer {
        pipeline::refuse(self, refused, task)
    }
}
