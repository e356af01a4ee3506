//! A bounded queue of jobs from workers to the threads that may wait.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Jobs, first in, first out. The lock is held for a push or a pop, and never across a wait.
#[derive(Debug)]
pub(super) struct Queue<T> {
    state: Mutex<State<T>>,
    news: Condvar,
    limit: usize,
}

#[derive(Debug)]
struct State<T> {
    jobs: VecDeque<T>,
    closed: bool,
}

/// What waiting for a job came to.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Popped<T> {
    /// A job.
    Job(T),
    /// None came in that time.
    Nothing,
    /// None will come.
    Closed,
}

impl<T> Queue<T> {
    pub(super) fn new(limit: usize) -> Self {
        Self { state: Mutex::new(State { jobs: VecDeque::new(), closed: false }), news: Condvar::new(), limit }
    }

    fn lock(&self) -> MutexGuard<'_, State<T>> {
        // What the lock guards is whole at every step.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a job, where there is room for it.
    pub(super) fn push(&self, job: T) -> bool {
        self.push_up_to(job, self.limit)
    }

    /// Adds a job although there may be no room: so many are allowed beyond the limit as exist for a reason of their own.
    pub(super) fn push_urgent(&self, job: T, beyond: usize) -> bool {
        self.push_up_to(job, self.limit.saturating_add(beyond))
    }

    fn push_up_to(&self, job: T, limit: usize) -> bool {
        let mut state = self.lock();
        if state.closed || state.jobs.len() >= limit {
            return false;
        }
        state.jobs.push_back(job);
        drop(state);
        self.news.notify_one();
        true
    }

    /// Waits for a job. Those that came before the queue was closed are still given out.
    pub(super) fn pop(&self, patience: Duration) -> Popped<T> {
        let state = self.lock();
        let (mut state, _) = self
            .news
            .wait_timeout_while(state, patience, |state| state.jobs.is_empty() && !state.closed)
            .unwrap_or_else(PoisonError::into_inner);
        match state.jobs.pop_front() {
            Some(job) => Popped::Job(job),
            None if state.closed => Popped::Closed,
            None => Popped::Nothing,
        }
    }

    /// Takes no more.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.news.notify_all();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().closed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_bounded_in_order_and_gives_out_what_it_has_when_closed() {
        let queue = Queue::new(2);
        assert!(queue.push(1) && queue.push(2) && !queue.push(3));
        assert!(queue.push_urgent(4, 1) && !queue.push_urgent(5, 1));
        queue.close();
        assert!(!queue.push_urgent(6, 100));
        let popped = [(); 4].map(|()| queue.pop(Duration::ZERO));
        assert_eq!(popped, [Popped::Job(1), Popped::Job(2), Popped::Job(4), Popped::Closed]);
        assert_eq!(Queue::<u8>::new(1).pop(Duration::ZERO), Popped::Nothing);
    }
}
