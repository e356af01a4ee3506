//! Binds the admin address and serves it, a connection at a time for each client.

use std::cell::Cell;
use std::convert::Infallible;
use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, UnixListener};
use tokio::task::JoinSet;

use super::answer::answer;
use super::asked::{Asked, MAX_BODY};
use super::guard::Gate;
use super::reply::{Reply, problem};
use super::surface::Surface;
use crate::config::model::{self, ListenAddress};
use crate::observe::log;

/// Connections at a time; more wait.
const CONNECTIONS: usize = 256;

/// A client that sends no request for so long is disconnected.
const IDLE: Duration = Duration::from_secs(30);

/// A body that takes longer is given up.
const BODY: Duration = Duration::from_secs(10);

/// How long an accept that failed (no file descriptor is left) waits before the next.
const PAUSE: Duration = Duration::from_millis(100);

/// The admin address, bound.
pub struct Admin {
    address: ListenAddress,
    listener: Listener,
    owner: SocketOwner,
    gate: Rc<Gate>,
}

/// Whose the file of a Unix socket is. Unless it is passed on, it goes when the admin address is no longer served.
#[derive(Clone, Debug, Default)]
pub struct SocketOwner(Rc<Cell<bool>>);

impl SocketOwner {
    /// The socket now belongs to another process, which will remove its file.
    pub fn pass_on(&self) {
        self.0.set(true);
    }
}

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// Why the admin address cannot be bound.
#[derive(Debug)]
pub struct BindError {
    /// The address of the config.
    pub address: ListenAddress,
    /// What the system says.
    pub error: io::Error,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { address, error } = self;
        match (address, error.kind()) {
            (ListenAddress::Tcp(address), io::ErrorKind::AddrInUse) => {
                write!(f, "the admin address {address} is taken by another program")
            }
            (ListenAddress::Tcp(address), _) => write!(f, "cannot bind the admin address {address}: {error}"),
            (ListenAddress::Unix(path), io::ErrorKind::AddrInUse) => {
                write!(f, "the admin socket {} is used by another program", path.display())
            }
            (ListenAddress::Unix(path), _) => write!(f, "cannot bind the admin socket {}: {error}", path.display()),
        }
    }
}

impl std::error::Error for BindError {}

impl Admin {
    /// Binds the address. Call it on the control thread, inside its runtime.
    ///
    /// # Errors
    /// [`BindError`], as one sentence for the operator.
    pub fn bind(admin: &model::Admin) -> Result<Self, BindError> {
        let failed = |error| BindError { address: admin.address.clone(), error };
        match &admin.address {
            ListenAddress::Tcp(address) => {
                let listener = bind_tcp(*address).map_err(failed)?;
                let bound = listener.local_addr().map_err(failed)?;
                Ok(Self::new(admin, ListenAddress::Tcp(bound), Listener::Tcp(listener)))
            }
            ListenAddress::Unix(path) => {
                let listener = bind_unix(path).map_err(failed)?;
                Ok(Self::new(admin, admin.address.clone(), Listener::Unix(listener)))
            }
        }
    }

    fn new(admin: &model::Admin, address: ListenAddress, listener: Listener) -> Self {
        Self { address, listener, owner: SocketOwner::default(), gate: Rc::new(Gate::new(admin)) }
    }

    /// Takes over what another process has bound to the address.
    ///
    /// # Errors
    /// [`BindError`], where the socket is not what the address says.
    pub fn adopt(admin: &model::Admin, socket: OwnedFd) -> Result<Self, BindError> {
        let failed = |error| BindError { address: admin.address.clone(), error };
        match &admin.address {
            ListenAddress::Tcp(_) => {
                let listener = TcpListener::from_std(socket.into()).map_err(failed)?;
                let bound = listener.local_addr().map_err(failed)?;
                Ok(Self::new(admin, ListenAddress::Tcp(bound), Listener::Tcp(listener)))
            }
            ListenAddress::Unix(_) => {
                let listener = UnixListener::from_std(socket.into()).map_err(failed)?;
                Ok(Self::new(admin, admin.address.clone(), Listener::Unix(listener)))
            }
        }
    }

    /// The socket once more, for the process that succeeds this one.
    ///
    /// # Errors
    /// Where no descriptor is left.
    pub fn socket(&self) -> io::Result<OwnedFd> {
        match &self.listener {
            Listener::Tcp(listener) => listener.as_fd().try_clone_to_owned(),
            Listener::Unix(listener) => listener.as_fd().try_clone_to_owned(),
        }
    }

