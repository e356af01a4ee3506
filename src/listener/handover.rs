//! Listening sockets that come from another process: from the one that this one succeeds, or from a supervisor that opened them
//! (`LISTEN_FDS`, systemd.socket(5)).
//!
//! A socket that changes hands is never closed, so the connections in its queue are not lost, and there is no moment in which a client is
//! refused. The two processes talk over a pair of packet sockets: the old one sends what it has, the new one says when it serves.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};

use crate::config::model::ListenAddress;

/// Descriptors of one message; the kernel takes up to 253.
const FDS: usize = 64;
/// The longest name of a socket, in octets.
const LONGEST: usize = 4096;
/// How long a process may take to take a message: the first thing that it does is to wait for them.
const PATIENCE: Duration = Duration::from_secs(10);
/// Ends the list of sockets.
const ALL: &[u8] = b"all";
/// What the new process says once it serves.
const READY: &[u8] = b"ready";

/// One end of the talk between the two processes.
#[derive(Debug)]
pub struct Line(OwnedFd);

/// Sockets of one address.
#[derive(Debug, Default)]
pub struct Passed {
    /// They.
    pub sockets: Vec<OwnedFd>,
    /// Somebody else opened them and will remove a Unix socket's file.
    pub borrowed: bool,
}

/// Sockets that were passed to this process, by [`name`].
#[derive(Debug, Default)]
pub struct Inherited(BTreeMap<String, Passed>);

/// What a socket is called between two processes: its address; with port 0, which the system chooses, who it is for as well.
pub fn name(of: &str, address: &ListenAddress) -> String {
    match address {
        ListenAddress::Tcp(at) if at.port() == 0 => format!("{of} at {at}"),
        ListenAddress::Tcp(at) => at.to_string(),
        ListenAddress::Unix(path) => format!("unix:{}", path.display()),
    }
}

impl Line {
    /// Both ends.
    ///
    /// # Errors
    /// Where the system has no descriptor left.
    pub fn pair() -> io::Result<(Self, Self)> {
        let (one, other) = socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
        Ok((Self(one), Self(other)))
    }

    /// The end that another process has as its standard input.
    ///
    /// # Errors
    /// Where the system has no descriptor left.
    pub fn of_input() -> io::Result<Self> {
        Ok(Self(io::stdin().as_fd().try_clone_to_owned()?))
    }

    /// The descriptor, to be given to a process.
    pub fn into_fd(self) -> OwnedFd {
        self.0
    }

