//! The look-up: all of a hit, and for anything else what has to be fetched. Nothing here waits.

use std::cell::RefCell;
use std::sync::Arc;

use http::StatusCode;

use super::Asked;
use super::told::Answer;
use crate::cache::key::Key;
use crate::cache::policy::{self, Forward as Why, Hit, Lookup, Millis, Terms};
use crate::cache::purge::Standing;
use crate::cache::serve::{self, Question};
use crate::cache::status::Outcome;
use crate::cache::{Entry, Slot};
use crate::http::{Headers, Response};
use crate::observe::CacheVerdict;

/// What a look-up came to.
pub(super) enum Found {
    /// The answer.
    Answer(Answer),
    /// The answer, and what is to be validated behind it.
    Behind(Answer, Key, Arc<Entry>),
    /// The upstream is asked.
    Fetch(Need),
}

/// What is to be fetched.
pub(super) struct Need {
    pub(super) key: Key,
    pub(super) why: Why,
    /// What is stored but not good enough.
    pub(super) stale: Option<Arc<Entry>>,
    /// What is stored under the key.
    pub(super) slot: Option<Arc<Slot>>,
    /// Whether it waits for nobody: what this key brings was not to be stored.
    pub(super) passes: bool,
}

#[derive(Default)]
struct Room {
    key: Vec<u8>,
    said: Vec<u8>,
}

thread_local! {
    /// Where keys are written, so that a hit allocates none.
    static ROOM: RefCell<Room> = RefCell::default();
}

/// Looks a request up.
pub(super) fn look(asked: &Asked<'_>, place: usize, lookup: &Lookup, now: Millis) -> Found {
    ROOM.with_borrow_mut(|Room { key, said }| {
        key.clear();
        write_key(asked, place, key);
        let key = asked.store.key(key);
        let slot = asked.store.find(key);
        let selected = slot.as_ref().and_then(|slot| select(slot, asked, said));
        let Some((entry, standing)) = selected else {
            let known = slot.as_ref().is_some_and(|slot| !slot.variants().is_empty());
            let why = match &slot {
                Some(slot) if slot.passes(now) => Why::HitForMiss,
                _ if known => Why::VaryMiss,
                _ => Why::Miss,
            };
            if lookup.directives.only_if_cached {
                return Found::Answer(nothing_cached());
            }
            return Found::Fetch(Need { key: key.to_key(), why, stale: None, passes: why == Why::HitForMiss, slot });
        };
        match judge(asked, lookup, entry, standing, now) {
            Judged::Answer(answer) => Found::Answer(answer),
            Judged::Behind(answer) => Found::Behind(answer, key.to_key(), entry.clone()),
            Judged::Fetch(why) => {
                // What has to be validated for each request is validated by all of them at the same time.
                let (stale, passes) = (Some(entry.clone()), !is_shared(&entry.terms));
                Found::Fetch(Need { key: key.to_key(), why, stale, passes, slot })
            }
        }
    })
}

/// The variant that a request asks for.
fn select<'a>(slot: &'a Slot, asked: &Asked<'_>, said: &mut Vec<u8>) -> Option<(&'a Arc<Entry>, Standing)> {
    slot.select(&asked.store.purges, asked.request.headers(), said, asked.caching.options.match_language)
}

/// The key of a request to that upstream.
fn write_key(asked: &Asked<'_>, place: usize, key: &mut Vec<u8>) {
    if let Some(recipe) = asked.caching.recipe(place) {
        recipe.write(&asked.view(), None, key);
    }
    // Where a trusted proxy named another host than the upstream is told, both count.
    let host = asked.request.authority();
    if *host != asked.authority {
        key.extend_from_slice(host.as_bytes());
        key.push(0);
    }
}

/// Whether one answer serves several requests that wait for it: not where each is to be validated.
pub(super) fn is_shared(terms: &Terms) -> bool {
    terms.lifetime > terms.initial_age && !terms.rules.has(policy::Rules::VALIDATE)
}

enum Judged {
    Answer(Answer),
    Behind(Answer),
    Fetch(Why),
}

fn judge(asked: &Asked<'_>, lookup: &Lookup, entry: &Arc<Entry>, standing: Standing, now: Millis) -> Judged {
    // The decision is one of numbers; no field is looked at.
    let hit = policy::on_hit(lookup, &entry.view(&Headers::new(), standing), now);
    let served = || serve::answer(entry, &question(asked, lookup, now));
    match hit {
        Hit::Fresh { .. } => Judged::Answer(Answer::hit(served()).aged(&entry.terms, now)),
        Hit::StaleWhileRevalidate { .. } => {
            Judged::Behind(Answer::stale(served(), "stale_while_revalidate", Outcome::Hit).aged(&entry.terms, now))
        }
        Hit::AllowedStale { .. } => {
            Judged::Answer(Answer::stale(served(), "max_stale", Outcome::Hit).aged(&entry.terms, now))
        }
        Hit::OnlyIfCached => Judged::Answer(nothing_cached()),
        Hit::Revalidate(why) => Judged::Fetch(why),
    }
}

/// What is asked of a stored response.
pub(super) fn question<'a>(asked: &'a Asked<'_>, lookup: &'a Lookup, now: Millis) -> Question<'a> {
    Question { method: asked.request.method(), headers: asked.request.headers(), lookup, now }
}

/// 504 to who wants nothing but what is stored (RFC 9111 §5.2.1.7).
pub(super) fn nothing_cached() -> Answer {
    let mut answer = Answer::new(Response::new(StatusCode::GATEWAY_TIMEOUT), CacheVerdict::Miss, Outcome::OnlyIfCached);
    answer.reason = Some("only_if_cached");
    answer
}

/// What a request would find now, if it is a fresh answer: somebody else has just stored it.
pub(super) fn look_again(asked: &Asked<'_>, key: &Key, lookup: &Lookup, now: Millis) -> Option<Answer> {
    let slot = asked.store.find(key.borrow())?;
    ROOM.with_borrow_mut(|room| {
        let (entry, standing) = select(&slot, asked, &mut room.said)?;
        match judge(asked, lookup, entry, standing, now) {
            Judged::Answer(answer) if answer.verdict == CacheVerdict::Hit => Some(answer),
            _ => None,
        }
    })
}
