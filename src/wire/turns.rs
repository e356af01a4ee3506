//! Whoever is not known yet has its turns one after the other, with everything else in between.
//!
//! A worker does what is ready in the order in which it became so. A TLS handshake, or the first frames of an HTTP/2 connection, may cost
//! some hundred microseconds at once, and an attacker brings as many as it likes in one moment: all the others would wait for all
//! of them. So connections that have not shown themselves to be of the usual kind pass one by one, and between two of them the worker looks at
//! its sockets and does what else is ready. Where nothing else is, they follow each other at once.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};

thread_local! {
    static LINE: RefCell<Line> = const { RefCell::new(Line::new()) };
}

/// Those who wait for a turn on this worker.
#[derive(Debug)]
struct Line {
    waiting: VecDeque<(u64, Waker)>,
    /// Whose turn it is, until it has taken it.
    called: Option<u64>,
    next: u64,
    /// Somebody had a turn, and the others have not had theirs since.
    busy: bool,
}

/// The place of one task in the line.
#[derive(Debug, Default)]
pub struct Turns(Option<u64>);

impl Line {
    const fn new() -> Self {
        Self { waiting: VecDeque::new(), called: None, next: 0, busy: false }
    }

    fn poll(&mut self, place: &mut Option<u64>, cx: &Context<'_>) -> Poll<()> {
        match *place {
            None if !self.busy => {
                self.busy = true;
                tokio::task::spawn_local(call());
                Poll::Ready(())
            }
            None => {
                let number = self.next;
                self.next += 1;
                self.waiting.push_back((number, cx.waker().clone()));
                *place = Some(number);
                Poll::Pending
            }
            Some(number) if self.called == Some(number) => {
                self.called = None;
                *place = None;
                Poll::Ready(())
            }
            // It was woken for something else; its place is kept.
            Some(_) => Poll::Pending,
        }
    }

    fn leave(&mut self, number: u64) {
        if self.called == Some(number) {
            self.called = None;
        }
        // Numbers rise along the line.
        if let Ok(place) = self.waiting.binary_search_by_key(&number, |(number, _)| *number) {
            self.waiting.remove(place);
        }
    }

    /// Calls the next one; false where nobody waits and nobody was called.
    fn call(&mut self) -> bool {
        // Whoever was called last may still stand behind others.
        if self.called.is_none() {
            let Some((number, waker)) = self.waiting.pop_front() else {
                self.busy = false;
                return false;
            };
            self.called = Some(number);
            waker.wake();
        }
        true
    }
}

/// Calls one after the other, as long as somebody waits. To yield is to let everything have its turn that is ready, sockets included.
async fn call() {
    loop {
        tokio::task::yield_now().await;
        if !LINE.with_borrow_mut(Line::call) {
            return;
        }
    }
}

impl Turns {
    /// Ready when it is this task's turn, for once. It must be the same task every time.
    pub fn poll(&mut self, cx: &Context<'_>) -> Poll<()> {
        LINE.with_borrow_mut(|line| line.poll(&mut self.0, cx))
    }

    /// The task waits no more: whoever does not come when it is called would hold up the others.
    pub fn leave(&mut self) {
        if let Some(number) = self.0.take() {
            // Where the thread ends, so does the line.
            let _ = LINE.try_with(|line| line.try_borrow_mut().map(|mut line| line.leave(number)));
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
        LINE.set(Line::new());
        one();
    }

    #[test]
    fn newcomers_pass_one_by_one_with_the_others_in_between() {
        run(async {
            let (passed, seen) = (Rc::new(Cell::new(0)), Rc::new(RefCell::new(Vec::new())));
            for _ in 0..5 {
                let passed = passed.clone();
                tokio::task::spawn_local(async move {
                    let mut turns = Turns::default();
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
                        let mut turns = Turns::default();
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
            assert!(LINE.with_borrow(|line| line.waiting.is_empty()));
        });
    }

    #[test]
    fn whoever_waits_no_more_holds_nobody_up_either() {
        run(async {
            let mut turns = [Turns::default(), Turns::default(), Turns::default()];
            let mut poll = async |place: usize| poll_fn(|cx| Poll::Ready(turns[place].poll(cx).is_ready())).await;
            assert_eq!((poll(0).await, poll(1).await, poll(2).await), (true, false, false));
            // The second is called, and has found something else to do.
            while LINE.with_borrow(|line| line.called.is_none()) {
                tokio::task::yield_now().await;
            }
            turns[1].leave();
            poll_fn(|cx| turns[2].poll(cx)).await;
            assert!(LINE.with_borrow(|line| line.waiting.is_empty() && line.called.is_none()));
        });
    }

    #[test]
    fn who_is_alone_does_not_wait() {
        run(async {
            let mut turns = Turns::default();
            let first = poll_fn(|cx| Poll::Ready(turns.poll(cx))).await;
            assert!(first.is_ready());
            let second = poll_fn(|cx| Poll::Ready(turns.poll(cx))).await;
            assert!(second.is_pending(), "the others have had no turn");
            poll_fn(|cx| turns.poll(cx)).await;
        });
    }
}
