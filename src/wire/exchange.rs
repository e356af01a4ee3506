//! The seam between a codec on the client side and whoever answers: requests go up, answers come down.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::rc::Rc;
use std::task::Waker;

use slab::Slab;

use crate::http::{BodyError, Interim, Request, Response};

use super::h1::parse::HeadError;
use super::timer::Timer;

/// Answers the requests of one connection.
pub trait Exchanges {
    /// The answer to a request. Dropping the future means that the client is gone.
    fn answer(&self, request: Request, task: Task) -> impl Future<Output = Answer>;

    /// The answer to what was not a request, before the connection closes.
    fn refuse(&self, refused: Refused) -> Answer;
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

/// What the task of an exchange lends to whoever answers.
#[derive(Clone, Debug)]
pub struct Task {
    /// The way of 1xx responses to the client.
    pub interims: Interims,
    /// The task's timer.
    pub timer: Timer,
}

/// Where 1xx responses for the client are put. The task of the exchange sends them on when it is polled the next time.
#[derive(Clone, Debug, Default)]
pub struct Interims(Option<Rc<RefCell<Vec<Interim>>>>);

impl Interims {
    /// For a client that understands 1xx.
    pub fn wanted() -> Self {
        Self(Some(Rc::default()))
    }

    /// For HTTP/1.0, which does not (RFC 9110 §15.2); what is put here is gone.
    pub const fn unwanted() -> Self {
        Self(None)
    }

    /// Puts one.
    pub fn put(&self, interim: Interim) {
        if let Some(waiting) = &self.0 {
            waiting.borrow_mut().push(interim);
        }
    }

    /// Takes those that wait.
    pub fn take(&self) -> Vec<Interim> {
        self.0.as_ref().map(|waiting| waiting.take()).unwrap_or_default()
    }
}

/// Tells the connections of a listener, in one worker, to finish: to end after the exchange that runs.
#[derive(Debug, Default)]
pub struct Drain {
    draining: Cell<bool>,
    tasks: RefCell<Slab<Option<Waker>>>,
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

    /// How many connections are watching.
    pub fn connections(&self) -> usize {
        self.tasks.borrow().len()
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

    /// Counts a connection in, until the watch is dropped.
    pub fn watch(self: &Rc<Self>) -> DrainWatch {
        let key = self.tasks.borrow_mut().insert(None);
        DrainWatch { drain: self.clone(), key }
    }
}

/// One connection's view of [`Drain`].
#[derive(Debug)]
pub struct DrainWatch {
    drain: Rc<Drain>,
    key: usize,
}

impl DrainWatch {
    /// Whether to finish.
    pub fn is_draining(&self) -> bool {
        self.drain.draining.get()
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
    }
}
