//! Fetching what is not stored, or not good enough: by one request for all that wait, and what becomes of its answer.

use std::sync::Arc;

use http::StatusCode;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, DATE, SET_COOKIE};

use super::fill::{self, Filling};
use super::join::Joined;
use super::look::{self, Ask, Need};
use super::part;
use super::source::Source;
use super::told::Answer;
use super::{Asked, now};
use crate::cache::flight::{Flowing, Lead, Settled};
use crate::cache::key::{Key, Recipe};
use crate::cache::policy::{
    self, Failure, Forward as Why, Lookup, Millis, NotStored, ResponseView, SECOND, Storable, Times, Validated,
};
use crate::cache::purge::{Mark, Scope, Standing};
use crate::cache::serve::{self, Question};
use crate::cache::status::Outcome;
use crate::cache::{Content, Contents, Entry, Variant, searches};
use crate::http::sanitize::{CleanRequest, CleanResponse};
use crate::http::{Body, Headers, Response, Scheme};
use crate::observe::{CacheVerdict, Side};
use crate::proxy::fault::Fault;
use crate::proxy::forward::Forward;
use crate::proxy::ticket::Ticket;

/// How long nobody waits for a key whose response was not to be stored.
const PASS: Millis = 120 * SECOND;

/// A fetch for one request.
pub(super) struct Fetch<'a> {
    /// Where it goes; its task has a timer of its own.
    pub(super) forward: &'a Forward<'a>,
    pub(super) asked: &'a Asked<'a>,
    pub(super) lookup: &'a Lookup,
}

/// How a request goes upstream.
pub(super) struct Trip {
    pub(super) need: Need,
    /// The duty towards those that wait.
    pub(super) lead: Option<Lead>,
    /// The latest purge when it was asked.
    pub(super) since: u64,
    pub(super) times: Times,
}

