//! The look-up: all of a hit, and for anything else what has to be fetched. Nothing here waits.

use std::cell::RefCell;
use std::sync::Arc;

use http::StatusCode;

use super::Asked;
use super::part;
use super::source::Source;
use super::told::Answer;
use crate::cache::key::{Key, KeyRef, Recipe};
use crate::cache::policy::{self, Forward as Why, Hit, Lookup, Millis, SearchVariance, Terms};
use crate::cache::purge::Standing;
use crate::cache::serve::{self, Question};
use crate::cache::status::Outcome;
use crate::cache::{Entry, Slot};
use crate::http::range::Span;
use crate::http::{Headers, Response};
use crate::observe::CacheVerdict;

/// What a look-up came to.
pub(super) enum Found {
    /// The answer.
    Answer(Answer),
    /// The answer, and what is to be validated behind it.
    Behind(Answer, Need),
    /// The disk is asked, and then the upstream.
    Recall(Need),
    /// The upstream is asked.
    Fetch(Need),
}

/// What is to be fetched.
pub(super) struct Need {
    pub(super) key: Key,
    /// The rule for queries that the key was written by.
    pub(super) search: Option<Arc<SearchVariance>>,
    pub(super) why: Why,
    /// What is stored but not good enough.
    pub(super) stale: Option<Arc<Entry>>,
    /// What is stored under the key.
    pub(super) slot: Option<Arc<Slot>>,
    /// Whether it waits for nobody: what this key brings was not to be stored.
    pub(super) passes: bool,
    /// How much of it is asked for.
    pub(super) ask: Ask,
}

/// How much is asked of the upstream.
#[derive(Clone)]
pub(super) enum Ask {
    /// All of it: the client's range is answered from that.
    Whole,
    /// What the client asks for, in its own words.
    Own,
    /// These octets, which are missing in what is stored.
    Rest(Span, Arc<Entry>),
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
    ROOM.with_borrow_mut(|room| {
        let Some(search) = rule(asked, &mut room.key) else {
            return only_if_cached(lookup, look_by(asked, place, (lookup, now), None, room));
        };
        let found = look_by(asked, place, (lookup, now), Some(&search), room);
        if !found.is_nothing() {
            return only_if_cached(lookup, found);
        }
        // What was stored without the rule answers its own query; what is fetched may be for all that mean the same.
        let plain = look_by(asked, place, (lookup, now), None, room);
        let by_rule = matches!(found, Found::Recall(_)) || matches!(plain, Found::Fetch(_));
        only_if_cached(lookup, if plain.is_nothing() && by_rule { found } else { plain })
    })
}

impl Found {
    /// Whether memory has nothing at all for it.
    fn is_nothing(&self) -> bool {
        matches!(self, Self::Fetch(need) | Self::Recall(need) if need.slot.is_none())
    }
}

/// 504 in place of a fetch, to who wants none.
fn only_if_cached(lookup: &Lookup, found: Found) -> Found {
    match found {
        Found::Fetch(_) if lookup.directives.only_if_cached => Found::Answer(nothing_cached()),
        found => found,
    }
}

/// What is known of the queries of the path (`No-Vary-Search`).
fn rule(asked: &Asked<'_>, path: &mut Vec<u8>) -> Option<Arc<SearchVariance>> {
    if !asked.store.searches.any() {
        return None;
    }
    path.clear();
    Recipe::write_path(&asked.view(), path);
    asked.store.searches.find(path)
}

fn look_by(
    asked: &Asked<'_>,
    place: usize,
    (lookup, now): (&Lookup, Millis),
    search: Option<&Arc<SearchVariance>>,
    Room { key, said }: &mut Room,
) -> Found {
    key.clear();
    write_key(asked, place, search.map(|search| &**search), key);
    let key = asked.store.key(key);
    let slot = asked.store.find(key);
    let selected = slot.as_ref().and_then(|slot| select(slot, asked, said));
    let need = |why: Why, stale: Option<Arc<Entry>>, passes: bool| Need {
        key: key.to_key(),
        search: search.cloned(),
        why,
        stale,
        passes,
        slot: slot.clone(),
        ask: Ask::Whole,
    };
    let Some((entry, standing)) = selected else {
        let known = slot.as_ref().is_some_and(|slot| !slot.variants().is_empty());
        let why = match &slot {
            Some(slot) if slot.passes(now) => Why::HitForMiss,
            _ if known => Why::VaryMiss,
            _ => Why::Miss,
        };
        let on_disk = why != Why::HitForMiss && asked.store.may_recall(key);
        let ask = part::ask_for_nothing(asked, lookup, why);
        // A part may be stored where the whole was too large.
        let passes = why == Why::HitForMiss && !slot.as_ref().is_some_and(|slot| part::only_too_large(lookup, slot));
        let need = Need { ask, ..need(why, None, passes) };
        return if on_disk { Found::Recall(need) } else { Found::Fetch(need) };
    };
    found(judge(asked, lookup, (key, entry, standing), now), entry, need)
}

