//! Waiting for the fetch of another request, or beginning one that others wait for.

use super::fetch::Fetch;
use super::look::{self, Need, is_shared};
use super::now;
use super::told::Answer;
use crate::cache::Variant;
use crate::cache::flight::{FlightKey, Join, Lead, Settled};
use crate::cache::key;
use crate::cache::policy::Forward as Why;
use crate::cache::purge::Standing;
use crate::cache::serve;

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
        let until = tokio::time::Instant::now() + wait;
        let mut variant = need
            .slot
            .as_ref()
            .and_then(|slot| slot.variants().first())
            .map_or(0, |entry| self.variant_of(&entry.chosen_by));
        for _ in 0..ROUNDS {
            let flight = match self.asked.store.flights.join(FlightKey { key: need.key.clone(), variant }) {
                Join::Follow(flight) => flight,
                Join::Lead(lead) => return self.leading(need, lead),
            };
            let Ok(settled) = tokio::time::timeout_at(until, flight.settled()).await else { break };
            match self.take(&settled) {
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
    fn take(&self, settled: &Settled) -> Taken {
        let (entry, flow) = match settled {
            Settled::Flowing(flowing) => (&flowing.head, Some(&flowing.flow)),
            Settled::Whole(entry) => (&**entry, None),
            Settled::Alone => return Taken::Alone,
            Settled::Left => return Taken::Again,
        };
        if !is_shared(&entry.terms) || self.asked.store.purges.standing(&entry.mark) != Standing::Good {
            return Taken::Alone;
        }
        if !entry.chosen_by.is_asked_by(self.asked.request.headers(), &mut Vec::new()) {
            return Taken::Variant(self.variant_of(&entry.chosen_by));
        }
        let now = now();
        let response = match flow {
            None => serve::answer(entry, &self.question(now)),
            Some(flow) => match self.flowing(entry, flow, now) {
                Some(response) => response,
                None => return Taken::Alone,
            },
        };
        Taken::Answer(Answer::fetched(response, Why::Miss).aged(&entry.terms, now).collapsed(true))
    }

    /// The fields that choose a variant, as this request says them, in short.
    fn variant_of(&self, chosen_by: &Variant) -> u64 {
        let mut said = Vec::new();
        chosen_by.names.write(self.asked.request.headers(), &mut said);
        // Two that meet here only wait for each other.
        key::hash(&said, 0) as u64
    }
}
