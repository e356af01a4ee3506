//! Who costs the others time has its turns in a line, with everything else in between.
//!
//! A worker does what is ready in the order in which it became so, and an attacker makes as much ready in one moment as it likes: all the others
//! would wait for all of it. So there are two lines, and whoever stands in one passes only a few in a round. In between the worker looks at
//! its sockets and does what else is ready. Where nothing else is, the rounds follow each other at once.
//!
//! - **Newcomers**, one in a round: a TLS handshake, or the first frames of an HTTP/2 connection, may cost some hundred microseconds at once. So
//!   connections that have not shown themselves to be of the usual kind pass one by one.
//! - **Endings**, some in a round: a connection of HTTP/2 that ends takes a hundred exchanges with it, each with a connection to close. One costs
//!   a tenth of a handshake, all of them together keep a worker for milliseconds.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};
use std::thread::LocalKey;

/// Endings of one round. They take a fraction of a millisecond.
const ENDINGS_AT_ONCE: usize = 8;

type Shared = LocalKey<RefCell<Line>>;

thread_local! {
    static NEWCOMERS: RefCell<Line> = const { RefCell::new(Line::new(1)) };
    static ENDINGS: RefCell<Line> = const { RefCell::new(Line::new(ENDINGS_AT_ONCE)) };
}

/// Those who wait for a turn on this worker.
#[derive(Debug)]
struct Line {
    /// Turns of a round.
    most: usize,
    /// Turns that are left in this one for who comes now.
    left: usize,
    /// In the order of their numbers, which rise.
    waiting: VecDeque<(u64, Waker)>,
    /// Those whose turn it is, until they have taken it.
    called: Vec<u64>,
    next: u64,
}

/// The place of one task in a line.
#[derive(Debug)]
pub struct Turns {
    line: &'static Shared,
    place: Option<u64>,
}

impl Line {
    const fn new(most: usize) -> Self {
        Self { most, left: most, waiting: VecDeque::new(), called: Vec::new(), next: 0 }
    }

    fn poll(&mut self, line: &'static Shared, place: &mut Option<u64>, cx: &Context<'_>) -> Poll<()> {
        if let Some(number) = *place {
            if let Some(at) = self.called.iter().position(|called| *called == number) {
                self.called.swap_remove(at);
                *place = None;
                return Poll::Ready(());
            }
            if let Ok(at) = self.place(number) {
                // It was woken for something else, and is another task's now perhaps; its place is kept.
                self.waiting[at].1.clone_from(cx.waker());
                return Poll::Pending;
            }
        }
        *place = None;
        if self.left > 0 {
            if !self.is_busy() {
                tokio::task::spawn_local(call(line));
            }
            self.left -= 1;
            return Poll::Ready(());
        }
        *place = Some(self.next);
        self.waiting.push_back((self.next, cx.waker().clone()));
        self.next += 1;
        Poll::Pending
    }

    fn place(&self, number: u64) -> Result<usize, usize> {
        self.waiting.binary_search_by_key(&number, |(number, _)| *number)
    }

    fn leave(&mut self, number: u64) {
        self.called.retain(|called| *called != number);
        if let Ok(place) = self.place(number) {
            self.waiting.remove(place);
        }
    }

    /// Begins a round: calls the next ones; false where nobody waits. Who was called in the last round and has not come had something else
    /// to wait for, and does not hold up the others: it is at the end of the line when it comes again.
    fn call(&mut self) -> bool {
        self.called.clear();
        for _ in 0..self.most.min(self.waiting.len()) {
            let Some((number, waker)) = self.waiting.pop_front() else { break };
            self.called.push(number);
            waker.wake();
        }
        self.left = self.most - self.called.len();
        self.is_busy()
    }

    /// Somebody has a turn in this round, so that there will be another one.
    fn is_busy(&self) -> bool {
        self.left < self.most
    }
}

/// Calls one round after the other, as long as somebody waits. To yield is to let everything have its turn that is ready, sockets included.
async fn call(line: &'static Shared) {
    loop {
        tokio::task::yield_now().await;
        if !line.with_borrow_mut(Line::call) {
            return;
        }
    }
}

impl Turns {
    /// For the first steps of a connection.
    pub fn newcomer() -> Self {
        Self { line: &NEWCOMERS, place: None }
    }

    /// For what an exchange leaves that is given up.
    pub fn ending() -> Self {
        Self { line: &ENDINGS, place: None }
    }

    /// Ready when it is this task's turn, for once.
    pub fn poll(&mut self, cx: &Context<'_>) -> Poll<()> {
        let Self { line, place } = self;
        line.with_borrow_mut(|waiting| waiting.poll(line, place, cx))
    }

