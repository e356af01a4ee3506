//! How many exchanges an upstream has under way in the whole process, and who waits for one to end.
//!
//! The count is the process's, the lines are the workers': a waiter is a task, and a task belongs to a thread. What threads share are
//! atomics. Each worker with a line has a door that others can knock at: who leaves looks whether anybody waits, and knocks at the next
//! door in turn, its own being one of them. Whoever is woken lets in the one whose turn it is in that line. Nobody passes those who wait, not
//! even with room: new exchanges join the line.
//!
//! Without limits an upstream has none of this.

use std::cell::RefCell;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed, Ordering::SeqCst};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use atomic_waker::AtomicWaker;

use super::gradient::{Gradient, SAMPLES, WINDOW, Window};
use super::line::Line;
use super::moment::Moment;
use crate::config::model;
use crate::wire::timer::{Timer, earlier};

/// What bounds the exchanges of an upstream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CapacityLimits {
    /// Under way at once; 0: no limit of that kind.
    pub requests: usize,
    /// Under way at one endpoint; 0: no limit of that kind.
    pub endpoint_requests: usize,
    /// Whether a limit is found from how long exchanges take.
    pub adaptive: bool,
    /// How many may wait, in the process; 0: nobody waits.
    pub queue: usize,
    /// How long one may wait.
    pub wait: Duration,
}

/// Why an exchange is not let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    /// There is no room, neither at the upstream nor in the line; or those who came later need it more.
    Line,
    /// It waited for as long as it may.
    Late,
}

/// What all workers share. It outlives reloads while the upstream's name stays.
#[derive(Debug, Default)]
pub struct Capacity {
    running: AtomicUsize,
    waiting: AtomicUsize,
    /// The door that is knocked at next.
    turn: AtomicUsize,
    doors: ArcSwap<Vec<Arc<Door>>>,
    measured: Measured,
}

/// Where the line of a worker is woken.
#[derive(Debug, Default)]
struct Door {
    waiting: AtomicUsize,
    waker: AtomicWaker,
}

/// Of the window that runs, and the gradient of those before.
#[derive(Debug, Default)]
struct Measured {
    count: AtomicU64,
    micros: AtomicU64,
    peak: AtomicUsize,
    /// When the window ends, at the earliest.
    end: AtomicU64,
    /// The parts of the gradient.
    found: [AtomicU64; 3],
}

impl CapacityLimits {
    /// From the config; `None` where nothing is limited.
    pub fn compile(capacity: &model::Capacity) -> Option<Self> {
        let model::Capacity { requests, endpoint_requests, adaptive, queue, wait } = *capacity;
        let limited = requests > 0 || endpoint_requests > 0 || adaptive;
        limited.then_some(Self { requests, endpoint_requests, adaptive, queue, wait })
    }
}

impl Capacity {
    /// Exchanges under way.
    pub fn running(&self) -> usize {
        self.running.load(Relaxed)
    }

    /// Exchanges that wait.
    pub fn waiting(&self) -> usize {
        self.waiting.load(Relaxed)
    }

    /// The limit that was found.
    pub fn found_limit(&self) -> usize {
        self.measured.gradient().limit()
    }

    /// Counts one in, if there is room below that limit.
    fn admit(self: &Arc<Self>, limit: usize) -> Option<Stay> {
        let step = |running: usize| (running < limit).then_some(running + 1);
        self.running.fetch_update(SeqCst, Relaxed, step).ok()?;
        Some(Stay(self.clone()))
    }

    /// Wakes the line whose turn it is.
    fn knock(&self) {
        if self.waiting.load(SeqCst) == 0 {
            return;
        }
        let doors = self.doors.load();
        let first = self.turn.fetch_add(1, Relaxed);
        let turn = (0..doors.len()).map(|step| &doors[first.wrapping_add(step) % doors.len()]);
        if let Some(door) = turn.into_iter().find(|door| door.waiting.load(SeqCst) > 0) {
            door.waker.wake();
        }
    }
}

impl Measured {
    fn gradient(&self) -> Gradient {
        // A reader may see parts of two windows; either is a limit that was meant a moment ago.
        Gradient::from_parts(self.found.each_ref().map(|part| part.load(Relaxed)))
    }

    /// An exchange took so long. Whoever ends the window computes.
    fn note(&self, took: Duration, running: usize, now: Moment) {
        let count = self.count.fetch_add(1, Relaxed) + 1;
        self.micros.fetch_add(took.as_micros() as u64, Relaxed);
        self.peak.fetch_max(running, Relaxed);
        let end = self.end.load(Relaxed);
        if count < SAMPLES || now.micros() < end {
            return;
        }
        let next = now.after(WINDOW).micros();
        if self.end.compare_exchange(end, next, Relaxed, Relaxed).is_err() {
            return;
        }
        let (count, micros) = (self.count.swap(0, Relaxed), self.micros.swap(0, Relaxed));
        let peak = self.peak.swap(0, Relaxed);
        let window = Window { mean: micros as f64 / count.max(1) as f64, peak };
        let parts = self.gradient().after(window, now).parts();
        self.found.iter().zip(parts).for_each(|(place, part)| place.store(part, Relaxed));
    }
}

