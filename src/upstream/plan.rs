//! How an upstream chooses, compiled: what all workers share of it and nothing changes while it is in force.

use std::sync::Arc;

use super::balance::{Maglev, Shares, seed};
use super::candidates::{Rules, Seat, UNIT};
use super::group::Member;
use super::sticky::Stickiness;
use crate::config::model::{Balance, HashOn, Outlier, Upstream};

/// An upstream's seats and the way one of them is chosen.
#[derive(Debug)]
pub struct Plan {
    /// The endpoints, in the order of the config.
    pub seats: Box<[Seat]>,
    /// Who may be chosen.
    pub rules: Rules,
    /// How.
    pub method: Method,
    /// Keeps clients where they are.
    pub sticky: Option<Stickiness>,
    /// When an endpoint is kept out for what its exchanges came to.
    pub outlier: Outlier,
    /// Who is chosen from as long as nothing is to be said of anybody, as weights and by share.
    pub(super) front: (Box<[u32]>, Shares),
    /// Whether that is a zone, which others help when it is full.
    pub(super) zoned: bool,
    /// How many are no backups.
    pub(super) primaries: usize,
}

/// A way to choose, with what it needs.
#[derive(Debug)]
pub enum Method {
    /// One after the other.
    RoundRobin,
    /// By chance.
    Random,
    /// The less loaded of two.
    LeastRequests,
    /// The faster of two.
    LeastTime,
    /// By rendezvous.
    Hash {
        /// The key.
        on: HashOn,
        /// Of each seat.
        seeds: Box<[u64]>,
        /// In percent of the fair share.
        factor: u32,
    },
    /// By table.
    Maglev {
        /// The key.
        on: HashOn,
        /// None where no endpoint is a primary.
        table: Option<Maglev>,
    },
}

impl Plan {
    /// For the endpoints of an upstream. `zone` is that of this process.
    pub fn compile(
        upstream: &Upstream,
        members: &[Member],
        zone: Option<&Arc<str>>,
        sticky: Option<Stickiness>,
    ) -> Self {
        let seat = |member: &Member| Seat {
            endpoint: member.endpoint.clone(),
            weight: member.weight.saturating_mul(UNIT),
            backup: member.backup,
            local: zone.is_some() && member.zone.as_ref() == zone,
        };
        let seats: Box<[Seat]> = members.iter().map(seat).collect();
        let spread = &upstream.spread;
        let rules = Rules {
            slow_start: spread.slow_start,
            panic_threshold: spread.panic_threshold,
            max_connections: upstream.max_connections,
        };
        let seed_of = |seat: &Seat| seed(seat.endpoint.label.as_bytes());
        let method = match upstream.balance {
            Balance::RoundRobin => Method::RoundRobin,
            Balance::Random => Method::Random,
            Balance::LeastRequests => Method::LeastRequests,
            Balance::LeastTime => Method::LeastTime,
            Balance::Hash => Method::Hash {
                on: spread.hash_on.clone(),
                seeds: seats.iter().map(seed_of).collect(),
                factor: spread.hash_balance_factor,
            },
            Balance::Maglev => {
                let weight = |seat: &Seat| if seat.backup { 0 } else { seat.weight };
                let weighted: Vec<_> = seats.iter().map(|seat| (seed_of(seat), weight(seat))).collect();
                Method::Maglev { on: spread.hash_on.clone(), table: Maglev::new(&weighted) }
            }
        };
        let primaries = seats.iter().filter(|seat| !seat.backup).count();
        let zoned = seats.iter().any(|seat| seat.local && !seat.backup);
        Self {
            front: front(&seats, zoned),
            zoned,
            primaries,
            seats,
            rules,
            method,
            sticky,
            outlier: upstream.outlier.clone(),
        }
    }
}

impl Plan {
    /// Whether all endpoints get the same kind of requests. Where a key or a cookie chooses they do not.
    pub fn is_comparable(&self) -> bool {
        self.sticky.is_none() && !matches!(self.method, Method::Hash { .. } | Method::Maglev { .. })
    }
}

/// The local primaries, else all primaries; where there is none, nobody.
fn front(seats: &[Seat], local: bool) -> (Box<[u32]>, Shares) {
    let weight = |seat: &Seat| if seat.backup || local && !seat.local { 0 } else { seat.weight };
    let weights: Box<[u32]> = seats.iter().map(weight).collect();
    let weighted: Vec<_> = (0..).zip(weights.iter().copied()).filter(|(_, weight)| *weight > 0).collect();
    (weights, Shares::new(&weighted))
}
