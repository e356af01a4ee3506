//! Binding. Each worker gets a socket of its own on the same address (`SO_REUSEPORT`), so that workers share no accept queue; a Unix
//! socket cannot have that, so there they share one.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::os::unix::fs::FileTypeExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::handover::Passed;
use crate::config::model::ListenAddress;

/// Connections that may wait to be accepted, for each socket. The system has a limit of its own (`net.core.somaxconn`).
const BACKLOG: i32 = 4096;

/// Sockets of one address.
#[derive(Debug)]
pub enum Bound {
    /// One for each worker.
    Tcp(Vec<TcpListener>),
    /// One, shared; the file is removed when the address is given up, where it is ours.
    Unix(UnixListener, Option<PathBuf>),
}

/// Why an address could not be bound, as one sentence for the operator.
#[derive(Debug)]
pub struct BindError {
    address: ListenAddress,
    error: io::Error,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = match &self.address {
            ListenAddress::Tcp(address) => address.to_string(),
            ListenAddress::Unix(path) => path.display().to_string(),
        };
        match self.error.kind() {
            io::ErrorKind::AddrInUse => {
                write!(f, "{address} is taken: another program listens there (`ss -ltnp` tells which)")
            }
            io::ErrorKind::PermissionDenied => write!(
                f,
                "no permission to listen on {address}: ports below 1024 need CAP_NET_BIND_SERVICE, and a socket's folder must be writable"
            ),
            io::ErrorKind::AddrNotAvailable => write!(f, "{address} is no address of this machine"),
            io::ErrorKind::NotFound => write!(f, "the folder of {address} is not there"),
            _ => write!(f, "cannot listen on {address}: {}", self.error),
        }
    }
}

impl std::error::Error for BindError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl Bound {
    /// The address as it is now: port 0 has become a real one.
    pub fn address(&self) -> String {
        match self {
            Self::Tcp(sockets) => sockets
                .first()
                .and_then(|socket| socket.local_addr().ok())
                .map_or_else(String::new, |at| at.to_string()),
            Self::Unix(socket, _) => {
                let address = socket.local_addr().ok();
                let path = address.as_ref().and_then(|address| address.as_pathname());
                path.map_or_else(String::new, |path| format!("unix:{}", path.display()))
            }
        }
    }
}

/// Binds an address for so many workers. Nothing is accepted before the sockets are given to workers; until then connections wait.
///
/// # Errors
/// [`BindError`]; nothing stays bound then.
pub fn bind(address: &ListenAddress, workers: usize) -> Result<Bound, BindError> {
    let bound = match address {
        ListenAddress::Tcp(at) => bind_tcp(*at, workers).map(Bound::Tcp),
        ListenAddress::Unix(path) => bind_unix(path).map(|socket| Bound::Unix(socket, Some(path.clone()))),
    };
    bound.map_err(|error| BindError { address: address.clone(), error })
}

/// Takes sockets over that another process has bound, for so many workers: as they are, because connections may wait in the queue of each.
/// Where there are fewer than workers, more are bound beside them or, where they do not allow that, shared.
///
/// # Errors
/// [`BindError`], where they are not what the address says.
pub fn adopt(address: &ListenAddress, passed: Passed, workers: usize) -> Result<Bound, BindError> {
    let failed = |error| BindError { address: address.clone(), error };
    match address {
        ListenAddress::Tcp(_) => adopt_tcp(passed.sockets, workers).map(Bound::Tcp).map_err(failed),
        ListenAddress::Unix(path) => {
            let first = passed.sockets.into_iter().next().ok_or_else(|| failed(io::ErrorKind::NotFound.into()))?;
            Ok(Bound::Unix(first.into(), (!passed.borrowed).then(|| path.clone())))
        }
    }
}

fn adopt_tcp(sockets: Vec<OwnedFd>, workers: usize) -> io::Result<Vec<TcpListener>> {
    let mut adopted: Vec<TcpListener> = sockets.into_iter().map(TcpListener::from).collect();
    let at = adopted.first().ok_or(io::ErrorKind::NotFound)?.local_addr()?;
    for socket in &adopted {
        SockRef::from(socket).set_tcp_nodelay(true)?;
    }
    while adopted.len() < workers {
        let more = tcp_socket(at, true).or_else(|_| adopted[adopted.len() - 1].try_clone())?;
        adopted.push(more);
    }
    Ok(adopted)
}

fn bind_tcp(address: SocketAddr, workers: usize) -> io::Result<Vec<TcpListener>> {
    // A port that somebody else has with SO_REUSEPORT would be shared with them in silence: the first socket asks without it.
    if address.port() != 0 {
        drop(tcp_socket(address, false)?);
    }
    let first = tcp_socket(address, true)?;
    let actual = first.local_addr()?;
    let mut sockets = vec![first];
    for _ in 1..workers {
        sockets.push(tcp_socket(actual, true)?);
    }
    Ok(sockets)
}