impl Fetch<'_> {
    /// Waits for the fetch of another request, or fetches.
    pub(super) async fn run(&self, need: Need, ticket: &mut Ticket) -> Result<CleanResponse, Fault> {
        let answer = match self.joined(&need).await {
            Joined::Answer(answer) => answer,
            Joined::Fetch(lead) => self.fetch(need, lead, ticket).await?,
        };
        Ok(answer.tell(ticket))
    }

    pub(super) fn question(&self, now: Millis) -> Question<'_> {
        look::question(self.asked, self.lookup, now)
    }

    /// Asks the upstream, and does what its answer says.
    pub(super) async fn fetch(&self, need: Need, lead: Option<Lead>, ticket: &mut Ticket) -> Result<Answer, Fault> {
        let since = self.asked.store.purges.now();
        // What was purged since it was looked at is not completed.
        let need = part::unless_purged(self, need);
        let sent = self.sent(&need);
        let asked_at = now();
        let outcome = self.forward.run(sent, ticket).await;
        let trip = Trip { need, lead, since, times: Times { asked: asked_at, received: now() } };
        let response = match outcome {
            Ok(response) => response,
            Err(fault) if fault.side() == Side::Client => return Err(fault),
            Err(fault) => {
                drop(ticket.leave_upstream());
                return self.stand_in(&trip, Failure::Unreachable, None).ok_or(fault);
            }
        };
        match &trip.need.stale {
            Some(stale) if response.status() == StatusCode::NOT_MODIFIED && validates(&trip.need) => {
                let stale = stale.clone();
                drop(ticket.leave_upstream());
                self.validated(trip, &stale, response, ticket).await
            }
            None if part::came(&trip.need, &response) => self.part(trip, response, ticket).await,
            Some(_) if let Some(answer) = self.stand_in(&trip, Failure::Status(response.status()), Some(&response)) => {
                drop(ticket.leave_upstream());
                Ok(answer)
            }
            _ => self.answered(trip, response, ticket).await,
        }
    }

    /// The request as it goes: for the whole, or to validate what is stored. One that waits for nobody goes as the client sent it.
    fn sent(&self, need: &Need) -> CleanRequest {
        let mut sent = self.asked.request.without_body();
        match &need.ask {
            Ask::Rest(span, entry) => {
                part::ask(sent.headers_mut(), *span, entry);
                return sent;
            }
            Ask::Own => return sent,
            Ask::Whole if self.lookup.head || need.why == Why::HitForMiss => return sent,
            Ask::Whole => {}
        }
        match need.stale.as_ref().map(|stale| policy::conditions(&stale.stored_headers())) {
            Some(conditions) => conditions.apply(sent.headers_mut()),
            None => policy::prepare_fill(sent.headers_mut()),
        }
        sent
    }

    /// The stored response in place of a failure, where it may be.
    fn stand_in(&self, trip: &Trip, failure: Failure, failed: Option<&CleanResponse>) -> Option<Answer> {
        let stale = trip.need.stale.as_ref()?;
        let now = now();
        let none = Headers::new();
        let view = stale.view(&none, Standing::Good);
        policy::on_failure(self.lookup, &view, &self.asked.caching.options, failure, now)?;
        if let Some(lead) = &trip.lead {
            lead.settle(Settled::Alone);
        }
        let response = serve::answer(stale, &self.question(now));
        let mut answer = Answer::stale(response, "stale_if_error", Outcome::StaleOnError(trip.need.why));
        answer.fwd_status = failed.map(CleanResponse::status);
        Some(answer.aged(&stale.terms, now).of(Source::stored(self.asked, trip.need.key.borrow(), stale)))
    }

    /// 304 to a validation.
    async fn validated(
        &self,
        trip: Trip,
        stale: &Arc<Entry>,
        response: CleanResponse,
        ticket: &mut Ticket,
    ) -> Result<Answer, Fault> {
        let stored = stale.stored_headers();
        let answer = ResponseView { status: response.status(), headers: response.headers() };
        let options = &self.asked.caching.options;
        let view = stale.view(&stored, Standing::Good);
        let now = now();
        let (entry, kept) = match policy::on_validated(&self.asked.view(), &view, &answer, options, trip.times) {
            Validated::Updated(storable) => {
                let key = self.key(&trip.need, &storable);
                let entry = Arc::new(self.entry(*storable, stale.status, stale.contents.clone(), trip.since));
                let kept = self.put_for(&trip.need, stale, (&key, &entry));
                (entry, kept)
            }
            Validated::UsedOnce(headers, why) => {
                if !why.is_of_request() {
                    self.asked.store.remove(&trip.need.key, stale);
                }
                let mark = self.asked.store.purges.mark(trip.since, self.asked.url(), []);
                let chosen_by = stale.chosen_by.clone();
                let entry = Entry::new(stale.status, &headers, stale.terms, chosen_by, stale.contents.clone(), mark);
                (Arc::new(entry), false)
            }
            Validated::Mismatch => {
                let Trip { need, lead, .. } = trip;
                let again = Need { stale: None, ..need };
                return Box::pin(self.fetch(again, lead, ticket)).await;
            }
        };
        settle(trip.lead, if kept { Settled::Whole(entry.clone()) } else { Settled::Alone });
        let response = serve::answer(&entry, &self.question(now));
        let outcome = Outcome::Forwarded(trip.need.why);
        let mut answer = Answer::new(response, CacheVerdict::Validated, outcome).aged(&entry.terms, now).stored(kept);
        answer.reason = Some(trip.need.why.label());
        answer.fwd_status = Some(StatusCode::NOT_MODIFIED);
        Ok(answer.of(Source::stored(self.asked, trip.need.key.borrow(), &entry)))
    }

    /// Stores what a validation made of an entry, in its place. Where other request fields or another query choose it now, the old one is
    /// not to be found by those that chose it before.
    fn put_for(&self, need: &Need, old: &Arc<Entry>, (key, new): (&Key, &Arc<Entry>)) -> bool {
        if old.chosen_by != new.chosen_by || need.key != *key {
            self.asked.store.remove(&need.key, old);
        }
        self.asked.store.put(key, new)
    }

    /// The key under which a response is stored: by its own rule for queries, which those that come next will look up by.
    pub(super) fn key(&self, need: &Need, storable: &Storable) -> Key {
        if let Some(search) = &storable.search {
            let mut path = Vec::new();
            Recipe::write_path(&self.asked.view(), &mut path);
            self.asked.store.searches.learn(&path, search);
        }
        if storable.search.as_ref() == need.search.as_deref() {
            return need.key.clone();
        }
        look::key(self.asked, self.forward.place, storable.search.as_ref())
    }

    /// A response of the upstream's own: stored, where it may be.
    async fn answered(&self, trip: Trip, response: CleanResponse, ticket: &mut Ticket) -> Result<Answer, Fault> {
        let view = ResponseView { status: response.status(), headers: response.headers() };
        let storable = policy::may_store(&self.asked.view(), &view, &self.asked.caching.options, trip.times);
        match storable {
            Ok(storable) => Ok(self.store(trip, storable, response, ticket)),
            // All of it for a part of it that would not be stored: the client's own range is asked for instead.
            Err(NotStored::TooLarge) if self.lookup.range && matches!(trip.need.ask, Ask::Whole) => {
                drop((response, ticket.leave_upstream()));
                let Trip { need, lead, .. } = trip;
                self.asked.store.pass(&need.key, now() + PASS, NotStored::TooLarge);
                settle(lead, Settled::Alone);
                let again = Need { stale: None, why: Why::HitForMiss, passes: true, ask: Ask::Own, ..need };
                Box::pin(self.fetch(again, None, ticket)).await
            }
            Err(why) => Ok(self.pass(trip, why, response)),
        }
    }

    /// Hands a response through that is not stored.
    pub(super) fn pass(&self, trip: Trip, why: NotStored, response: CleanResponse) -> Answer {
        let Trip { need, lead, .. } = trip;
        let (store, now) = (self.asked.store, now());
        if self.lookup.head {
            self.head(&need, &response, trip.times, trip.since);
        } else if lead.is_some() && matches!(need.ask, Ask::Whole) && response.status() != StatusCode::NOT_MODIFIED {
            store.pass(&need.key, now + PASS, why);
        }
        let replaced = !self.lookup.head && (response.status().is_success() || response.status().is_redirection());
        if let Some(stale) = need.stale.as_ref().filter(|_| replaced) {
            store.remove(&need.key, stale);
        }
        settle(lead, Settled::Alone);
        let mut response = response.into_response();
        let conditions = need.why != Why::HitForMiss && !self.lookup.head && !matches!(need.ask, Ask::Own);
        if conditions && let Some(short) = serve::precondition(response.status, &response.headers, &self.question(now))
        {
            response = short;
        }
        if !response.headers.iter().all(|(name, _)| policy::leaves_the_edge(name)) {
            response.headers.retain(|name, _| policy::leaves_the_edge(name));
        }
        Answer::fetched(response, need.why).not_stored(why)
    }

    /// What the answer to a HEAD means for what is stored (RFC 9111 §4.3.5).
    fn head(&self, need: &Need, response: &CleanResponse, times: Times, since: u64) {
        let Some(stale) = &need.stale else { return };
        let stored = stale.stored_headers();
        let answer = ResponseView { status: response.status(), headers: response.headers() };
        let view = stale.view(&stored, Standing::Good);
        let options = &self.asked.caching.options;
        match policy::on_head(&self.asked.view(), &view, &answer, options, times) {
            policy::HeadVerdict::Freshened(storable) => {
                let key = self.key(need, &storable);
                let entry = self.entry(*storable, stale.status, stale.contents.clone(), since);
                self.put_for(need, stale, (&key, &Arc::new(entry)));
            }
            policy::HeadVerdict::Invalid => self.asked.store.remove(&need.key, stale),
            policy::HeadVerdict::Unrelated => {}
        }
    }

    /// Stores a response, at once where all of it is here, else as it comes.
    pub(super) fn store(
        &self,
        trip: Trip,
        mut storable: Storable,
        response: CleanResponse,
        ticket: &mut Ticket,
    ) -> Answer {
        let Trip { need, lead, since, .. } = trip;
        self.date(&mut storable);
        let Response { status, headers: said, body } = response.into_response();
        let key = self.key(&need, &storable);
        if let Some(stale) = need.stale.as_ref().filter(|_| key != need.key) {
            self.asked.store.remove(&need.key, stale);
        }
        let old = storable.terms.age(now()) >= SECOND;
        let now = now();
        let (mut response, terms, stored, source) = match body {
            Body::Stream(_) => {
                let head = self.entry(storable, status, Contents::default(), since);
                let terms = head.terms;
                let flow = self.asked.store.flow(body.length(), self.asked.caching.options.max_object);
                let flowing = Arc::new(Flowing { head, flow, part: None });
                // It has its reader before anything moves.
                let response = self.flowing(&flowing, now);
                let source = Source::coming(self.asked, &key, &flowing);
                settle_only(lead.as_ref(), Settled::Flowing(flowing.clone()));
                fill::spawn(Filling {
                    store: self.asked.store.clone(),
                    key,
                    flowing,
                    body,
                    max: self.asked.caching.options.max_object,
                    lead,
                    timer: self.forward.task.timer().clone(),
                    places: ticket.leave_upstream(),
                });
                (response.unwrap_or_else(|| Response::new(StatusCode::BAD_GATEWAY)), terms, true, source)
            }
            Body::Empty | Body::Full(_) => {
                drop(ticket.leave_upstream());
                let content = match &body {
                    Body::Full(bytes) => Content::copy(bytes),
                    _ => Content::Empty,
                };
                let fits = content.len() <= self.asked.caching.options.max_object;
                let entry = Arc::new(self.entry(storable, status, Contents::identity(content), since));
                let stored = fits && self.asked.store.put(&key, &entry);
                settle(lead, if stored { Settled::Whole(entry.clone()) } else { Settled::Alone });
                let source = Source::stored(self.asked, key.borrow(), &entry);
                (serve::answer(&entry, &self.question(now)), entry.terms, stored, source)
            }
        };
        if !response.headers.contains(&SET_COOKIE) {
            // It is not stored, but who asked gets it.
            said.all(&SET_COOKIE).for_each(|cookie| response.headers.append(SET_COOKIE, cookie.clone()));
        }
        let answer = Answer::fetched(response, need.why).stored(stored).of(source);
        if old { answer.aged(&terms, now) } else { answer }
    }

    /// A response without a date has that of its coming.
    pub(super) fn date(&self, storable: &mut Storable) {
        if !storable.headers.contains(&DATE) {
            let date = self.forward.client.worker.date.value(std::time::SystemTime::now());
            storable.headers.append(DATE, date);
        }
    }

    pub(super) fn entry(&self, storable: Storable, status: StatusCode, contents: Contents, since: u64) -> Entry {
        let mark = mark(self.asked, &storable, since);
        let Storable { terms, headers, vary, .. } = storable;
        // What we compress ourselves is one body for all; one that came with a coding is for those that ask in the same way.
        let ours = self.forward.route.codings.as_ref().is_some_and(|codings| codings.compresses());
        let vary = if ours && !headers.contains(&CONTENT_ENCODING) { vary.without(&ACCEPT_ENCODING) } else { vary };
        let chosen_by = Variant::of(vary, self.asked.request.headers());
        Entry::new(status, &headers, terms, chosen_by, contents, mark)
    }
}