    /// The task waits no more.
    pub fn leave(&mut self) {
        if let Some(number) = self.place.take() {
            // Where the thread ends, so does the line.
            let _ = self.line.try_with(|line| line.try_borrow_mut().map(|mut line| line.leave(number)));
        }
    }
}

impl Drop for Turns {
    fn drop(&mut self) {
        self.leave();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::future::poll_fn;
    use std::rc::Rc;

    use super::*;

    /// Runs this with a line of its own.
    fn run(what: impl Future<Output = ()> + 'static) {
        let one = || {
            let local = tokio::runtime::LocalOptions::default();
            tokio::runtime::Builder::new_current_thread().build_local(local).expect("a runtime").block_on(what);
        };
        NEWCOMERS.set(Line::new(1));
        ENDINGS.set(Line::new(ENDINGS_AT_ONCE));
        one();
    }

    #[test]
    fn newcomers_pass_one_by_one_with_the_others_in_between() {
        run(async {
            let (passed, seen) = (Rc::new(Cell::new(0)), Rc::new(RefCell::new(Vec::new())));
            for _ in 0..5 {
                let passed = passed.clone();
                tokio::task::spawn_local(async move {
                    let mut turns = Turns::newcomer();
                    poll_fn(|cx| turns.poll(cx)).await;
                    passed.set(passed.get() + 1);
                });
            }
            // What is ready all the time runs once at least between two of them.
            while passed.get() < 5 {
                seen.borrow_mut().push(passed.get());
                tokio::task::yield_now().await;
            }
            for number in 1..5 {
                assert!(seen.borrow().contains(&number), "{:?}", seen.borrow());
            }
        });
    }

    #[test]
    fn whoever_leaves_the_line_holds_nobody_up() {
        run(async {
            let passed = Rc::new(Cell::new(0));
            let tasks: Vec<_> = (0..6)
                .map(|number| {
                    let passed = passed.clone();
                    tokio::task::spawn_local(async move {
                        let mut turns = Turns::newcomer();
                        poll_fn(|cx| turns.poll(cx)).await;
                        passed.set(passed.get() | 1 << number);
                    })
                })
                .collect();
            // All stand in the line: the first has passed.
            tokio::task::yield_now().await;
            tasks[1].abort();
            tasks[3].abort();
            for task in tasks {
                let _ = task.await;
            }
            assert_eq!(passed.get(), 0b11_0101);
            assert!(NEWCOMERS.with_borrow(|line| line.waiting.is_empty()));
        });
    }

    #[test]
    fn whoever_waits_no_more_holds_nobody_up_either() {
        run(async {
            let mut turns = [Turns::newcomer(), Turns::newcomer(), Turns::newcomer()];
            let mut poll = async |place: usize| poll_fn(|cx| Poll::Ready(turns[place].poll(cx).is_ready())).await;
            assert_eq!((poll(0).await, poll(1).await, poll(2).await), (true, false, false));
            // The second is called, and has found something else to do.
            while NEWCOMERS.with_borrow(|line| line.called.is_empty()) {
                tokio::task::yield_now().await;
            }
            turns[1].leave();
            poll_fn(|cx| turns[2].poll(cx)).await;
            assert!(NEWCOMERS.with_borrow(|line| line.waiting.is_empty() && line.called.is_empty()));
        });
    }

    #[test]
    fn who_is_alone_does_not_wait() {
        run(async {
            let mut turns = Turns::newcomer();
            let first = poll_fn(|cx| Poll::Ready(turns.poll(cx))).await;
            assert!(first.is_ready());
            let second = poll_fn(|cx| Poll::Ready(turns.poll(cx))).await;
            assert!(second.is_pending(), "the others have had no turn");
            poll_fn(|cx| turns.poll(cx)).await;
        });
    }

    #[test]
    fn of_endings_some_pass_in_a_round() {
        run(async {
            let passed = Rc::new(Cell::new(0));
            for _ in 0..3 * ENDINGS_AT_ONCE {
                let passed = passed.clone();
                tokio::task::spawn_local(async move {
                    let mut turns = Turns::ending();
                    poll_fn(|cx| turns.poll(cx)).await;
                    passed.set(passed.get() + 1);
                });
            }
            let mut most = 0;
            while passed.get() < 3 * ENDINGS_AT_ONCE {
                let before = passed.get();
                tokio::task::yield_now().await;
                most = most.max(passed.get() - before);
            }
            assert_eq!(most, ENDINGS_AT_ONCE);
            // Whoever comes alone does not wait, and the line is empty again.
            let mut turns = Turns::ending();
            poll_fn(|cx| turns.poll(cx)).await;
            while ENDINGS.with_borrow(Line::is_busy) {
                tokio::task::yield_now().await;
            }
            assert_eq!(ENDINGS.with_borrow(|line| line.left), ENDINGS_AT_ONCE);
        });
    }
}
