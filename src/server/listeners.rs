//! The listening sockets of the process, kept over reloads: what stays is not touched, what is new is bound before anything changes.

use std::collections::BTreeMap;
use std::fmt;
use std::net::TcpListener;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::Arc;

use super::worker::{Handle, Order};
use crate::config::model::ListenAddress;
use crate::listener::{BindError, Bound, Gate, bind};
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
    /// The file of a Unix socket.
    file: Option<PathBuf>,
}

/// All that are open.
#[derive(Debug, Default)]
pub(super) struct Listeners {
    open: BTreeMap<Key, Open>,
}

/// Sockets that a new config needs, bound and not yet given to workers. Dropping them gives them up.
#[derive(Debug)]
pub(super) struct Bind {
    new: Vec<(Key, Arc<str>, Bound)>,
}

impl Listeners {
    /// Binds what a snapshot needs and is not open.
    ///
    /// # Errors
    /// Every address that cannot be bound; nothing has changed then.
    pub(super) fn prepare(&self, snapshot: &Snapshot, workers: usize) -> Result<Bind, Vec<(Arc<str>, BindError)>> {
        let (mut new, mut failed) = (Vec::new(), Vec::new());
        for listener in &snapshot.model.listeners {
            let key = Key::of(&listener.name, &listener.address);
            if self.open.contains_key(&key) {
                continue;
            }
            match bind(&listener.address, workers) {
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
            if let Some(open) = self.open.get_mut(&key)
                && open.name != listener.name
            {
                open.name = listener.name.clone();
                let id = snapshot.listeners[place].id;
                tell(workers, || Order::Rename { key: key.clone(), id });
            }
        }
        for (key, name, bound) in bind.new {
            let address = bound.address();
            let gate = Arc::<Gate>::default();
            let (sockets, file) = divide(bound, workers.len());
            let id = snapshot.listeners.iter().find(|listener| listener.name == name).map(|listener| listener.id);
            let Some(id) = id else { continue };
            for (worker, socket) in workers.iter().zip(sockets) {
                // A worker that is gone has panicked, which was reported.
                let _ = worker.orders.send(Order::Listen { key: key.clone(), id, socket, gate: gate.clone() });
            }
            log::note("listening", &[("listener", (&*name).into()), ("address", (&*address).into())]);
            self.open.insert(key, Open { name, address, gate, file });
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

    /// Gives up every Unix socket's file.
    pub(super) fn remove_files(&self) {
        self.open.values().for_each(Open::remove_file);
    }
}

impl Open {
    fn remove_file(&self) {
        if let Some(file) = &self.file {
            // Somebody may have been faster.
            let _ = std::fs::remove_file(file);
        }
    }
}

/// A socket for each worker, and the file of a Unix socket.
fn divide(bound: Bound, workers: usize) -> (Vec<Socket>, Option<PathBuf>) {
    match bound {
        Bound::Tcp(sockets) => (sockets.into_iter().map(Socket::Tcp).collect(), None),
        Bound::Unix(socket, file) => {
            let clones = (0..workers).filter_map(|_| socket.try_clone().ok());
            (clones.map(Socket::Unix).collect(), Some(file))
        }
    }
}

pub(super) fn tell(workers: &[Handle], order: impl Fn() -> Order) {
    for worker in workers {
        // A worker that is gone has panicked, which was reported.
        let _ = worker.orders.send(order());
    }
}