    /// Whose the socket's file is.
    pub fn owner(&self) -> SocketOwner {
        self.owner.clone()
    }

    /// Where it is; the port is the real one.
    pub fn address(&self) -> &ListenAddress {
        &self.address
    }

    /// Serves until it is dropped. It spawns local tasks, so it runs in a `LocalSet` or a `LocalRuntime`.
    pub async fn serve(self, surface: Rc<dyn Surface>) {
        let _removed_at_the_end = match &self.address {
            ListenAddress::Unix(path) => Some(SocketFile::of(path, self.owner.clone())),
            ListenAddress::Tcp(_) => None,
        };
        let mut connections = JoinSet::new();
        loop {
            while connections.try_join_next().is_some() {}
            if connections.len() >= CONNECTIONS {
                connections.join_next().await;
            }
            let (surface, gate) = (surface.clone(), self.gate.clone());
            let accepted = match &self.listener {
                Listener::Tcp(listener) => listener.accept().await.map(|(stream, _)| {
                    connections.spawn_local(serve_connection(stream, gate, surface));
                }),
                Listener::Unix(listener) => listener.accept().await.map(|(stream, _)| {
                    connections.spawn_local(serve_connection(stream, gate, surface));
                }),
            };
            if let Err(error) = accepted {
                log::warn("the admin address cannot accept", &[("error", log::show(&error))]);
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn serve_connection(stream: impl AsyncRead + AsyncWrite + Unpin, gate: Rc<Gate>, surface: Rc<dyn Surface>) {
    let service = service_fn(|request: Request<Incoming>| {
        let (surface, gate) = (surface.clone(), gate.clone());
        async move { Ok::<_, Infallible>(read_and_answer(request, &gate, &*surface).await) }
    });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(IDLE).max_buf_size(64 << 10);
    if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
        log::debug("a connection to the admin address failed", &[("error", log::show(&error))]);
    }
}

async fn read_and_answer(request: Request<Incoming>, gate: &Gate, surface: &dyn Surface) -> Reply {
    let (head, body) = request.into_parts();
    let whole = tokio::time::timeout(BODY, Limited::new(body, MAX_BODY).collect());
    let body: Bytes = match whole.await {
        Ok(Ok(whole)) => whole.to_bytes(),
        Ok(Err(_)) => return problem(StatusCode::PAYLOAD_TOO_LARGE, "the body is too large, or was broken off"),
        Err(_) => return problem(StatusCode::REQUEST_TIMEOUT, "the body did not come"),
    };
    answer(&Asked { method: head.method, uri: head.uri, headers: head.headers, body }, gate, surface).await
}

fn bind_tcp(address: std::net::SocketAddr) -> io::Result<TcpListener> {
    let socket = match address {
        std::net::SocketAddr::V4(_) => tokio::net::TcpSocket::new_v4(),
        std::net::SocketAddr::V6(_) => tokio::net::TcpSocket::new_v6(),
    }?;
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(128)
}

/// Binds a socket file that only its owner and group may use. One that a dead program left is taken over.
fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    let listener = match UnixListener::bind(path) {
        Err(error) if error.kind() == io::ErrorKind::AddrInUse && is_dead_socket(path) => {
            std::fs::remove_file(path)?;
            UnixListener::bind(path)
        }
        other => other,
    }?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o660))?;
    Ok(listener)
}

fn is_dead_socket(path: &Path) -> bool {
    let is_socket = std::fs::symlink_metadata(path).is_ok_and(|file| file.file_type().is_socket());
    let refused = || {
        std::os::unix::net::UnixStream::connect(path)
            .is_err_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
    };
    is_socket && refused()
}

/// Takes the socket file away when nobody listens any more, unless it is another one by then.
struct SocketFile {
    path: PathBuf,
    inode: Option<u64>,
    owner: SocketOwner,
}

impl SocketFile {
    fn of(path: &Path, owner: SocketOwner) -> Self {
        Self { path: path.to_owned(), inode: inode(path), owner }
    }
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if !self.owner.0.get() && self.inode.is_some() && self.inode == inode(&self.path) {
            // It may be gone already.
            let _gone = std::fs::remove_file(&self.path);
        }
    }
}

fn inode(path: &Path) -> Option<u64> {
    std::fs::symlink_metadata(path).ok().map(|file| file.ino())
}
