//! Deadlines that cost nothing while they are met.
//!
//! A kept-alive connection sets a new deadline several times a request and almost never reaches one. So the timer of the runtime is left
//! where it is armed as long as that is not later than the deadline; when it fires too early it is armed again.
//!
//! The clock is looked at likewise: once in each turn of the task (each time that it is polled), by whoever asks first.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::time::Sleep;

/// The timer of one task, for all deadlines of the connection and the exchange that the task runs. Clones are the same timer.
#[derive(Clone, Debug, Default)]
pub struct Timer(Rc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    armed: RefCell<Armed>,
    turn: Cell<Turn>,
}

/// What is known of the time.
#[derive(Clone, Copy, Debug, Default)]
enum Turn {
    /// Nobody says when turns begin: each look is a look at the clock.
    #[default]
    Unknown,
    /// The task has its turn, and nobody has looked yet.
    Begun,
    /// That is what the clock said in this turn.
    At(Instant),
}

#[derive(Debug, Default)]
struct Armed {
    sleep: Option<Pin<Box<Sleep>>>,
    /// When the runtime will wake this task, if it will.
    armed: Option<Instant>,
}

impl Timer {
    /// A timer that is not armed.
    pub fn new() -> Self {
        Self::default()
    }

    /// Ready once `deadline` has passed; otherwise the task is woken no later than then. It must be the same task every time.
    pub fn poll(&self, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
        self.0.armed.borrow_mut().poll(deadline, cx)
    }

    /// From now on another task polls it.
    pub fn hand_over(&self) {
        *self.0.armed.borrow_mut() = Armed::default();
        self.end_turn();
    }

    /// Now, as this turn of the task has it: what a turn takes is not worth a look at the clock for each of its steps.
    pub fn now(&self) -> Instant {
        let turn = self.0.turn.get();
        if let Turn::At(now) = turn {
            return now;
        }
        let now = Instant::now();
        if matches!(turn, Turn::Begun) {
            self.0.turn.set(Turn::At(now));
        }
        now
    }

    /// The task is polled: what the clock said before does not count any more.
    pub fn begin_turn(&self) {
        self.0.turn.set(Turn::Begun);
    }

    /// The task was polled.
    pub fn end_turn(&self) {
        self.0.turn.set(Turn::Unknown);
    }
}

impl Armed {
    fn poll(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
        if self.armed.is_some_and(|armed| armed <= deadline) {
            // The task is registered already and will be woken in time; has it been?
            let fired = self.sleep.as_ref().is_none_or(|sleep| sleep.is_elapsed());
            if !fired {
                return Poll::Pending;
            }
        }
        if Instant::now() >= deadline {
            return Poll::Ready(());
        }
        self.arm(deadline, cx)
    }

    fn arm(&mut self, deadline: Instant, cx: &mut Context<'_>) -> Poll<()> {
        let at = tokio::time::Instant::from_std(deadline);
        let sleep = match &mut self.sleep {
            Some(sleep) => {
                sleep.as_mut().reset(at);
                sleep
            }
            none => none.insert(Box::pin(tokio::time::sleep_until(at))),
        };
        self.armed = Some(deadline);
        sleep.as_mut().poll(cx)
    }
}

/// `now` and so much; `None` where the timeout is off.
pub fn deadline(now: Instant, timeout: Option<Duration>) -> Option<Instant> {
    timeout.map(|timeout| now + timeout)
}

/// The earlier of two deadlines, either of which may be absent.
pub fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_later_deadline_leaves_the_timer_and_still_fires() {
        let timer = Timer::new();
        let now = Instant::now();
        let far = now + Duration::from_secs(3600);
        std::future::poll_fn(|cx| {
            assert!(timer.poll(far, cx).is_pending());
            let armed = timer.0.armed.borrow().armed;
            assert!(timer.poll(far + Duration::from_secs(5), cx).is_pending());
            assert_eq!(timer.0.armed.borrow().armed, armed, "not armed again");
            assert!(timer.poll(far - Duration::from_secs(5), cx).is_pending());
            assert_eq!(timer.0.armed.borrow().armed, Some(far - Duration::from_secs(5)), "armed earlier");
            assert!(timer.poll(now, cx).is_ready());
            Poll::Ready(())
        })
        .await;
    }

    #[test]
    fn the_clock_stands_for_a_turn() {
        let timer = Timer::new();
        let pass = |since: Instant| while Instant::now() == since {};
        let free = timer.now();
        pass(free);
        assert_ne!(timer.now(), free, "no turn has begun");
        timer.begin_turn();
        let first = timer.now();
        pass(first);
        assert_eq!((timer.now(), timer.clone().now()), (first, first));
        timer.begin_turn();
        assert_ne!(timer.now(), first, "the next turn");
        timer.end_turn();
        let after = timer.now();
        pass(after);
        assert_ne!(timer.now(), after);
    }
}