/// Whether the request carried the conditions of what is stored.
fn validates(need: &Need) -> bool {
    need.why != Why::HitForMiss
}

pub(super) fn settle(lead: Option<Lead>, settled: Settled) {
    if let Some(lead) = lead {
        lead.settle(settled);
        lead.finish();
    }
}

pub(super) fn settle_only(lead: Option<&Lead>, settled: Settled) {
    if let Some(lead) = lead {
        lead.settle(settled);
    }
}

/// What purges look at in a response that was asked for under that number.
pub(super) fn mark(asked: &Asked<'_>, storable: &Storable, since: u64) -> Mark {
    let Storable { tags, search, .. } = storable;
    let (view, url) = (asked.view(), asked.url());
    let search = search.as_ref().map(|search| searches::tag(&url, search));
    let groups = tags.groups.iter().filter_map(|name| match group(view.scheme, view.authority, name) {
        Scope::Tag(tag) => Some(tag),
        _ => None,
    });
    asked.store.purges.mark(since, url.clone(), tags.tags.iter().cloned().chain(groups).chain(search))
}

/// A group of one origin (RFC 9875), as a tag that no origin can write.
pub(super) fn group(scheme: Scheme, authority: &str, name: &str) -> Scope {
    let authority = crate::http::authority::shortest(authority, scheme);
    Scope::Tag(format!("{}://{authority}\n{name}", scheme.as_str()).into())
}
