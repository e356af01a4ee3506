//! Fetches the keys of tokens from their URLs, on the control thread.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, HOST, USER_AGENT};
use http::{Request, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper::client::conn::http1::{self, SendRequest};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;

use crate::config::model::{TlsVersion, UpstreamTls};
use crate::edge::auth::jwks::{KeySet, PAUSE, Remote};
use crate::observe::log;
use crate::observe::metrics::{Exposition, Kind};
use crate::snapshot::Snapshot;
use crate::tls::ClientTls;

/// How long a fetch may take.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Octets of a set of keys.
const MOST: usize = 1 << 20;
/// After a fetch that failed; it doubles up to the usual time.
const BACK_OFF: Duration = Duration::from_secs(1);

/// The fetches that go on.
#[derive(Default)]
pub(super) struct Fetches {
    running: HashMap<Arc<str>, (Arc<Remote>, JoinHandle<()>)>,
}

impl Fetches {
    /// Those of the snapshot in force.
    pub(super) fn follow(&mut self, snapshot: &Snapshot) {
        self.running.retain(|_, (remote, task)| {
            let stays = snapshot.remotes.iter().any(|one| Arc::ptr_eq(one, remote));
            if !stays {
                task.abort();
            }
            stays
        });
        for remote in &snapshot.remotes {
            let begin = || (remote.clone(), tokio::task::spawn_local(keep(remote.clone())));
            self.running.entry(remote.id()).or_insert_with(begin);
        }
    }
}

/// How they went.
pub(super) fn expose(snapshot: &Snapshot, out: &mut Exposition) {
    let mut family = out.family("tidegate_jwks_fetches_total", Kind::Counter, "Fetches of the keys of tokens.");
    for remote in &snapshot.remotes {
        family.sample(&[("source", &*remote.url), ("result", "succeeded")], remote.succeeded.load(Relaxed));
        family.sample(&[("source", &*remote.url), ("result", "failed")], remote.failed.load(Relaxed));
    }
    let mut family = out.family("tidegate_jwks_keys", Kind::Gauge, "Keys of tokens that are in use.");
    for remote in &snapshot.remotes {
        family.sample(&[("source", &*remote.url)], remote.keys().map_or(0, |keys| keys.len()) as u64);
    }
}

/// Fetches as often as the config says, and when somebody asks.
async fn keep(remote: Arc<Remote>) {
    let mut back_off = BACK_OFF;
    loop {
        let fetched = tokio::time::timeout(TIMEOUT, fetch(&remote)).await;
        let next = match fetched.unwrap_or_else(|_| Err("it takes too long".to_owned())) {
            Ok(keys) => {
                remote.fetched(Some(keys));
                back_off = BACK_OFF;
                remote.refresh
            }
            Err(why) => {
                let fields = [("url", (&*remote.url).into()), ("error", why.as_str().into())];
                log::warn("cannot fetch the keys of tokens; those that are there stay", &fields);
                remote.fetched(None);
                back_off = (back_off * 2).min(remote.refresh);
                back_off
            }
        };
        tokio::select! {
            () = tokio::time::sleep(next) => {}
            () = async {
                tokio::time::sleep(PAUSE).await;
                remote.wanted().await;
            } => {}
        }
    }
}

async fn fetch(remote: &Remote) -> Result<KeySet, String> {
    let said = |error: &dyn std::fmt::Display| error.to_string();
    let uri: Uri = remote.url.parse().map_err(|error: http::uri::InvalidUri| said(&error))?;
    let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    let tls = uri.scheme_str() == Some("https");
    let port = uri.port_u16().unwrap_or(if tls { 443 } else { 80 });
    let stream = TcpStream::connect((host, port)).await.map_err(|error| said(&error))?;
    let mut sender = if tls {
        let model = UpstreamTls {
            verify: true,
            ca: remote.ca.clone(),
            server_name: None,
            certificate: None,
            min_version: TlsVersion::V1_2,
        };
        let tls = ClientTls::compile(&model, &[b"http/1.1"]);
        let tls =
            tls.map_err(|found| found.into_iter().map(|problem| problem.message).collect::<Vec<_>>().join("; "))?;
        let name = tls.server_name(host).ok_or("its host is no name")?;
        let stream = TlsConnector::from(tls.config()).connect(name, stream).await.map_err(|error| said(&error))?;
        begin(stream).await?
    } else {
        begin(stream).await?
    };
    let request = Request::get(uri.path_and_query().map_or("/", |path| path.as_str()))
        .header(HOST, uri.authority().map_or("", |authority| authority.as_str()))
        .header(ACCEPT, "application/jwk-set+json, application/json")
        .header(USER_AGENT, concat!("tidegate/", env!("CARGO_PKG_VERSION")))
        .body(Empty::new())
        .map_err(|error| said(&error))?;
    let response = sender.send_request(request).await.map_err(|error| said(&error))?;
    if response.status() != StatusCode::OK {
        return Err(format!("its status is {}", response.status().as_u16()));
    }
    let body = Limited::new(response.into_body(), MOST).collect().await.map_err(|error| said(&error))?;
    KeySet::parse(&body.to_bytes()).map_err(str::to_owned)
}

async fn begin<S: AsyncRead + AsyncWrite + Unpin + 'static>(stream: S) -> Result<SendRequest<Empty<Bytes>>, String> {
    let (sender, connection) = http1::handshake(TokioIo::new(stream)).await.map_err(|error| error.to_string())?;
    // It ends with the sender; what it says then is of no use.
    tokio::task::spawn_local(async move { drop(connection.await) });
    Ok(sender)
}