fn tcp_socket(address: SocketAddr, shared: bool) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(shared)?;
    if address.is_ipv6() {
        // `[::]` means every address, IPv4 too, whatever the machine's default is.
        socket.set_only_v6(false)?;
    }
    // Accepted sockets inherit it, which saves a call each.
    socket.set_tcp_nodelay(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    if shared {
        socket.listen(BACKLOG)?;
    }
    Ok(socket.into())
}

/// What was sent and is not taken for so long ends a connection, also when we have nothing more to send (tcp(7), TCP_USER_TIMEOUT). Those
/// that are accepted from now on inherit it, which saves a call each.
pub fn give_up_after(listening: BorrowedFd<'_>, timeout: Option<Duration>) {
    // 0 is the default of the system.
    let millis = timeout.map_or(0, |timeout| u32::try_from(timeout.as_millis()).unwrap_or(u32::MAX).max(1));
    // Without it, as on a Unix socket, a connection ends by other timeouts, later.
    let _ = rustix::net::sockopt::set_tcp_user_timeout(listening, millis);
}

fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    // A socket file that nobody listens on is left over from a run that was killed.
    if std::fs::metadata(path).is_ok_and(|there| there.file_type().is_socket()) {
        if UnixStream::connect(path).is_ok() {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        std::fs::remove_file(path)?;
    }
    let socket = UnixListener::bind(path)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn workers_share_a_port_and_nobody_else_does() {
        let address = ListenAddress::Tcp("127.0.0.1:0".parse().expect("an address"));
        let Bound::Tcp(sockets) = bind(&address, 3).expect("bound") else { panic!("TCP") };
        let at: Vec<_> = sockets.iter().map(|socket| socket.local_addr().expect("bound")).collect();
        assert!(at[0].port() != 0 && at.iter().all(|one| *one == at[0]));
        let error = bind(&ListenAddress::Tcp(at[0]), 1).expect_err("taken").to_string();
        assert!(error.contains("is taken"), "{error}");
    }

    #[test]
    fn accepted_connections_give_up_as_their_listener_says() {
        let listening = tcp_socket("127.0.0.1:0".parse().expect("an address"), true).expect("bound");
        let at = listening.local_addr().expect("bound");
        for (timeout, expected) in
            [(Some(Duration::from_secs(30)), 30_000), (Some(Duration::from_secs(5)), 5_000), (None, 0)]
        {
            give_up_after(listening.as_fd(), timeout);
            let client = std::net::TcpStream::connect(at).expect("connected");
            // It does not block, and the handshake of a loopback connection is over when its client is connected.
            let (accepted, _) = listening.accept().expect("accepted");
            assert_eq!(rustix::net::sockopt::tcp_user_timeout(&accepted).expect("an option"), expected);
            drop(client);
        }
    }

    #[test]
    fn sockets_of_another_process_serve_any_number_of_workers() {
        for (shared, there, workers, expected) in [(true, 1, 3, 3), (true, 3, 1, 3), (false, 1, 2, 2)] {
            let first = tcp_socket("127.0.0.1:0".parse().expect("an address"), true).expect("bound");
            let at = first.local_addr().expect("bound");
            SockRef::from(&first).set_reuse_port(shared).expect("an option");
            let more = (1..there).map(|_| tcp_socket(at, true).expect("shared"));
            let sockets = std::iter::once(first).chain(more).map(OwnedFd::from).collect();
            let passed = Passed { sockets, borrowed: false };
            let Bound::Tcp(adopted) = adopt(&ListenAddress::Tcp(at), passed, workers).expect("adopted") else {
                panic!("TCP")
            };
            assert_eq!(adopted.len(), expected);
            assert!(adopted.iter().all(|socket| socket.local_addr().expect("bound") == at));
        }
        let nothing = ListenAddress::Tcp("127.0.0.1:0".parse().expect("an address"));
        assert!(adopt(&nothing, Passed::default(), 1).is_err());
    }

    #[test]
    fn a_unix_socket_left_over_is_replaced_and_a_live_one_is_not() {
        let folder = std::env::temp_dir().join(format!("tidegate-bind-{}", std::process::id()));
        std::fs::create_dir_all(&folder).expect("a folder");
        let path = folder.join("a.sock");
        let address = ListenAddress::Unix(path.clone());
        let first = bind(&address, 2).expect("bound");
        assert!(bind(&address, 2).expect_err("live").to_string().contains("is taken"));
        drop(first);
        drop(bind(&address, 2).expect("left over"));
        let missing = ListenAddress::Unix(folder.join("no/such.sock"));
        assert!(bind(&missing, 1).expect_err("no folder").to_string().contains("is not there"));
        std::fs::remove_dir_all(&folder).expect("removed");
    }
}
