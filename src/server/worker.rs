//! A worker thread: its runtime, its listening sockets and its connections.

use std::collections::HashMap;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::connection;
use super::listeners::{Key, Socket};
use super::pressure;
use crate::listener::{Accepted, Acceptor, Gate, accept};
use crate::observe::access_log::AccessLog;
use crate::observe::lookout::Lookout;
use crate::observe::metrics::{Metrics, Refused};
use crate::observe::tracing::Spans;
use crate::observe::{ListenerId, Observer};
use crate::proxy::Worker;
use crate::snapshot::{Cell, Pressure};
use crate::wire::Drain;

/// How often idle connections to endpoints are looked at.
const SWEEP: Duration = Duration::from_secs(5);

/// Octets that the system takes for a client before it can send them. Megabytes of a response that nobody reads would be work and memory
/// for nothing; what is on its way to the client already is not counted.
const UNSENT: u32 = 128 * 1024;

/// What the control thread tells a worker. There are few, so the channel needs no bound.
#[derive(Debug)]
pub(super) enum Order {
    /// Accept on these sockets of one address.
    Listen { key: Key, id: ListenerId, sockets: Vec<Socket>, gate: Arc<Gate> },
    /// The socket has another name from now on.
    Rename { key: Key, id: ListenerId },
    /// Accept no more on that socket; its connections finish.
    Unlisten { key: Key },
    /// A snapshot was published.
    Follow { done: mpsc::Sender<()> },
    /// Accept no more; finish, and end at the latest then. Connections without a request wait for one until `linger`.
    Drain { until: Instant, linger: Instant },
}

/// A worker as the control thread has it.
#[derive(Debug)]
pub(super) struct Handle {
    pub(super) orders: UnboundedSender<Order>,
    /// Ends with the number of connections that were cut off.
    pub(super) thread: JoinHandle<usize>,
}

/// What a worker is made of.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) cell: Arc<Cell>,
    pub(super) metrics: Arc<Metrics>,
    pub(super) access_log: AccessLog,
    pub(super) lookout: Lookout,
    pub(super) spans: Spans,
}

/// Events of sockets that are taken at once.
const EVENTS: usize = 64;

/// Starts a worker thread.
///
/// # Errors
/// Where the system gives no thread.
pub(super) fn start(number: usize, parts: Parts) -> io::Result<Handle> {
    let (orders, received) = unbounded_channel();
    let thread = std::thread::Builder::new().name(format!("tidegate-{number}")).spawn(move || run(parts, received))?;
    Ok(Handle { orders, thread })
}

fn run(parts: Parts, orders: UnboundedReceiver<Order>) -> usize {
    let Parts { cell, metrics, access_log, lookout, spans } = parts;
    let access_log = access_log.worker();
    let lookout = lookout.worker(&access_log);
    let observer = Observer::new(metrics.worker(), access_log, lookout, spans);
    let worker = Worker::new(cell, observer, seed());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        // Sockets are looked at after so many polls of tasks; a busy proxy has both all the time.
        .event_interval(61)
        // About as many at once: what the system has just looked at is still near when its task runs.
        .max_io_events_per_tick(EVENTS)
        .build_local(tokio::runtime::LocalOptions::default())
        .expect("a runtime needs an epoll descriptor, and the process has just begun");
    metrics.watch(runtime.handle().metrics());
    let left = runtime.block_on(Serving::new(worker.clone()).run(orders));
    // Ends what is left: each exchange is counted and logged when its task is dropped.
    drop(runtime);
    worker.observer.access_log().flush();
    left
}

/// The standard library's hasher keys are random, and different on each thread.
fn seed() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(std::thread::current().id())
}

/// One listening socket, and what was accepted on it.
struct Listening {
    id: Rc<std::cell::Cell<ListenerId>>,
    drain: Rc<Drain>,
}

struct Serving {
    worker: Rc<Worker>,
    listening: HashMap<Key, Listening>,
    /// Sockets that are closed, with connections that finish.
    draining: Vec<(ListenerId, Rc<Drain>)>,
}

impl Serving {
    fn new(worker: Rc<Worker>) -> Self {
        Self { worker, listening: HashMap::new(), draining: Vec::new() }
    }

    /// Serves until it is told to drain and has, or until the time for that is over. Gives back how many connections were left.
    async fn run(mut self, mut orders: UnboundedReceiver<Order>) -> usize {
        tokio::task::spawn_local(self.worker.observer.access_log().clone().keep_flushing());
        tokio::task::spawn_local(pressure::keep_time(self.worker.clone()));
        let mut sweep = tokio::time::interval(SWEEP);
        let (until, linger) = loop {
            tokio::select! {
                order = orders.recv() => match order {
                    Some(Order::Drain { until, linger }) => break (until, linger),
                    Some(order) => self.take(order),
                    // The control thread is gone.
                    None => return self.connections(),
                },
                _ = sweep.tick() => {
                    self.worker.sweep(Instant::now());
                    self.forget_drained();
                }
            }
        };
        for listening in self.listening.values() {
            listening.drain.begin_lingering(linger);
        }
        self.finish(until).await
    }

