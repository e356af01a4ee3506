//! Follows one exchange to its last byte: its facts, and the places it takes in the counts. Whatever way it ends, it is counted and logged once.

use std::rc::Rc;
use std::time::Instant;

use super::admit::Admissions;
use super::cached::Source;
use super::edge::Dress;
use super::fault::Fault;
use super::respond::Reader;
use super::worker::Worker;
use crate::cache::Form;
use crate::filter::compress::Packed;
use crate::observe::{Exchange, Side};
use crate::routing::cohort::Place;
use crate::upstream::InFlight;
use crate::upstream::capacity::Stay;
use crate::upstream::retry::Token;
use crate::wire::{Delivery, End, Receipt, Task};

/// An exchange under way.
pub(super) struct Ticket {
    pub(super) exchange: Exchange,
    /// Who reads an error.
    pub(super) reader: Reader,
    worker: Rc<Worker>,
    task: Task,
    /// Its place on the endpoint.
    pub(super) in_flight: Option<InFlight>,
    /// Its place at the upstream; behind the one on the endpoint, so that whoever comes next finds room there.
    pub(super) stay: Option<Stay>,
    /// Its place in the budget of retries.
    pub(super) token: Option<Token>,
    /// Its places among what may run at once.
    pub(super) admitted: Admissions,
    /// What it knows of codings.
    pub(super) coded: Coded,
    /// What its response gets on the way out, whoever makes it.
    pub(super) dress: Option<Dress>,
    /// The place in a split that its client was given.
    pub(super) newcomer: Option<Place>,
    ended: bool,
}

/// What an exchange knows of codings.
#[derive(Debug, Default)]
pub(super) struct Coded {
    /// The form of stored content that suits its client.
    pub(super) form: Option<Form>,
    /// The stored content behind its response.
    pub(super) source: Option<Box<Source>>,
    /// Its response goes out compressed.
    pub(super) packed: Option<Packed>,
}

/// Places at an upstream, given up in this order.
pub(super) struct Places {
    _in_flight: Option<InFlight>,
    _stay: Option<Stay>,
}

impl Ticket {
    pub(super) fn new(exchange: Exchange, reader: Reader, worker: &Rc<Worker>, task: Task) -> Box<Self> {
        let worker = worker.clone();
        worker.observer.begun(exchange.listener);
        let mut ticket = Self::unseen(exchange, &worker, task);
        (ticket.reader, ticket.ended) = (reader, false);
        ticket
    }

    /// For what the program asks by itself: it is no exchange of a client, and is not counted as one.
    pub(super) fn unseen(exchange: Exchange, worker: &Rc<Worker>, task: Task) -> Box<Self> {
        let worker = worker.clone();
        let (in_flight, stay, token) = (None, None, None);
        Box::new(Self {
            exchange,
            reader: Reader::Http(None),
            worker,
            task,
            in_flight,
            stay,
            token,
            admitted: Admissions::default(),
            coded: Coded::default(),
            dress: None,
            newcomer: None,
            ended: true,
        })
    }

    /// Its places at the upstream, for what is still to come from there; dropped, they are free.
    pub(super) fn leave_upstream(&mut self) -> Places {
        Places { _in_flight: self.in_flight.take(), _stay: self.stay.take() }
    }

    /// Now, as its task has it; every time of an exchange is from this clock, or its parts would not fit together.
    pub(super) fn now(&self) -> Instant {
        self.task.timer().now()
    }

    /// Notes a fault: whose, and its word.
    pub(super) fn fail(&mut self, fault: &Fault) {
        self.exchange.fail(fault.side(), fault.label());
    }

    fn end(&mut self) {
        self.ended = true;
        self.exchange.request_bytes = self.task.received();
        if let Some(packed) = &self.coded.packed {
            self.exchange.encoding = Some((packed.coding, packed.how));
            self.exchange.plain_bytes = packed.plain.get();
        }
        self.worker.observer.ended(&self.exchange, self.now());
    }
}

impl Receipt for Ticket {
    fn delivered(mut self: Box<Self>, delivery: Delivery) {
        self.exchange.response_bytes = delivery.body;
        match delivery.end {
            End::Complete => self.exchange.complete = true,
            End::ClientGone => self.exchange.fail(Side::Client, "client_gone"),
            End::ClientStalled => self.exchange.fail(Side::Client, "client_write_timeout"),
            End::Source(error) => self.fail(&Fault::ResponseBody(error)),
        }
        self.end();
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        if !self.ended {
            // The client left before there was an answer, or in the middle of it.
            self.exchange.fail(Side::Client, "client_gone");
            self.end();
        }
    }
}