/// An exchange under way, until this is dropped.
#[derive(Debug)]
pub struct Stay(Arc<Capacity>);

impl Drop for Stay {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, SeqCst);
        self.0.knock();
    }
}

/// A worker's way in.
#[derive(Debug)]
pub struct Entrance {
    capacity: Arc<Capacity>,
    limits: CapacityLimits,
    door: Arc<Door>,
    line: RefCell<Line<Option<Waker>>>,
}

impl Entrance {
    /// For one worker, in one snapshot.
    pub fn new(capacity: &Arc<Capacity>, limits: CapacityLimits) -> Self {
        let door = Arc::<Door>::default();
        capacity.doors.rcu(|doors| doors.iter().chain([&door]).cloned().collect::<Vec<_>>());
        Self { capacity: capacity.clone(), limits, door, line: RefCell::new(Line::new(limits.wait)) }
    }

    /// Lets an exchange in, now or when there is room, and tells how long it waited. `has_room` tells whether any endpoint takes one more;
    /// `until` is the end of the exchange.
    ///
    /// # Errors
    /// [`Full`]
    pub async fn enter(
        &self,
        timer: &Timer,
        until: Option<Instant>,
        has_room: impl Fn() -> bool,
    ) -> Result<(Stay, Duration), Full> {
        if self.capacity.waiting.load(SeqCst) == 0
            && let Some(stay) = self.try_enter(&has_room)
        {
            return Ok((stay, Duration::ZERO));
        }
        let now = Instant::now();
        let waiter = self.join(now)?;
        let end = earlier(Some(now + self.limits.wait), until).unwrap_or(now);
        let stay = poll_fn(|cx| waiter.poll(end, &has_room, timer, cx)).await?;
        Ok((stay, now.elapsed()))
    }

    /// What bounds it.
    pub fn limits(&self) -> &CapacityLimits {
        &self.limits
    }

    /// An exchange had its response after so long.
    pub fn note(&self, took: Duration) {
        if self.limits.adaptive {
            self.capacity.measured.note(took, self.capacity.running(), Moment::now());
        }
    }

    fn try_enter(&self, has_room: &impl Fn() -> bool) -> Option<Stay> {
        let fixed = if self.limits.requests == 0 { usize::MAX } else { self.limits.requests };
        let found = if self.limits.adaptive { self.capacity.found_limit() } else { usize::MAX };
        if has_room() { self.capacity.admit(fixed.min(found)) } else { None }
    }

    /// Joins the line, where one may: there is room in it, or somebody makes room.
    fn join(&self, now: Instant) -> Result<Waiter<'_>, Full> {
        let mut line = self.line.borrow_mut();
        let before = self.capacity.waiting.fetch_add(1, SeqCst);
        if before >= self.limits.queue {
            let displaced = line.displace(now);
            self.capacity.waiting.fetch_sub(1, SeqCst);
            match displaced {
                // It looks for its key, does not find it, and ends.
                Some(waker) => waker.inspect(Waker::wake_by_ref),
                None => return Err(Full::Line),
            };
        }
        let key = line.join(None, now);
        self.door.waiting.store(line.len(), SeqCst);
        Ok(Waiter { entrance: self, key })
    }

    /// After somebody came or went: the door wakes the one whose turn it is.
    fn tend(&self, now: Instant) {
        let line = self.line.borrow();
        self.door.waiting.store(line.len(), SeqCst);
        if let Some((_, Some(waker))) = line.next(now) {
            self.door.waker.register(waker);
        }
    }
}

impl Drop for Entrance {
    fn drop(&mut self) {
        let without = |doors: &Arc<Vec<Arc<Door>>>| {
            doors.iter().filter(|door| !Arc::ptr_eq(door, &self.door)).cloned().collect::<Vec<_>>()
        };
        self.capacity.doors.rcu(without);
    }
}

/// Somebody in the line, until this is dropped.
struct Waiter<'a> {
    entrance: &'a Entrance,
    key: u64,
}

impl Waiter<'_> {
    fn poll(
        &self,
        end: Instant,
        has_room: &impl Fn() -> bool,
        timer: &Timer,
        cx: &mut Context<'_>,
    ) -> Poll<Result<Stay, Full>> {
        let (entrance, now) = (self.entrance, Instant::now());
        match entrance.line.borrow_mut().of(self.key) {
            Some(waker) => waker.get_or_insert_with(|| cx.waker().clone()).clone_from(cx.waker()),
            None => return Poll::Ready(Err(Full::Line)),
        }
        // Registered first, so that who leaves between the look and the wait knocks at a door that is heard.
        entrance.tend(now);
        let first = entrance.line.borrow().next(now).is_some_and(|(key, _)| *key == self.key);
        if first {
            if let Some(stay) = entrance.try_enter(has_room) {
                return Poll::Ready(Ok(stay));
            }
        } else if let Some((_, Some(next))) = entrance.line.borrow().next(now) {
            // The knock may have been heard by somebody who was first then.
            if !next.will_wake(cx.waker()) {
                next.wake_by_ref();
            }
        }
        timer.poll(end, cx).map(|()| Err(Full::Late))
    }
}

