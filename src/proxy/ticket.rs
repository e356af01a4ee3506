//! Follows one exchange to its last byte: its facts, and the places it takes in the counts. Whatever way it ends, it is counted and logged once.

use std::rc::Rc;

use http::HeaderValue;

use super::fault::Fault;
use super::worker::Worker;
use crate::filter::compress::Packed;
use crate::observe::{Exchange, Side};
use crate::snapshot::Admitted;
use crate::upstream::InFlight;
use crate::upstream::capacity::Stay;
use crate::upstream::retry::Token;
use crate::wire::{Delivery, End, Receipt, Task};

/// An exchange under way.
pub(super) struct Ticket {
    pub(super) exchange: Exchange,
    /// `Accept`, for an error's body.
    pub(super) accept: Option<HeaderValue>,
    worker: Rc<Worker>,
    task: Task,
    /// Its place on the endpoint.
    pub(super) in_flight: Option<InFlight>,
    /// Its place at the upstream; behind the one on the endpoint, so that whoever comes next finds room there.
    pub(super) stay: Option<Stay>,
    /// Its place in the budget of retries.
    pub(super) token: Option<Token>,
    /// Its place on the route.
    pub(super) admitted: Option<Admitted>,
    /// Its response is compressed on the way.
    pub(super) packed: Option<Packed>,
    ended: bool,
}

/// Places at an upstream, given up in this order.
pub(super) struct Places {
    _in_flight: Option<InFlight>,
    _stay: Option<Stay>,
}

impl Ticket {
    pub(super) fn new(exchange: Exchange, accept: Option<HeaderValue>, worker: &Rc<Worker>, task: Task) -> Box<Self> {
        let worker = worker.clone();
        worker.observer.begun(exchange.listener);
        let (in_flight, stay, token, admitted, packed) = (None, None, None, None, None);
        Box::new(Self { exchange, accept, worker, task, in_flight, stay, token, admitted, packed, ended: false })
    }

    /// For what the program asks by itself: it is no exchange of a client, and is not counted as one.
    pub(super) fn unseen(exchange: Exchange, worker: &Rc<Worker>, task: Task) -> Box<Self> {
        let worker = worker.clone();
        let (in_flight, stay, token, admitted) = (None, None, None, None);
        Box::new(Self {
            exchange,
            accept: None,
            worker,
            task,
            in_flight,
            stay,
            token,
            admitted,
            packed: None,
            ended: true,
        })
    }

    /// Its places at the upstream, for what is still to come from there; dropped, they are free.
    pub(super) fn leave_upstream(&mut self) -> Places {
        Places { _in_flight: self.in_flight.take(), _stay: self.stay.take() }
    }

    /// Notes a fault: whose, and its word.
    pub(super) fn fail(&mut self, fault: &Fault) {
        self.exchange.fail(fault.side(), fault.label());
    }

    fn end(&mut self) {
        self.ended = true;
        self.exchange.request_bytes = self.task.received();
        if let Some(packed) = &self.packed {
            self.exchange.encoding = Some(packed.coding);
            self.exchange.plain_bytes = packed.plain.get();
        }
        self.worker.observer.ended(&self.exchange);
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
