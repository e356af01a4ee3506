//! A worker's part: lines for those who look on.

use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use std::time::{Duration, Instant};

use arc_swap::{ArcSwap, Cache};
use http::StatusCode;

use super::taps::{Failed, Tap, Taps};
use crate::observe::access_log::{Destination, Facts, json_line};
use crate::observe::clock::Clock;
use crate::observe::{Exchange, Names, Side};

/// Failures that a worker tells in a second; of a flood the first ones say as much as all of them.
const FAILURES: u32 = 100;

/// A worker's hand on the lookout.
pub struct WorkerLookout(RefCell<Hand>);

struct Hand {
    taps: Cache<Taps, Arc<Vec<Arc<Tap>>>>,
    failed: SyncSender<Failed>,
    names: Cache<Arc<ArcSwap<Names>>, Arc<Names>>,
    rules: Cache<Arc<ArcSwap<Destination>>, Arc<Destination>>,
    clock: Rc<RefCell<Clock>>,
    line: Vec<u8>,
    /// Failures that were told since then.
    told: (Instant, u32),
}

impl WorkerLookout {
    pub(crate) fn new(
        taps: Taps,
        failed: SyncSender<Failed>,
        names: Arc<ArcSwap<Names>>,
        rules: Arc<ArcSwap<Destination>>,
        clock: Rc<RefCell<Clock>>,
    ) -> Self {
        Self(RefCell::new(Hand {
            taps: Cache::new(taps),
            failed,
            names: Cache::new(names),
            rules: Cache::new(rules),
            clock,
            line: Vec::new(),
            told: (Instant::now(), 0),
        }))
    }

    /// An exchange is over.
    pub(crate) fn ended(&self, exchange: &Exchange, now: Instant) {
        let hand = &mut *self.0.borrow_mut();
        let side = failed(exchange);
        let taps = hand.taps.load();
        if side.is_none() && taps.is_empty() {
            return;
        }
        let clock = &mut *hand.clock.borrow_mut();
        clock.set(now);
        let redaction = &hand.rules.load().redaction;
        let facts = Facts { exchange, names: hand.names.load(), clock, redaction, now };
        hand.line.clear();
        for tap in &**taps {
            if tap.filter.takes(&facts) && tap.has_room() {
                write_once(&facts, &mut hand.line);
                tap.take(&hand.line);
            }
        }
        if let Some(side) = side.filter(|_| may_tell(&mut hand.told, now)) {
            write_once(&facts, &mut hand.line);
            // Where the control thread is behind, it has enough to remember.
            let _full = hand.failed.try_send(Failed { side, line: hand.line.as_slice().into() });
        }
    }
}

fn write_once(facts: &Facts<'_>, line: &mut Vec<u8>) {
    if line.is_empty() {
        json_line(facts, line);
    }
}

/// Whose fault it was that an exchange failed. An upstream that answers 5xx failed too, although the answer is passed on.
fn failed(exchange: &Exchange) -> Option<Side> {
    let server_error = exchange.status.is_some_and(|status| status >= StatusCode::INTERNAL_SERVER_ERROR);
    exchange.fault.map(|fault| fault.side).or(server_error.then_some(Side::Upstream))
}

fn may_tell((since, count): &mut (Instant, u32), now: Instant) -> bool {
    if now.saturating_duration_since(*since) >= Duration::from_secs(1) {
        (*since, *count) = (now, 0);
    }
    *count += 1;
    *count <= FAILURES
}