impl Drop for Waiter<'_> {
    fn drop(&mut self) {
        let (entrance, now) = (self.entrance, Instant::now());
        if entrance.line.borrow_mut().leave(self.key) {
            entrance.capacity.waiting.fetch_sub(1, SeqCst);
        }
        entrance.tend(now);
        // Whether it was let in or gave up: there may be room for one more.
        entrance.capacity.knock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;

    const LIMITS: CapacityLimits =
        CapacityLimits { requests: 2, endpoint_requests: 0, adaptive: false, queue: 3, wait: Duration::from_secs(20) };

    fn anywhere() -> bool {
        true
    }

    async fn enter(entrance: &Entrance) -> Result<Stay, Full> {
        entrance.enter(&Timer::new(), None, anywhere).await.map(|(stay, _)| stay)
    }

    #[tokio::test]
    async fn seats_then_a_line_then_nothing() {
        let capacity = Arc::<Capacity>::default();
        let entrance = &Entrance::new(&capacity, LIMITS);
        let first = enter(entrance).await.expect("room");
        let second = enter(entrance).await.expect("room");
        let waiting = futures_of(3, entrance);
        tokio::pin!(waiting);
        let mut cx = Context::from_waker(Waker::noop());
        assert!(std::future::Future::poll(waiting.as_mut(), &mut cx).is_pending());
        assert_eq!((capacity.running(), capacity.waiting()), (2, 3));
        assert_eq!(enter(entrance).await.err(), Some(Full::Line));
        drop((first, second));
        assert_eq!(waiting.await, 3);
        assert_eq!((capacity.running(), capacity.waiting()), (0, 0));
    }

    /// Waits so many times at once; each leaves at once. How many were let in.
    async fn futures_of(count: usize, entrance: &Entrance) -> usize {
        let mut all: Vec<_> = (0..count).map(|_| Some(Box::pin(enter(entrance)))).collect();
        let mut let_in = 0;
        poll_fn(|cx| {
            for one in &mut all {
                let polled = one.as_mut().map(|one| std::future::Future::poll(one.as_mut(), cx));
                if let Some(Poll::Ready(stay)) = polled {
                    let_in += usize::from(stay.is_ok());
                    *one = None;
                }
            }
            if all.iter().all(Option::is_none) { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
        let_in
    }

    #[tokio::test]
    async fn nobody_waits_for_ever() {
        let capacity = Arc::<Capacity>::default();
        let wait = Duration::from_millis(20);
        let entrance = Entrance::new(&capacity, CapacityLimits { requests: 1, wait, ..LIMITS });
        let _stay = enter(&entrance).await.expect("room");
        assert_eq!(enter(&entrance).await.err(), Some(Full::Late));
        assert_eq!(capacity.waiting(), 0);
    }

    #[tokio::test]
    async fn an_endpoint_without_room_is_as_good_as_no_room() {
        let capacity = Arc::<Capacity>::default();
        let entrance = Entrance::new(&capacity, CapacityLimits { requests: 0, queue: 0, ..LIMITS });
        assert_eq!(entrance.enter(&Timer::new(), None, || false).await.err(), Some(Full::Line));
        assert_eq!(capacity.running(), 0);
    }

    #[test]
    fn threads_share_the_seats_and_no_knock_is_lost() {
        const THREADS: usize = 4;
        let capacity = Arc::<Capacity>::default();
        let most = AtomicU32::new(0);
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    let runtime =
                        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                    let limits = CapacityLimits { queue: 1000, ..LIMITS };
                    let entrance = Entrance::new(&capacity, limits);
                    runtime.block_on(async {
                        for _ in 0..500 {
                            let stay = enter(&entrance).await.expect("a stay in time");
                            most.fetch_max(capacity.running() as u32, SeqCst);
                            tokio::task::yield_now().await;
                            drop(stay);
                        }
                    });
                });
            }
        });
        assert!(most.load(SeqCst) <= 2, "{most:?}");
        assert_eq!((capacity.running(), capacity.waiting(), capacity.doors.load().len()), (0, 0, 0));
    }

    #[test]
    fn a_window_ends_when_it_has_both_time_and_samples() {
        let measured = Measured::default();
        let at = |millis: u64| Moment::from_micros(1_000_000 + millis * 1000);
        let note = |count: u64, now| (0..count).for_each(|_| measured.note(Duration::from_millis(10), 40, now));
        let begin = Gradient::default();
        note(SAMPLES - 1, at(0));
        assert_eq!(measured.gradient(), begin, "too few");
        note(1, at(0));
        let first = measured.gradient();
        assert_ne!(first, begin);
        note(SAMPLES, at(50));
        assert_eq!(measured.gradient(), first, "too early");
        note(1, at(100));
        assert_ne!(measured.gradient(), first);
    }
}
