//! The listening sockets of the process, kept over reloads: what stays is not touched, what is new is bound before anything changes.

use std::collections::BTreeMap;
use std::fmt;
use std::net::TcpListener;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use super::worker::{Handle, Order};
use crate::config::model::ListenAddress;
use crate::listener::handover::{self, Inherited};
use crate::listener::{BindError, Bound, Gate, adopt, bind, give_up_after};
use crate::observe::log;
use crate::snapshot::Snapshot;

/// What makes two listeners of two configs the same socket: the address; and the name, where the system chose the port.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) struct Key {
    address: ListenAddress,
    name: Option<Arc<str>>,
}

impl Key {
    fn of(name: &Arc<str>, address: &ListenAddress) -> Self {
        let any_port = matches!(address, ListenAddress::Tcp(at) if at.port() == 0);
        Self { address: address.clone(), name: any_port.then(|| name.clone()) }
    }
}

impl Key {
    /// What it is called between two processes.
    fn handover_name(&self) -> String {
        handover::name(self.name.as_deref().unwrap_or_default(), &self.address)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

/// A listening socket on its way to a worker.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// One that is open.
#[derive(Debug)]
struct Open {
    name: Arc<str>,
    /// With the port that the system chose.
    address: String,
    gate: Arc<Gate>,
    /// The file of a Unix socket, where it is ours.
    file: Option<PathBuf>,
    /// The sockets once more, for the process that will succeed this one.
    sockets: Vec<OwnedFd>,
}

/// All that are open.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    open: BTreeMap<Key, Open>,
    /// Of all of them.
    connections: Arc<AtomicUsize>,
}

/// Sockets that a new config needs, bound and not yet given to workers. Dropping them gives them up.
#[derive(Debug)]
pub(super) struct Bind {
    new: Vec<(Key, Arc<str>, Bound)>,
}

impl Listeners {
    /// Binds what a snapshot needs and is not open, unless it was passed to this process.
    ///
    /// # Errors
    /// Every address that cannot be bound; nothing has changed then.
    pub(super) fn prepare(
        &self,
        snapshot: &Snapshot,
        workers: usize,
        inherited: &mut Inherited,
    ) -> Result<Bind, Vec<(Arc<str>, BindError)>> {
        let (mut new, mut failed) = (Vec::new(), Vec::new());
        for listener in &snapshot.model.listeners {
            let key = Key::of(&listener.name, &listener.address);
            if self.open.contains_key(&key) {
                continue;
            }
            let bound = match inherited.take(&key.handover_name()) {
                Some(passed) => adopt(&listener.address, passed, workers),
                None => bind(&listener.address, workers),
            };
            match bound {
                Ok(bound) => new.push((key, listener.name.clone(), bound)),
                Err(error) => failed.push((listener.name.clone(), error)),
            }
        }
        if failed.is_empty() { Ok(Bind { new }) } else { Err(failed) }
    }

    /// Gives new sockets to the workers, and their new names to old ones. The snapshot is published already.
    pub(super) fn publish(&mut self, bind: Bind, snapshot: &Snapshot, workers: &[Handle]) {
        for (place, listener) in snapshot.model.listeners.iter().enumerate() {
            let key = Key::of(&listener.name, &listener.address);
            let Some(open) = self.open.get_mut(&key) else { continue };
            open.patience(listener.limits.write_timeout);
            if open.name != listener.name {
                open.name = listener.name.clone();
                let id = snapshot.listeners[place].id;
                tell(workers, || Order::Rename { key: key.clone(), id });
            }
        }
        for (key, name, bound) in bind.new {
            let (address, copies) = (bound.address(), copies(&bound));
            let gate = Gate::beside(&self.connections);
            let (sockets, file) = divide(bound, workers.len());
            let Some(place) = snapshot.listeners.iter().position(|listener| listener.name == name) else { continue };
            let id = snapshot.listeners[place].id;
            let open = Open { name, address, gate, file, sockets: copies };
            open.patience(snapshot.model.listeners[place].limits.write_timeout);
            for (worker, sockets) in workers.iter().zip(sockets) {
                // A worker that is gone has panicked, which was reported.
                let _ = worker.orders.send(Order::Listen { key: key.clone(), id, sockets, gate: open.gate.clone() });
            }
            log::note("listening", &[("listener", (&*open.name).into()), ("address", (&*open.address).into())]);
            self.open.insert(key, open);
        }
    }

