//! What a worker thread has: its view of the snapshot, its connections to endpoints, its counters and its log.

use std::cell::{Cell as Local, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use crate::edge::auth::Memo;
use crate::filter::compress::Kit;
use crate::http::date::DateField;
use crate::http::request_id::RequestIds;
use crate::observe::{ListenerId, Observer};
use crate::snapshot::{Admission, Cell, Pressure, Snapshot};
use crate::upstream::Upstreams;
use crate::upstream::balance::Draw;

/// A snapshot together with what this worker has for it.
#[derive(Debug)]
pub struct World {
    /// The snapshot.
    pub snapshot: Arc<Snapshot>,
    /// This worker's connections, by upstream.
    pub upstreams: Upstreams,
}

/// The state of one worker thread.
pub struct Worker {
    cell: Arc<Cell>,
    /// Which publication `world` is of, or a later one.
    version: Local<u64>,
    world: RefCell<Rc<World>>,
    /// For listeners that have left the config and whose connections still finish: the last world that knew them.
    departed: RefCell<HashMap<ListenerId, Rc<World>>>,
    draw: RefCell<Draw>,
    /// How hard it is for this worker by the time that it takes.
    delay: Local<Pressure>,
    /// Its counters and its access log.
    pub observer: Rc<Observer>,
    /// Makes request ids.
    pub ids: RequestIds,
    /// Who was let in a moment ago.
    pub memo: Memo,
    /// Its encoders.
    pub kit: Rc<Kit>,
    /// The `Date` of this second.
    pub date: DateField,
}

impl Worker {
    /// For the thread that calls it; `seed` differs between workers.
    pub fn new(cell: Arc<Cell>, observer: Rc<Observer>, seed: u64) -> Rc<Self> {
        let version = Local::new(cell.version());
        let snapshot = cell.load();
        let upstreams = Upstreams::default().follow(&snapshot.upstreams, seed);
        Rc::new(Self {
            version,
            world: RefCell::new(Rc::new(World { snapshot, upstreams })),
            departed: RefCell::default(),
            draw: RefCell::new(Draw::new(seed)),
            delay: Local::default(),
            observer,
            ids: RequestIds::new(),
            memo: Memo::default(),
            kit: Kit::new(),
            date: DateField::new(std::time::SystemTime::now()),
            cell,
        })
    }

    /// The world as it is now. An exchange keeps the one that it began with.
    pub fn world(&self) -> Rc<World> {
        if self.cell.version() != self.version.get() {
            self.follow();
        }
        self.world.borrow().clone()
    }

    /// The world as connections of that listener see it: once the listener has left the config, the last one that knew it.
    pub fn world_of(&self, listener: ListenerId) -> Rc<World> {
        let world = self.world();
        if world.snapshot.listener(listener).is_some() {
            return world;
        }
        self.departed.borrow().get(&listener).cloned().unwrap_or(world)
    }

    /// The last connection of a listener that had left is gone.
    pub fn forget(&self, listener: ListenerId) {
        self.departed.borrow_mut().remove(&listener);
    }

    /// Takes the snapshot in force: endpoints that stayed keep their connections, the others are retired.
    pub fn follow(&self) {
        self.version.set(self.cell.version());
        let snapshot = self.cell.load();
        let seed = self.random();
        let mut world = self.world.borrow_mut();
        let mut departed = self.departed.borrow_mut();
        for listener in &world.snapshot.listeners {
            if snapshot.listener(listener.id).is_none() {
                departed.insert(listener.id, world.clone());
            }
        }
        let upstreams = world.upstreams.follow(&snapshot.upstreams, seed);
        *world = Rc::new(World { snapshot, upstreams });
    }

    /// How hard it is, by memory or by time.
    pub fn pressure(&self) -> Pressure {
        self.cell.memory_pressure().max(self.delay.get())
    }

    /// How hard it is by the time that this worker takes.
    pub fn delay_pressure(&self) -> Pressure {
        self.delay.get()
    }

    /// From now on it is that hard.
    pub fn set_delay_pressure(&self, level: Pressure) {
        self.delay.set(level);
    }

    /// Counts the exchanges of the process.
    pub fn requests(&self) -> &Arc<Admission> {
        &self.cell.requests
    }

    /// Closes idle connections to endpoints whose time is over.
    pub fn sweep(&self, now: Instant) {
        let world = self.world.borrow().clone();
        world.upstreams.pools().for_each(|pool| pool.sweep(now));
    }

    /// Any number below that one, which is at least 1.
    pub fn below(&self, below: u64) -> u64 {
        self.draw.borrow_mut().below(below)
    }

    /// Any number.
    pub fn random(&self) -> u64 {
        self.draw.borrow_mut().below(u64::MAX)
    }
}
