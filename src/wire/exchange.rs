//! The seam between a codec on the client side and whoever answers: requests go up, answers come down.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;
use std::task::Waker;
use std::time::Instant;

use slab::Slab;

use crate::http::{BodyError, Interim, Request, Response};

use super::h1::parse::HeadError;
use super::timer::Timer;

/// Answers the requests of one connection.
pub trait Exchanges {
    /// The answer to a request. Dropping the future means that the client is gone.
    fn answer(&self, request: Request, task: Task) -> impl Future<Output = Answer>;

    /// The answer to what was not a request, before the connection closes.
    fn refuse(&self, refused: Refused, task: Task) -> Answer;
}

/// Why there is no request to answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// The head cannot be read.
    Head(HeadError),
    /// The head did not end in time.
    HeadTimeout,
}

/// A response, and who wants to know how it went.
pub struct Answer {
    /// The response.
    pub response: Response,
    /// Told at the last byte; dropped untold where the connection is lost before.
    pub receipt: Option<Box<dyn Receipt>>,
}

/// Is told once how a response went out.
pub trait Receipt {
    /// It ended.
    fn delivered(self: Box<Self>, delivery: Delivery);
}

/// How a response went out.
#[derive(Clone, Copy, Debug)]
pub struct Delivery {
    /// Octets of the body that were handed to the client's stream.
    pub body: u64,
    /// How it ended.
    pub end: End,
}

/// How a response ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// Whole.
    Complete,
    /// Its source broke off; the client was given a truncated message that it can tell.
    Source(BodyError),
    /// The client closed, reset or gave up its stream.
    ClientGone,
    /// The client took no byte for too long.
    ClientStalled,
}

/// What the task of an exchange and whoever answers share. Clones are the same.
#[derive(Clone, Debug)]
pub struct Task {
    shared: Rc<Shared>,
    timer: Timer,
}

#[derive(Debug)]
struct Shared {
    /// 1xx responses on their way to the client.
    interims: RefCell<Vec<Interim>>,
    takes_interims: Cell<bool>,
    received: Cell<u64>,
}

impl Task {
    /// For a task that has that timer.
    pub fn new(timer: Timer) -> Self {
        let (interims, takes_interims, received) = (RefCell::default(), Cell::new(true), Cell::new(0));
        Self { shared: Rc::new(Shared { interims, takes_interims, received }), timer }
    }

    /// The same exchange with a timer of its own, for a part of it that may go on in another task.
    pub fn apart(&self) -> Self {
        Self { shared: self.shared.clone(), timer: Timer::new() }
    }

    /// The same task, for a part of the exchange whose 1xx responses are not for the client.
    pub fn silent(&self) -> Self {
        let silent = Self::new(self.timer.clone());
        silent.shared.takes_interims.set(false);
        silent
    }

    /// The task's timer.
    pub fn timer(&self) -> &Timer {
        &self.timer
    }

    /// Octets of the request's body that were read so far.
    pub fn received(&self) -> u64 {
        self.shared.received.get()
    }

    /// Counts octets of the request's body.
    pub(super) fn receive(&self, octets: usize) {
        self.shared.received.set(self.shared.received.get() + octets as u64);
    }

    /// Another exchange begins; HTTP/1.0 takes no 1xx (RFC 9110 §15.2).
    pub(super) fn begin(&self, takes_interims: bool) {
        self.shared.received.set(0);
        self.shared.takes_interims.set(takes_interims);
        self.shared.interims.borrow_mut().clear();
    }

    /// Puts a 1xx response for the client; the task sends it on when it is polled the next time.
    pub fn put_interim(&self, interim: Interim) {
        if self.shared.takes_interims.get() {
            self.shared.interims.borrow_mut().push(interim);
        }
    }

    /// The oldest 1xx response that waits.
    pub(super) fn take_interim(&self) -> Option<Interim> {
        let mut interims = self.shared.interims.borrow_mut();
        if interims.is_empty() { None } else { Some(interims.remove(0)) }
    }
}

/// Tells the connections of a listener, in one worker, to finish: to end after the exchange that runs.
#[derive(Debug, Default)]
pub struct Drain {
    draining: Cell<bool>,
    linger: Cell<Option<Instant>>,
    tasks: RefCell<Slab<Option<Waker>>>,
    connections: Cell<usize>,
}

impl Drain {
    /// Not draining.
    pub fn new() -> Rc<Self> {
        Rc::default()
    }

    /// Whether connections are to finish.
    pub fn is_draining(&self) -> bool {
        self.draining.get()
    }

    /// How many connections there are.
    pub fn connections(&self) -> usize {
        self.connections.get()
    }

    /// From now on connections finish; all that wait are woken.
    pub fn begin(&self) {
        self.draining.set(true);
        for (_, task) in self.tasks.borrow_mut().iter_mut() {
            if let Some(task) = task.take() {
                task.wake();
            }
        }
    }

    /// The same, but a connection that has no request now may wait for one until then, which is its last: closing it would cut off the one
    /// that the client is sending at this moment.
    pub fn begin_lingering(&self, until: Instant) {
        self.linger.set(Some(until));
        self.begin();
    }

    /// Counts a connection in, until the watch is dropped.
    pub fn watch(self: &Rc<Self>) -> DrainWatch {
        self.connections.set(self.connections.get() + 1);
        self.watcher(true)
    }

    /// A watch that is no connection.
    pub fn watch_quietly(self: &Rc<Self>) -> DrainWatch {
        self.watcher(false)
    }

    fn watcher(self: &Rc<Self>, counted: bool) -> DrainWatch {
        let key = self.tasks.borrow_mut().insert(None);
        DrainWatch { drain: self.clone(), key, counted }
    }
}

/// One connection's view of [`Drain`].
#[derive(Debug)]
pub struct DrainWatch {
    drain: Rc<Drain>,
    key: usize,
    counted: bool,
}

impl DrainWatch {
    /// Whether to finish.
    pub fn is_draining(&self) -> bool {
        self.drain.draining.get()
    }

    /// Until when a connection without a request may wait for one, once draining has begun.
    pub fn lingers_until(&self) -> Option<Instant> {
        self.drain.linger.get()
    }

    /// The task to wake when draining begins. Once for a connection is enough: its task stays the same.
    pub fn register(&self, waker: &Waker) {
        if let Some(task) = self.drain.tasks.borrow_mut().get_mut(self.key) {
            *task = Some(waker.clone());
        }
    }
}

impl Drop for DrainWatch {
    fn drop(&mut self) {
        self.drain.tasks.borrow_mut().try_remove(self.key);
        if self.counted {
            self.drain.connections.set(self.drain.connections.get() - 1);
        }
    }
}