/// What a judged entry means for the request. `need` takes why it is fetched, what is stored, and whether it waits for nobody.
pub(super) fn found(
    judged: Judged,
    entry: &Arc<Entry>,
    need: impl FnOnce(Why, Option<Arc<Entry>>, bool) -> Need,
) -> Found {
    match judged {
        Judged::Answer(answer) => Found::Answer(answer),
        Judged::Behind(answer) => Found::Behind(answer, need(Why::Stale, Some(entry.clone()), true)),
        // What has to be validated for each request is validated by all of them at the same time.
        Judged::Fetch(why) => Found::Fetch(need(why, Some(entry.clone()), !is_shared(&entry.terms))),
        Judged::Lacks { why, ask, passes } => {
            Found::Fetch(Need { ask, ..need(why, None, passes || !is_shared(&entry.terms)) })
        }
    }
}

/// The variant that a request asks for.
fn select<'a>(slot: &'a Slot, asked: &Asked<'_>, said: &mut Vec<u8>) -> Option<(&'a Arc<Entry>, Standing)> {
    slot.select(&asked.store.purges, asked.request.headers(), said, asked.caching.options.match_language)
}

/// The key of a request to that upstream.
fn write_key(asked: &Asked<'_>, place: usize, search: Option<&SearchVariance>, key: &mut Vec<u8>) {
    if let Some(recipe) = asked.caching.recipe(place) {
        recipe.write(&asked.view(), search, key);
    }
    // Where a trusted proxy named another host than the upstream is told, both count.
    let host = asked.request.authority();
    if *host != asked.authority {
        key.extend_from_slice(host.as_bytes());
        key.push(0);
    }
}

/// The same, to keep.
pub(super) fn key(asked: &Asked<'_>, place: usize, search: Option<&SearchVariance>) -> Key {
    let mut bytes = Vec::new();
    write_key(asked, place, search, &mut bytes);
    asked.store.key(&bytes).to_key()
}

/// Whether one answer serves several requests that wait for it: not where each is to be validated.
pub(super) fn is_shared(terms: &Terms) -> bool {
    terms.lifetime > terms.initial_age && !terms.rules.has(policy::Rules::VALIDATE)
}

/// What an entry is worth to a request.
pub(super) enum Judged {
    Answer(Answer),
    Behind(Answer),
    Fetch(Why),
    /// There are parts of it, but not those that are asked for.
    Lacks {
        why: Why,
        ask: Ask,
        passes: bool,
    },
}

pub(super) fn judge(
    asked: &Asked<'_>,
    lookup: &Lookup,
    (key, entry, standing): (KeyRef<'_>, &Arc<Entry>, Standing),
    now: Millis,
) -> Judged {
    // The decision is one of numbers; no field is looked at.
    let hit = policy::on_hit(lookup, &entry.view(&Headers::new(), standing), now);
    if entry.contents.identity.parts().is_some()
        && let Some(gap) = serve::gap(entry, &question(asked, lookup, now))
    {
        return part::lacking(asked, lookup, (hit, gap), (entry, standing));
    }
    let served = || serve::answer(entry, &question(asked, lookup, now));
    let told = |answer: Answer| answer.aged(&entry.terms, now).of(Source::stored(asked, key, entry));
    match hit {
        Hit::Fresh { .. } => Judged::Answer(told(Answer::hit(served()))),
        Hit::StaleWhileRevalidate { .. } => {
            Judged::Behind(told(Answer::stale(served(), "stale_while_revalidate", Outcome::Hit)))
        }
        Hit::AllowedStale { .. } => Judged::Answer(told(Answer::stale(served(), "max_stale", Outcome::Hit))),
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
        match judge(asked, lookup, (key.borrow(), entry, standing), now) {
            Judged::Answer(answer) if answer.verdict == CacheVerdict::Hit => Some(answer),
            _ => None,
        }
    })
}
