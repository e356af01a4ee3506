//! The streams of a connection, and what they earn it: how much it may do before others on the worker have their turn.

use std::cell::Cell;
use std::rc::Rc;

/// Streams that one connection may begin before others on the worker have their turn, at most: what a client sends at once may be hundreds.
const TURN: usize = 16;
/// Requests that a connection lets be answered for one stream more in its turn. A new one begins with one: a flood costs its client
/// nothing, and answers are what it does not wait for.
const EARNED: usize = 4;
/// Requests after whose answers a connection is no newcomer any more.
const KNOWN: usize = 8;
/// Answers of which a newcomer may take nothing while it asks for more.
const UNTAKEN: usize = 2;

/// The streams of a connection.
#[derive(Debug, Default)]
pub(super) struct Streams {
    /// Those whose tasks run.
    running: Cell<usize>,
    /// Those that were answered to their end.
    served: Cell<usize>,
    /// Those whose answer has a body, of which the client gives no window for a single octet.
    untaken: Cell<usize>,
    /// The connection has ended, whatever runs.
    over: Cell<bool>,
}

impl Streams {
    /// How many may begin before the others have their turn.
    pub(super) fn turn(&self) -> usize {
        (1 + self.served.get() / EARNED).min(TURN)
    }

    /// Whether too few were answered to know what kind of client this is.
    pub(super) fn is_newcomer(&self) -> bool {
        self.served.get() < KNOWN
    }

    /// Whether the client should take something before it gets more. A stream without a window costs a client nothing, and us a task, a connection
    /// to an endpoint, and the first part of an answer.
    pub(super) fn holds_back(&self) -> bool {
        self.is_newcomer() && self.untaken.get() >= UNTAKEN
    }

    /// The connection has ended.
    pub(super) fn end(&self) {
        self.over.set(true);
    }

    /// How many run.
    pub(super) fn running(&self) -> usize {
        self.running.get()
    }
}

/// Counts a stream until it is dropped.
#[derive(Debug)]
pub(super) struct Running(Rc<Streams>);

impl Running {
    pub(super) fn begin(streams: &Rc<Streams>) -> Self {
        streams.running.set(streams.running.get() + 1);
        Self(streams.clone())
    }

    /// It was answered to its end.
    pub(super) fn served(&self) {
        self.0.served.set(self.0.served.get() + 1);
    }

    /// Whether the connection has ended under it.
    pub(super) fn is_over(&self) -> bool {
        self.0.over.get()
    }

    /// Nothing of its answer is taken, until what this gives is dropped.
    pub(super) fn untaken(&self) -> Untaken {
        self.0.untaken.set(self.0.untaken.get() + 1);
        Untaken(self.0.clone())
    }
}

/// Counts a stream of which nothing is taken.
#[derive(Debug)]
pub(super) struct Untaken(Rc<Streams>);

impl Drop for Untaken {
    fn drop(&mut self) {
        self.0.untaken.set(self.0.untaken.get() - 1);
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.0.running.set(self.0.running.get() - 1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_earn_a_longer_turn() {
        let streams = Rc::<Streams>::default();
        let mut seen = Vec::new();
        for served in 0..100 {
            if [0, 3, 4, 7, 8, 59, 60, 99].contains(&served) {
                seen.push((streams.turn(), streams.is_newcomer()));
            }
            let running = Running::begin(&streams);
            assert_eq!(streams.running(), 1);
            running.served();
        }
        let expected = [(1, true), (1, true), (2, true), (2, true), (3, false), (15, false), (16, false), (16, false)];
        assert_eq!((seen.as_slice(), streams.running()), (&expected[..], 0));
    }

    #[test]
    fn a_newcomer_that_takes_nothing_gets_no_more() {
        let streams = Rc::<Streams>::default();
        let running: Vec<_> = (0..KNOWN).map(|_| Running::begin(&streams)).collect();
        let first = running[0].untaken();
        assert!(!streams.holds_back(), "one may wait for the client");
        let second = running[1].untaken();
        assert!(streams.holds_back());
        drop(first);
        assert!(!streams.holds_back(), "it has begun to take one");
        let _first = running[0].untaken();
        running.iter().for_each(Running::served);
        assert!(!streams.holds_back(), "it is known");
        drop(second);
    }
}