    async fn finish(&self, until: Instant) -> usize {
        const LOOK: Duration = Duration::from_millis(10);
        loop {
            // First of all accept loops take what has come until now, and close their sockets: what they take is served too.
            tokio::time::sleep(LOOK).await;
            if self.connections() == 0 || Instant::now() >= until {
                return self.connections();
            }
        }
    }

    fn connections(&self) -> usize {
        let listening = self.listening.values().map(|listening| &listening.drain);
        listening.chain(self.draining.iter().map(|(_, drain)| drain)).map(|drain| drain.connections()).sum()
    }

    /// Lets go of the worlds of listeners that have left, once their last connection is gone.
    fn forget_drained(&mut self) {
        let gone = |drain: &Rc<Drain>| drain.connections() == 0;
        let finished: Vec<_> = self.draining.iter().filter(|(_, drain)| gone(drain)).map(|(id, _)| *id).collect();
        self.draining.retain(|(_, drain)| !gone(drain));
        for id in finished {
            // The same listener may drain a second time.
            if !self.draining.iter().any(|(other, _)| *other == id) {
                self.worker.forget(id);
            }
        }
    }

    fn take(&mut self, order: Order) {
        match order {
            Order::Listen { key, id, sockets, gate } => self.listen(key, id, sockets, &gate),
            Order::Rename { key, id } => {
                if let Some(listening) = self.listening.get(&key) {
                    listening.id.set(id);
                }
            }
            Order::Unlisten { key } => {
                if let Some(listening) = self.listening.remove(&key) {
                    listening.drain.begin();
                    self.draining.push((listening.id.get(), listening.drain));
                }
            }
            Order::Follow { done } => {
                // Perhaps a request has done it already.
                self.worker.world();
                let _ = done.send(());
            }
            // Ends the loop before it comes here.
            Order::Drain { .. } => {}
        }
    }

    fn listen(&mut self, key: Key, id: ListenerId, sockets: Vec<Socket>, gate: &Arc<Gate>) {
        let (drain, id) = (Drain::new(), Rc::new(std::cell::Cell::new(id)));
        for socket in sockets {
            let acceptor = match socket {
                Socket::Tcp(socket) => {
                    // What is accepted here inherits it (tcp(7)). Without it the system holds more.
                    let _ = socket2::SockRef::from(&socket).set_tcp_notsent_lowat(UNSENT);
                    tokio::net::TcpListener::from_std(socket).map(Acceptor::Tcp)
                }
                Socket::Unix(socket) => tokio::net::UnixListener::from_std(socket).map(Acceptor::Unix),
            };
            let Ok(acceptor) = acceptor else {
                let name = key.to_string();
                let fields = [("listener", (&*name).into())];
                crate::observe::log::error("cannot watch a listening socket", &fields);
                continue;
            };
            let (worker, name, gate) = (self.worker.clone(), key.to_string(), gate.clone());
            let (drain, id) = (drain.clone(), id.clone());
            tokio::task::spawn_local(async move {
                let serve = |accepted| begin(&worker, id.get(), accepted, &gate, &drain);
                accept(acceptor, &name, &drain, serve).await;
            });
        }
        self.listening.insert(key, Listening { id, drain });
    }
}

/// Gives a connection its task, or closes it.
fn begin(worker: &Rc<Worker>, id: ListenerId, accepted: Accepted, gate: &Arc<Gate>, drain: &Rc<Drain>) {
    // Where it has left the config, this takes what was in the queue of its socket.
    let world = worker.world_of(id);
    let Some((_, listener)) = world.snapshot.listener(id) else { return };
    let Some(place) = gate.enter(listener.limits.max_connections) else {
        return worker.observer.metrics().connection_refused(id, Refused::MaxConnections);
    };
    if gate.is_over(world.snapshot.model.server.max_connections) {
        return worker.observer.metrics().connection_refused(id, Refused::ServerMaxConnections);
    }
    if worker.pressure() == Pressure::Full {
        return worker.observer.metrics().connection_refused(id, Refused::Overloaded);
    }
    let (worker, listener, clients, watch) = (worker.clone(), listener.clone(), gate.clients.clone(), drain.watch());
    // In a box: the runtime moves what it is given several times before it first runs.
    let serving = Box::pin(connection::serve(worker, (listener, clients), accepted, watch));
    tokio::task::spawn_local(async move {
        serving.await;
        drop(place);
    });
}
