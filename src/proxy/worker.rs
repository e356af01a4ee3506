//! What a worker thread has: its view of the snapshot, its connections to endpoints, its counters and its log.

use std::cell::{Cell as Local, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use crate::filter::compress::Kit;
use crate::http::date::DateField;
use crate::http::request_id::RequestIds;
use crate::observe::{ListenerId, Observer};
use crate::snapshot::{Cell, Snapshot};
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
    generation: Local<u64>,
    world: RefCell<Rc<World>>,
    /// For listeners that have left the config and whose connections still finish: the last world that knew them.
    departed: RefCell<HashMap<ListenerId, Rc<World>>>,
    draw: RefCell<Draw>,
    /// Its counters and its access log.
    pub observer: Rc<Observer>,
    /// Makes request ids.
    pub ids: RequestIds,
    /// Its encoders.
    pub kit: Rc<Kit>,
    /// The `Date` of this second.
    pub date: DateField,
}

impl Worker {
    /// For the thread that calls it; `seed` differs between workers.
    pub fn new(cell: Arc<Cell>, observer: Rc<Observer>, seed: u64) -> Rc<Self> {
        let snapshot = cell.load();
        let upstreams = Upstreams::default().follow(&snapshot.upstreams, seed);
        Rc::new(Self {
            generation: Local::new(snapshot.generation),
            world: RefCell::new(Rc::new(World { snapshot, upstreams })),
            departed: RefCell::default(),
            draw: RefCell::new(Draw::new(seed)),
            observer,
            ids: RequestIds::new(),
            kit: Kit::new(),
            date: DateField::new(std::time::SystemTime::now()),
            cell,
        })
    }

    /// The world as it is now. An exchange keeps the one that it began with.
    pub fn world(&self) -> Rc<World> {
        if self.cell.generation() != self.generation.get() {
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
        let snapshot = self.cell.load();
        self.generation.set(snapshot.generation);
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