    /// Closes what a snapshot has not; the connections on it finish.
    pub(super) fn retire(&mut self, snapshot: &Snapshot, workers: &[Handle]) {
        let wanted = |key: &Key| snapshot.model.listeners.iter().any(|one| Key::of(&one.name, &one.address) == *key);
        self.open.retain(|key, open| {
            if wanted(key) {
                return true;
            }
            tell(workers, || Order::Unlisten { key: key.clone() });
            let fields = [("listener", (&*open.name).into()), ("connections", (open.gate.count() as u64).into())];
            log::note("listener closed; its connections finish", &fields);
            open.remove_file();
            false
        });
    }

    /// Name and address of each.
    pub(super) fn addresses(&self) -> Vec<(String, String)> {
        self.open.values().map(|open| (open.name.to_string(), open.address.clone())).collect()
    }

    /// All sockets, for the process that succeeds this one.
    pub(super) fn offers(&self) -> Vec<(String, Vec<BorrowedFd<'_>>)> {
        self.open
            .iter()
            .map(|(key, open)| (key.handover_name(), open.sockets.iter().map(AsFd::as_fd).collect()))
            .collect()
    }

    /// Gives up what the control thread has of the sockets: what the workers have is theirs to close. The files of Unix sockets go too, unless
    /// the sockets have passed to another process.
    pub(super) fn close(self, passed_on: bool) {
        if !passed_on {
            self.open.values().for_each(Open::remove_file);
        }
    }
}

impl Open {
    /// For connections that are accepted from now on.
    fn patience(&self, write_timeout: Option<Duration>) {
        self.sockets.iter().for_each(|socket| give_up_after(socket.as_fd(), write_timeout));
    }

    fn remove_file(&self) {
        if let Some(file) = &self.file {
            // Somebody may have been faster.
            let _ = std::fs::remove_file(file);
        }
    }
}

/// The sockets for each worker, and the file of a Unix socket. Each has one, or more where another process bound them for more workers.
fn divide(bound: Bound, workers: usize) -> (Vec<Vec<Socket>>, Option<PathBuf>) {
    let mut divided: Vec<Vec<Socket>> = (0..workers).map(|_| Vec::new()).collect();
    match bound {
        Bound::Tcp(sockets) => {
            for (place, socket) in sockets.into_iter().enumerate() {
                divided[place % workers.max(1)].push(Socket::Tcp(socket));
            }
            (divided, None)
        }
        Bound::Unix(socket, file) => {
            for sockets in &mut divided {
                sockets.extend(socket.try_clone().ok().map(Socket::Unix));
            }
            (divided, file)
        }
    }
}

/// The sockets once more. One that cannot be copied, because no descriptor is left, is not passed on and closes with its worker.
fn copies(bound: &Bound) -> Vec<OwnedFd> {
    let copy = |socket: BorrowedFd<'_>| socket.try_clone_to_owned().ok();
    match bound {
        Bound::Tcp(sockets) => sockets.iter().filter_map(|socket| copy(socket.as_fd())).collect(),
        Bound::Unix(socket, _) => copy(socket.as_fd()).into_iter().collect(),
    }
}

pub(super) fn tell(workers: &[Handle], order: impl Fn() -> Order) {
    for worker in workers {
        // A worker that is gone has panicked, which was reported.
        let _ = worker.orders.send(order());
    }
}