    /// Sends sockets by name, and that these are all.
    ///
    /// # Errors
    /// Where the other process is gone, or takes nothing for ten seconds.
    pub fn send(&self, offers: &[(String, Vec<BorrowedFd<'_>>)]) -> io::Result<()> {
        set_socket_timeout(&self.0, Timeout::Send, Some(PATIENCE))?;
        for (name, sockets) in offers {
            for some in sockets.chunks(FDS) {
                self.put(name.as_bytes(), some)?;
            }
        }
        self.put(ALL, &[])
    }

    fn put(&self, text: &[u8], fds: &[BorrowedFd<'_>]) -> io::Result<()> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FDS))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        if !fds.is_empty() && !control.push(SendAncillaryMessage::ScmRights(fds)) {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        sendmsg(&self.0, &[IoSlice::new(text)], &mut control, SendFlags::NOSIGNAL)?;
        Ok(())
    }

    /// Takes what [`Line::send`] sent.
    ///
    /// # Errors
    /// Where the other process is gone before it has sent all.
    pub fn receive(&self) -> io::Result<Inherited> {
        let mut inherited = Inherited::default();
        loop {
            let (text, fds) = self.take()?;
            match text.as_slice() {
                ALL => return Ok(inherited),
                text => {
                    let name = String::from_utf8_lossy(text).into_owned();
                    inherited.0.entry(name).or_default().sockets.extend(fds);
                }
            }
        }
    }

    fn take(&self) -> io::Result<(Vec<u8>, Vec<OwnedFd>)> {
        let mut text = vec![0; LONGEST];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(FDS))];
        let mut control = RecvAncillaryBuffer::new(&mut space);
        let got = recvmsg(&self.0, &mut [IoSliceMut::new(&mut text)], &mut control, RecvFlags::CMSG_CLOEXEC)?.bytes;
        if got == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        text.truncate(got);
        let rights = control.drain().filter_map(|message| match message {
            RecvAncillaryMessage::ScmRights(fds) => Some(fds),
            _ => None,
        });
        Ok((text, rights.flatten().collect()))
    }

    /// Says that this process serves.
    ///
    /// # Errors
    /// Where the other process is gone.
    pub fn say_ready(&self) -> io::Result<()> {
        self.put(READY, &[])
    }

    /// Waits until the other process serves.
    ///
    /// # Errors
    /// [`io::ErrorKind::UnexpectedEof`] where it has ended instead, [`io::ErrorKind::WouldBlock`] where the time is over.
    pub fn wait_until_ready(&self, timeout: Duration) -> io::Result<()> {
        set_socket_timeout(&self.0, Timeout::Recv, Some(timeout))?;
        let (text, _) = self.take()?;
        if text == READY { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
    }
}

impl Inherited {
    /// What a supervisor opened for this process: TCP and Unix sockets, known by the address that they are bound to. Call it before there is a
    /// second thread: the variables that announce them are removed.
    pub fn from_supervisor() -> Self {
        let mut passed = Self::default();
        let mut fds = listenfd::ListenFd::from_env();
        for place in 0..fds.len() {
            let tcp = fds.take_tcp_listener(place).ok().flatten().and_then(of_tcp);
            let socket = tcp.or_else(|| fds.take_unix_listener(place).ok().flatten().and_then(of_unix));
            let Some((name, socket)) = socket else { continue };
            let entry = passed.0.entry(name).or_default();
            entry.borrowed = true;
            entry.sockets.push(socket);
        }
        passed
    }

    /// The sockets of an address, no longer kept here.
    pub fn take(&mut self, name: &str) -> Option<Passed> {
        self.0.remove(name)
    }

    /// How many addresses have sockets.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// The addresses, for the log.
impl fmt::Display for Inherited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.0.keys().map(String::as_str).collect();
        f.write_str(&names.join(", "))
    }
}

fn of_tcp(socket: TcpListener) -> Option<(String, OwnedFd)> {
    let at = socket.local_addr().ok()?;
    socket.set_nonblocking(true).ok()?;
    Some((name("", &ListenAddress::Tcp(at)), socket.into()))
}

fn of_unix(socket: UnixListener) -> Option<(String, OwnedFd)> {
    let path: PathBuf = socket.local_addr().ok()?.as_pathname()?.to_owned();
    socket.set_nonblocking(true).ok()?;
    Some((name("", &ListenAddress::Unix(path)), socket.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sockets_keep_their_queue_when_they_change_hands() {
        let (old, new) = Line::pair().expect("a pair");
        let listeners: Vec<_> = (0..70).map(|_| TcpListener::bind("127.0.0.1:0").expect("bound")).collect();
        let at = listeners[0].local_addr().expect("bound");
        let waiting = std::net::TcpStream::connect(at).expect("in the queue");
        let (first, rest) = listeners.split_first().expect("many");
        let offers = vec![
            (name("web", &ListenAddress::Tcp(at)), vec![first.as_fd()]),
            ("web at 127.0.0.1:0".to_owned(), rest.iter().map(AsFd::as_fd).collect()),
        ];
        old.send(&offers).expect("sent");
        let mut inherited = new.receive().expect("received");
        drop(listeners);
        assert_eq!((inherited.len(), inherited.is_empty()), (2, false));
        assert_eq!(
            inherited.take("web at 127.0.0.1:0").expect("there").sockets.len(),
            69,
            "more than one message takes"
        );
        let passed = inherited.take(&at.to_string()).expect("there");
        assert!(!passed.borrowed && inherited.take(&at.to_string()).is_none());
        let mine = TcpListener::from(passed.sockets.into_iter().next().expect("one"));
        assert_eq!(mine.accept().expect("it waits").1, waiting.local_addr().expect("bound"));
    }

    #[test]
    fn the_old_process_learns_how_it_went() {
        let (old, new) = Line::pair().expect("a pair");
        new.say_ready().expect("sent");
        old.wait_until_ready(Duration::from_secs(5)).expect("ready");
        let late = old.wait_until_ready(Duration::from_millis(1)).expect_err("nothing was said").kind();
        assert_eq!(late, io::ErrorKind::WouldBlock);
        drop(new);
        let gone = old.wait_until_ready(Duration::from_secs(5)).expect_err("it has ended").kind();
        assert_eq!(gone, io::ErrorKind::UnexpectedEof);
        assert!(old.send(&[]).is_err() && old.receive().is_err());
    }

    #[test]
    fn a_socket_is_known_by_its_address_and_by_its_name_only_without_one() {
        let tcp = |text: &str| ListenAddress::Tcp(text.parse().expect("an address"));
        assert_eq!(name("web", &tcp("[::]:443")), "[::]:443");
        assert_eq!(name("web", &tcp("127.0.0.1:0")), "web at 127.0.0.1:0");
        assert_eq!(name("web", &ListenAddress::Unix("/run/a.sock".into())), "unix:/run/a.sock");
    }
}
