//! Waiting for the fetch of another request, or beginning one that others wait for.

use std::time::Instant;

use super::fetch::Fetch;
use super::look::{self, Need, is_shared};
use super::source::Source;
use super::told::Answer;
use super::{now, part};
use crate::cache::Variant;
use crate::cache::flight::{FlightKey, Join, Lead, Settled};
use crate::cache::key;
use crate::cache::policy::{Forward as Why, SearchVariance};
use crate::cache::purge::Standing;
use crate::cache::serve;
use crate::wire::timer::earlier;

/// How often a request may be asked to look again before it goes its own way.
const ROUNDS: usize = 4;

/// How a request that needs a fetch goes on.
pub(super) enum Joined {
    Answer(Answer),
    Fetch(Option<Lead>),
}

enum Taken {
    Answer(Answer),
    Alone,
    Again,
    Variant(u64),
}

impl Fetch<'_> {
    /// Joins the fetch for the key, unless it waits for nobody.
    pub(super) async fn joined(&self, need: &Need) -> Joined {
        let Some(wait) = self.asked.caching.wait.filter(|_| !need.passes && !self.lookup.head) else {
            return Joined::Fetch(None);
        };
        let part = part::number(&need.ask, self.asked.request.headers());
        let until = earlier(Some(Instant::now() + wait), self.forward.deadline.until);
        let until = tokio::time::Instant::from_std(until.unwrap_or_else(Instant::now));
        let mut variant = need
            .slot
            .as_ref()
            .and_then(|slot| slot.variants().first())
            .map_or(0, |entry| self.variant_of(&entry.chosen_by));
        for _ in 0..ROUNDS {
            let fetched = FlightKey { key: need.key.clone(), variant: variant ^ part };
            let flight = match self.asked.store.flights.join(fetched) {
                Join::Follow(flight) => flight,
                Join::Lead(lead) => return self.leading(need, lead),
            };
            let Ok(settled) = tokio::time::timeout_at(until, flight.settled()).await else { break };
            match self.take(need, &settled) {
                Taken::Answer(answer) => return Joined::Answer(answer),
                Taken::Alone => break,
                Taken::Again => {}
                Taken::Variant(other) => variant = other,
            }
        }
        Joined::Fetch(None)
    }

    /// Leads, unless what it would fetch has just been stored.
    fn leading(&self, need: &Need, lead: Lead) -> Joined {
        match look::look_again(self.asked, &need.key, self.lookup, now()) {
            // Those that wait look again too.
            Some(answer) => Joined::Answer(answer),
            None => Joined::Fetch(Some(lead)),
        }
    }

    /// What the fetch of another request means for this one.
    fn take(&self, need: &Need, settled: &Settled) -> Taken {
        let (entry, flowing) = match settled {
            Settled::Flowing(flowing) => (&flowing.head, Some(flowing)),
            Settled::Whole(entry) => (&**entry, None),
            Settled::Alone => return Taken::Alone,
            Settled::Left => return Taken::Again,
        };
        // One that was asked for with another query may not be for this one.
        let same = || SearchVariance::of(&entry.headers(0)).as_ref() == need.search.as_deref();
        if need.search.is_some() && entry.mark.url() != &*self.asked.url() && !same() {
            return Taken::Alone;
        }
        if !is_shared(&entry.terms) || self.asked.store.purges.standing(&entry.mark) != Standing::Good {
            return Taken::Alone;
        }
        if !entry.chosen_by.is_asked_by(self.asked.request.headers(), &mut Vec::new()) {
            return Taken::Variant(self.variant_of(&entry.chosen_by));
        }
        let now = now();
        let response = match flowing {
            None if serve::gap(entry, &self.question(now)).is_some() => return Taken::Alone,
            None => serve::answer(entry, &self.question(now)),
            Some(flowing) => match self.flowing(flowing, now) {
                Some(response) => response,
                None => return Taken::Alone,
            },
        };
        let source = match settled {
            Settled::Flowing(flowing) => Source::coming(self.asked, &need.key, flowing),
            Settled::Whole(entry) => Source::stored(self.asked, need.key.borrow(), entry),
            Settled::Alone | Settled::Left => None,
        };
        Taken::Answer(Answer::fetched(response, Why::Miss).aged(&entry.terms, now).collapsed(true).of(source))
    }

    /// The fields that choose a variant, as this request says them, in short.
    fn variant_of(&self, chosen_by: &Variant) -> u64 {
        let mut said = Vec::new();
        chosen_by.names.write(self.asked.request.headers(), &mut said);
        // Two that meet here only wait for each other.
        key::hash(&said, 0) as u64
    }
}
