//! Which requests are copied for another upstream, and what became of the copies. Pure but for the counts.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

use crate::config::model::{self, Share};

/// The `mirror` of a route, compiled.
#[derive(Debug)]
pub struct Mirror {
    /// Where copies go, by its place.
    pub upstream: usize,
    /// Octets of the largest body.
    pub max_body: usize,
    /// How long a copy may take, its response included.
    pub timeout: Duration,
    share: Share,
    max_requests: usize,
    /// What became of them. They outlive reloads while the route's name stays.
    pub copies: Arc<Copies>,
}

/// The copies of a route's requests, in the whole process.
#[derive(Debug, Default)]
pub struct Copies {
    under_way: AtomicUsize,
    answered: AtomicU64,
    failed: AtomicU64,
    dropped: [AtomicU64; Dropped::ALL.len()],
}

/// Why there was no copy of a request that was drawn for one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dropped {
    /// Too many are under way.
    InFlight,
    /// Its body is too large.
    BodyTooLarge,
    /// Its body never came whole, or the upstream did not want all of it.
    BodyIncomplete,
    /// It asked for another protocol.
    Upgrade,
    /// There is too much to do.
    Pressure,
    /// A reload took the mirror away while the body still came.
    Reload,
}

impl Dropped {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 6] =
        [Self::InFlight, Self::BodyTooLarge, Self::BodyIncomplete, Self::Upgrade, Self::Pressure, Self::Reload];

    /// The word in metrics.
    pub const fn label(self) -> &'static str {
        match self {
            Self::InFlight => "in_flight",
            Self::BodyTooLarge => "body_too_large",
            Self::BodyIncomplete => "body_incomplete",
            Self::Upgrade => "upgrade",
            Self::Pressure => "pressure",
            Self::Reload => "reload",
        }
    }
}

/// A place among the copies that are under way, until it is dropped.
#[derive(Debug)]
pub struct Place(Arc<Copies>);

impl Mirror {
    /// From the config; `copies` are those of the route so far.
    pub fn compile(mirror: &model::Mirror, copies: Option<Arc<Copies>>) -> Self {
        let model::Mirror { upstream, share, max_requests, max_body, timeout } = mirror;
        Self {
            upstream: *upstream,
            max_body: *max_body,
            timeout: *timeout,
            share: *share,
            max_requests: *max_requests,
            copies: copies.unwrap_or_default(),
        }
    }

    /// Whether a request is drawn for a copy; `random` is any number, evenly distributed.
    pub fn draws(&self, random: u64) -> bool {
        self.share.takes(random)
    }

    /// A place among the copies that may be under way, if one is free.
    pub fn admit(&self) -> Option<Place> {
        let before = self.copies.under_way.fetch_add(1, Relaxed);
        let place = Place(self.copies.clone());
        (before < self.max_requests).then_some(place)
    }
}

impl Place {
    /// The counts that it belongs to.
    pub fn copies(&self) -> &Copies {
        &self.0
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Relaxed);
    }
}

impl Copies {
    /// Counts one that was answered, or that was not.
    pub fn ended(&self, answered: bool) {
        (if answered { &self.answered } else { &self.failed }).fetch_add(1, Relaxed);
    }

    /// Counts a request that has no copy.
    pub fn drop_one(&self, why: Dropped) {
        self.dropped[why as usize].fetch_add(1, Relaxed);
    }

    /// How many are under way.
    pub fn under_way(&self) -> usize {
        self.under_way.load(Relaxed)
    }

    /// How many were answered and how many failed.
    pub fn sent(&self) -> (u64, u64) {
        (self.answered.load(Relaxed), self.failed.load(Relaxed))
    }

    /// How many there were not, and why.
    pub fn dropped(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Dropped::ALL.iter().map(|why| (why.label(), self.dropped[*why as usize].load(Relaxed)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mirror(share: f64, max_requests: usize, copies: Option<Arc<Copies>>) -> Mirror {
        let (share, timeout) = (Share(share), Duration::from_secs(1));
        Mirror::compile(&model::Mirror { upstream: 0, share, max_requests, max_body: 9, timeout }, copies)
    }

    #[test]
    fn no_more_are_under_way_than_may_be() {
        let first = mirror(1.0, 2, None);
        let (one, two) = (first.admit(), first.admit());
        assert!(one.is_some() && two.is_some() && first.admit().is_none());
        assert_eq!(first.copies.under_way(), 2, "who was refused has no place");
        // A reload keeps the counts, and with them those that are under way.
        let second = mirror(1.0, 2, Some(first.copies.clone()));
        assert!(second.admit().is_none());
        drop(one);
        assert!(second.admit().is_some());
        drop(two);
        assert_eq!(second.copies.under_way(), 0);
    }

    #[test]
    fn each_end_has_its_count() {
        let copies = Copies::default();
        Dropped::ALL.iter().enumerate().for_each(|(place, why)| (0..=place).for_each(|_| copies.drop_one(*why)));
        let counted: Vec<_> = copies.dropped().map(|(_, count)| count).collect();
        assert_eq!(counted, [1, 2, 3, 4, 5, 6]);
        [true, false, true].into_iter().for_each(|answered| copies.ended(answered));
        assert_eq!(copies.sent(), (2, 1));
        assert!(mirror(0.0, 1, None).admit().is_some() && !mirror(0.0, 1, None).draws(0));
    }
}
